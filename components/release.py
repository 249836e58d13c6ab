"""What the objects of one release have in common: names and labels."""

from dataclasses import dataclass

from pulumi_kubernetes.meta import v1 as meta

from mlifecycle.image import names


@dataclass(frozen=True)
class Release:
    """What the objects carry of one release.

    Attributes:
        lock_digest: of what its dependencies are locked to.
    """

    model: str
    version: str
    namespace: str
    team: str
    lock_digest: str

    def labels(self) -> dict[str, str]:
        """Recommended labels, and the three that people select by, on every object."""
        return {
            "app": self.model,
            "version": names.version_label(self.version),
            "team": self.team,
            "app.kubernetes.io/name": self.model,
            "app.kubernetes.io/instance": self.model,
            "app.kubernetes.io/version": names.version_label(self.version),
            "app.kubernetes.io/component": "inference",
            "app.kubernetes.io/part-of": "mlifecycle",
            "app.kubernetes.io/managed-by": "pulumi",
        }

    def selector(self) -> dict[str, str]:
        """What never changes while the model lives."""
        return {"app.kubernetes.io/name": self.model, "app.kubernetes.io/component": "inference"}

    def metadata(self) -> meta.ObjectMetaArgs:
        """Name, namespace and labels."""
        return meta.ObjectMetaArgs(name=self.model, namespace=self.namespace, labels=self.labels())
