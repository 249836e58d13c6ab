"""Statements that a key has signed, and all that it has not."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from mlifecycle.security.signing import StatementSigner


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


KEY = pem(ec.generate_private_key(ec.SECP256R1()))
SIGNER = StatementSigner.of_key(KEY)
STATEMENT = '{"_type": "https://in-toto.io/Statement/v1"}'
BUNDLE = SIGNER.bundle(STATEMENT)


def test_a_key_knows_what_it_has_signed() -> None:
    assert SIGNER.text(BUNDLE) == STATEMENT
    assert StatementSigner.of_key(KEY).text(BUNDLE) == STATEMENT


def test_another_key_has_not_signed_it() -> None:
    other = StatementSigner.of_key(pem(ec.generate_private_key(ec.SECP256R1())))
    assert other.text(BUNDLE) is None


def changed(**envelope: object) -> str:
    bundle = json.loads(BUNDLE)
    bundle["dsseEnvelope"] |= envelope
    return json.dumps(bundle)


@pytest.mark.parametrize(
    "bundle",
    [
        changed(payload=base64.b64encode(b"{}").decode()),
        changed(payload="?"),
        changed(payloadType="text/plain"),
        changed(signatures=[]),
        changed(signatures=[{"sig": ""}]),
        changed(signatures=[{"sig": "AAAA"}]),
        changed(signatures=[{}]),
        changed(signatures=json.loads(BUNDLE)["dsseEnvelope"]["signatures"] * 2),
        *("", "[]", "null", "{}", '{"dsseEnvelope": []}', '{"dsseEnvelope": {}}', STATEMENT),
    ],
)
def test_what_is_no_bundle_of_it_states_nothing(bundle: str) -> None:
    assert SIGNER.text(bundle) is None


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "no unencrypted private key"),
        ("-----BEGIN PUBLIC KEY-----", "no unencrypted private key"),
        (pem(ec.generate_private_key(ec.SECP256R1()), b"x"), "no unencrypted private key"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "curve P-256"),
        (pem(rsa.generate_private_key(65537, 2048)), "curve P-256"),
    ],
)
def test_other_keys_are_refused_without_a_word_of_them(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        StatementSigner.of_key(key)
    assert not key or key not in str(refusal.value)


def test_the_key_is_in_no_representation() -> None:
    assert repr(SIGNER).startswith("StatementSigner(")
    assert "PRIVATE" not in repr(SIGNER)
