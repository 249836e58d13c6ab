"""How a stack reaches its model store; apart from what reads it, so that settings load fast."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelStore:
    """How this stack reaches the store; without a key the workload's own identity is used.

    Attributes:
        key: of a store other than S3: a GCS service account's JSON, an Azure account's key, or a
            bearer token of the https server that `endpoint` names; `user:password` of the OCI
            registry that it names.
        tracking_uri: of the MLflow server that knows where registered models are.
        signers: public keys in PEM; a signature that an artifact has must be by one of them.
    """

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    key: str = field(default="", repr=False)
    tracking_uri: str = ""
    signers: tuple[str, ...] = ()

    @property
    def is_keyed(self) -> bool:
        """Whether pods need a Secret, and no identity of their own."""
        return bool(self.access_key_id or self.key)
