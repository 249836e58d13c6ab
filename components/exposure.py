"""A model's address outside the cluster."""

import pulumi
from pulumi_kubernetes.networking import v1 as networking

from components.release import Release
from mlifecycle.governance.objects.awaiting import SKIP_AWAIT
from mlifecycle.stack.settings import StackSettings

# cert-manager's: who issues the certificate that it keeps in the Ingress' secret.
ISSUER = "cert-manager.io/cluster-issuer"


def ingress(
    release: Release, settings: StackSettings, options: pulumi.ResourceOptions
) -> networking.Ingress:
    """https for every caller; without an issuer, by the controller's own certificate."""
    host = settings.host_of(release.model)
    metadata = release.metadata()
    # The engine could only wait for a status, which many controllers never write.
    metadata.annotations = {SKIP_AWAIT: "true"}
    tls = networking.IngressTLSArgs(hosts=[host])
    if settings.certificate_issuer:
        metadata.annotations[ISSUER] = settings.certificate_issuer
        tls.secret_name = f"{release.model}-tls"
    backend = networking.IngressBackendArgs(
        service=networking.IngressServiceBackendArgs(
            name=release.model, port=networking.ServiceBackendPortArgs(name="http")
        )
    )
    return networking.Ingress(
        release.model,
        metadata=metadata,
        spec=networking.IngressSpecArgs(
            ingress_class_name=settings.ingress_class or None,
            tls=[tls],
            rules=[
                networking.IngressRuleArgs(
                    host=host,
                    http=networking.HTTPIngressRuleValueArgs(
                        paths=[
                            networking.HTTPIngressPathArgs(
                                path="/", path_type="Prefix", backend=backend
                            )
                        ]
                    ),
                )
            ],
        ),
        opts=options,
    )
