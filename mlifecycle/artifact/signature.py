"""An artifact's own signature, of the OpenSSF: who says that these are the model's files.

`model_signing sign key FOLDER` writes one: a Sigstore bundle with an in-toto statement of every
file's digest (https://github.com/sigstore/model-transparency, predicate model_signing/signature).
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import SSlibKey

from mlifecycle.security.signing import signed_text

SIGNATURE_FILE = "model.sig"
PREDICATE = "https://model_signing/signature/v1.0"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
# Without one; with one, and nobody known whose it could be; by one whom the stack knows.
Signature = Literal["unsigned", "claimed", "verified"]


def load_signers(keys: Sequence[str]) -> list[SSlibKey]:
    """The public keys, PEM, of those whose signatures count.

    Raises:
        ValueError: one is none of ECDSA.
    """
    loaded = []
    for pem in keys:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, EllipticCurvePublicKey):
            raise ValueError("a key is no public key of ECDSA in PEM")
        loaded.append(SSlibKey.from_crypto(key))
    return loaded


def check_signature(
    content: bytes, digests: Mapping[str, str], signers: Sequence[SSlibKey]
) -> Signature:
    """Whether a signature is of these files.

    Args:
        digests: of each file that is served, 64 hex digits.
        signers: where there are any, one of them must have signed.

    Raises:
        ValueError: it is of other files, by nobody who counts, or no signature at all.
    """
    text = content.decode(errors="replace")
    try:
        payload = base64.b64decode(json.loads(text)["dsseEnvelope"]["payload"]).decode()
    except _UNREADABLE as error:
        raise ValueError("is no model signature of the OpenSSF") from error
    if signers and not any(signed_text(text, key) == payload for key in signers):
        raise ValueError("is by none of the stack's modelSigners")
    signed = _signed_digests(payload)
    for name, digest in digests.items():
        if name not in signed:
            raise ValueError(f"does not cover {name}: sign the whole folder again")
        if signed[name] != digest:
            raise ValueError(f"is of another {name}: it has changed since it was signed")
    return "verified" if signers else "claimed"


def _signed_digests(payload: str) -> dict[str, str]:
    try:
        document = json.loads(payload)
        (subject,), predicate = document["subject"], document["predicate"]
        form = predicate["serialization"]
        plain = (document["predicateType"], form["method"], form["hash_type"])
        resources: list[dict[str, Any]] = predicate["resources"]
        signed = {item["name"]: item["digest"] for item in resources}
        whole = hashlib.sha256(b"".join(bytes.fromhex(item["digest"]) for item in resources))
        is_sound = len(signed) == len(resources) and all(
            item["algorithm"] == "sha256" for item in resources
        )
        is_sound = is_sound and subject["digest"]["sha256"] == whole.hexdigest()
    except _UNREADABLE as error:
        raise ValueError("states nothing that can be read") from error
    if plain != (PREDICATE, "files", "sha256") or not is_sound:
        raise ValueError("is not of whole files by SHA-256: sign with model_signing's defaults")
    return signed
