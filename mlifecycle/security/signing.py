"""Signed statements: a DSSE envelope in a Sigstore bundle, as cosign and Trivy read it."""

import base64
import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key

# https://github.com/sigstore/protobuf-specs, sigstore_bundle.proto
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class StatementSigner:
    """Signs statements, and tells those that it has signed from all others."""

    _signer: CryptoSigner
    _hint: str

    def __repr__(self) -> str:
        return f"StatementSigner({self._hint})"

    @classmethod
    def of_key(cls, pem: str) -> "StatementSigner":
        """The signer of a private key: PKCS 8, unencrypted, of curve P-256, as cosign's keys are.

        Raises:
            ValueError: it is another kind of key, or none.
        """
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise ValueError("it is no unencrypted private key in PEM") from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise ValueError("it is no ECDSA key of curve P-256")
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(CryptoSigner(key), base64.b64encode(hashlib.sha256(public).digest()).decode())

    @property
    def hint(self) -> str:
        """The digest of its public key, by which readers find that."""
        return self._hint

    def bundle(self, text: str, kind: str = STATEMENT) -> str:
        """A text of a media type, signed; an in-toto statement where none is said."""
        envelope = Envelope(text.encode(), kind, {})
        signature = envelope.sign(self._signer)
        return json.dumps(
            {
                "mediaType": BUNDLE,
                "verificationMaterial": {"publicKey": {"hint": self._hint}},
                "dsseEnvelope": {
                    "payload": base64.b64encode(envelope.payload).decode(),
                    "payloadType": kind,
                    "signatures": [
                        {"sig": base64.b64encode(bytes.fromhex(signature.signature)).decode()}
                    ],
                },
            }
        )

    def text(self, bundle: str, kind: str = STATEMENT) -> str | None:
        """What a bundle holds; None where this key has not signed just that, of that media type."""
        return signed_text(bundle, self._signer.public_key, kind)


def signed_text(bundle: str, key: Key, kind: str = STATEMENT) -> str | None:
    """What a bundle holds; None where a public key is not of the one who has signed just that."""
    try:
        envelope = json.loads(bundle)["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        opened = Envelope.from_dict(
            {**envelope, "signatures": [{"sig": signature["sig"], "keyid": key.keyid}]}
        )
        opened.verify([key], 1)
        return opened.payload.decode() if opened.payload_type == kind else None
    # Whatever a hostile document makes a library raise.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, VerificationError):
        return None
