"""Whom a verification asks, and as which caller."""

from mlifecycle.manifest.schema import Manifest
from mlifecycle.release.verification import Target
from mlifecycle.stack.settings import StackSettings


def target_of(manifest: Manifest, settings: StackSettings) -> Target:
    """A model's Service in a stack."""
    model, spec = manifest.spec.model, manifest.spec
    inference, verification = spec.inference, spec.verification
    limits = inference.limits if inference else None
    keys = settings.api_keys.get(model.name, ()) if inference and inference.auth else ()
    return Target(
        namespace=settings.namespace_of(manifest),
        service=model.name,
        model=model.name,
        version=model.version,
        kube_context=settings.kube_context,
        rollout_seconds=settings.rollout_timeout_seconds,
        host=settings.host_of(model.name),
        ingress_address=settings.ingress_address,
        authority=settings.ingress_authority,
        key=keys[0] if keys else "",
        samples=verification.samples if verification else None,
        rows_at_once=limits.max_rows if limits else None,
    )
