"""The rule that `up` waits for what it deploys, and how long."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    PART_OF,
    POD_PATHS,
    PRODUCT,
    KubernetesObject,
)
from mlifecycle.governance.objects.values import known, section, shown
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

PATCH_FORCE = "pulumi.com/patchForce"
SKIP_AWAIT = "pulumi.com/skipAwait"
# Each switches off what makes `up` wait and refuse, and who may carry it all the same: an object
# that our own verification waits for.
_AWAIT_ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    SKIP_AWAIT: ("Deployment", "Ingress", "Service"),
    PATCH_FORCE: ("Deployment",),
}
TIMEOUT, _WAIT_FOR = "pulumi.com/timeoutSeconds", "pulumi.com/waitFor"
# Longer than the slowest rollout that a stack can be given.
LONGEST_WAIT_SECONDS = 3600
# Where it is told nothing (pulumi-kubernetes, the awaiter of a Deployment).
ENGINES_WAIT_SECONDS = 600
_AWAITED = (*POD_PATHS, "Service", "Ingress", "PersistentVolumeClaim")


def wait_seconds(item: KubernetesObject) -> int | None:
    """How long the engine is told to wait for an object; None where it is told nothing of use."""
    seconds = known(section(item.metadata, "annotations").get(TIMEOUT))
    words = "" if seconds is None else str(seconds)
    is_number = words.isascii() and words.isdigit() and len(words) <= len(str(LONGEST_WAIT_SECONDS))
    return int(words) if is_number and 0 < int(words) <= LONGEST_WAIT_SECONDS else None


def _check_await(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    annotations: Mapping[str, Any] = section(item.metadata, "annotations")
    path: Path
    seconds = known(annotations.get(TIMEOUT))
    if seconds is not None and wait_seconds(item) is None:
        path = ("metadata", "annotations", TIMEOUT)
        message = f"annotation {TIMEOUT} of {item.title} is {shown(seconds)}, not 1 to"
        yield Objection(f"{message} {LONGEST_WAIT_SECONDS}", shown(seconds), path)
    wanted = known(annotations.get(_WAIT_FOR))
    # For a kind that the engine knows, it replaces what makes that kind healthy.
    if wanted is not None and item.kind in _AWAITED:
        path = ("metadata", "annotations", _WAIT_FOR)
        yield Objection(
            f"annotation {_WAIT_FOR} of {item.title} is {shown(wanted)}", shown(wanted), path
        )
    for annotation, excepted in _AWAIT_ANNOTATIONS.items():
        value = known(annotations.get(annotation))
        if value in (None, "false"):
            continue
        if item.kind not in excepted or item.labels.get(PART_OF) != PRODUCT:
            message = f"annotation {annotation} of {item.title}"
            path = ("metadata", "annotations", annotation)
            yield Objection(f"{message} is {shown(value)}", shown(value), path)


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="await-kept",
        title="The engine waits for what it deploys",
        check=_check_await,
        reason="An update that does not wait calls a broken object healthy",
        remediation="Remove the annotation, or give timeoutSeconds of at most an hour",
        frameworks=("NIST SP 800-53 CM-3",),
    ),
)
