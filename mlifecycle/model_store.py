"""How a stack reaches its model store; apart from what reads it, so that settings load fast."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelStore:
    """How this stack reaches the store; without a key the workload's own identity is used.

    Attributes:
        signers: public keys in PEM; a signature that an artifact has must be by one of them.
    """

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    signers: tuple[str, ...] = ()
