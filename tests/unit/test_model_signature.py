"""Signatures of the OpenSSF, made by model_signing 1.1.1 over models/fraud-detector/2.1.0."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from devcluster.environments import python_with
from mlifecycle.artifact.signature import check_signature, load_signers
from mlifecycle.security.signing import StatementSigner
from tests.sandbox import ROOT

HERE = Path(__file__).parent / "signatures"
MODEL = ROOT / "models" / "fraud-detector" / "2.1.0"
DIGESTS = {
    name: hashlib.sha256((MODEL / name).read_bytes()).hexdigest()
    for name in ("golden.json", "model.onnx")
}
SIGNATURE = (HERE / "model.sig").read_bytes()
SIGNER = (HERE / "signer.pub").read_text()
OTHER = (HERE / "p384.pub").read_text()


@pytest.mark.parametrize(
    ("file", "signers", "expected"),
    [
        ("model.sig", (), "claimed"),
        ("model.sig", (SIGNER,), "verified"),
        ("model.sig", (OTHER, SIGNER), "verified"),
        ("p384.sig", (OTHER,), "verified"),
    ],
)
def test_a_signature_is_worth_what_is_known_of_its_signer(
    file: str, signers: tuple[str, ...], expected: str
) -> None:
    content = (HERE / file).read_bytes()
    assert check_signature(content, DIGESTS, load_signers(signers)) == expected


def resigned(change: Callable[[Any], None]) -> tuple[bytes, str]:
    """The statement changed and signed by a key of the test's own, and that one's public key."""
    statement = json.loads(base64.b64decode(json.loads(SIGNATURE)["dsseEnvelope"]["payload"]))
    change(statement)
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle = StatementSigner.of_key(pem).bundle(json.dumps(statement))
    return bundle.encode(), public.decode()


def forget_a_file(statement: Any) -> None:
    (golden, _) = statement["predicate"]["resources"]
    statement["predicate"]["resources"] = [golden]
    whole = hashlib.sha256(bytes.fromhex(golden["digest"])).hexdigest()
    statement["subject"][0]["digest"]["sha256"] = whole


def name_a_file_twice(statement: Any) -> None:
    statement["predicate"]["resources"][0]["name"] = "model.onnx"


def of_shards(statement: Any) -> None:
    statement["predicate"]["serialization"]["method"] = "shards"


def by_another_hash(statement: Any) -> None:
    statement["predicate"]["resources"][0]["algorithm"] = "blake2b"


def of_another_whole(statement: Any) -> None:
    statement["subject"][0]["digest"]["sha256"] = "0" * 64


def of_another_kind(statement: Any) -> None:
    statement["predicateType"] = "https://model_signing/Digests/v0.1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (forget_a_file, "does not cover model.onnx"),
        (name_a_file_twice, "is not of whole files"),
        (of_shards, "is not of whole files"),
        (by_another_hash, "is not of whole files"),
        (of_another_whole, "is not of whole files"),
        (of_another_kind, "is not of whole files"),
        (lambda statement: statement.pop("predicate"), "states nothing that can be read"),
    ],
)
def test_a_statement_that_is_not_of_these_files_is_refused_whoever_signed(
    change: Callable[[Any], None], reason: str
) -> None:
    content, public = resigned(change)
    for signers in ((), (public,)):
        with pytest.raises(ValueError, match=reason):
            check_signature(content, DIGESTS, load_signers(signers))


@pytest.mark.parametrize("name", DIGESTS)
def test_a_file_that_has_changed_since_is_named(name: str) -> None:
    changed = {**DIGESTS, name: "0" * 64}
    for signers in ((), (SIGNER,)):
        with pytest.raises(ValueError, match=f"is of another {name}"):
            check_signature(SIGNATURE, changed, load_signers(signers))


def test_a_signature_of_somebody_else_or_of_something_else_is_refused() -> None:
    content, _ = resigned(lambda _: None)
    with pytest.raises(ValueError, match="by none of the stack's modelSigners"):
        check_signature(content, DIGESTS, load_signers([SIGNER]))
    # The statement of one, the signature of another.
    bundle = json.loads(SIGNATURE)
    bundle["dsseEnvelope"]["payload"] = json.loads(content)["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] += "IA=="
    with pytest.raises(ValueError, match=r"by none of|is no model signature"):
        check_signature(json.dumps(bundle).encode(), DIGESTS, load_signers([SIGNER]))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_signature_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is no model signature of the OpenSSF"):
        check_signature(content, DIGESTS, [])


@pytest.mark.parametrize("signature", [1, None, [], {}, "*", ""])
def test_a_signature_that_is_no_text_is_nobodys(signature: object) -> None:
    bundle = json.loads(SIGNATURE)
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = signature
    with pytest.raises(ValueError, match="by none of the stack's modelSigners"):
        check_signature(json.dumps(bundle).encode(), DIGESTS, load_signers([SIGNER]))


@pytest.mark.parametrize("pem", ["", "text", "-----BEGIN PUBLIC KEY-----\n"])
def test_a_key_that_is_none_is_refused(pem: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_signers([pem])


@pytest.mark.full
@pytest.mark.timeout(900)
def test_what_model_signing_signs_today_is_verified(tmp_path: Path) -> None:
    python = python_with(ROOT / "tests" / "clients" / "requirements.txt", "clients")
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    signature = tmp_path / "model.sig"
    command = [python.with_name("model_signing"), "sign", "key", MODEL]
    command += ["--private_key", tmp_path / "key.pem", "--signature", signature]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signers = load_signers([public.decode()])
    assert check_signature(signature.read_bytes(), DIGESTS, signers) == "verified"
