"""Readers of evidence that are not ours: cosign, which verifies it, and Trivy, which uses it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mlifecycle.security.attestations import SBOM, SUMMARY, VULNERABILITIES

# No transparency log and no certificates stand behind a key of one's own.
TRUSTED_ROOT = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}


@dataclass(frozen=True)
class KeyPair:
    """A key as cosign makes them.

    Attributes:
        private: PEM.
        public: a file with the other half, in PEM.
    """

    private: str
    public: Path

    @classmethod
    def make(cls, folder: Path) -> "KeyPair":
        """A new one, in a folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = folder / "key.pub"
        public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return cls(private.decode(), public)


def assert_cosign_verifies(
    image: str, key: KeyPair, cosign: Path, environment: Mapping[str, str]
) -> None:
    """An image has a statement of each kind of the gate's, by that key."""
    root = key.public.with_name("root.json")
    root.write_text(json.dumps(TRUSTED_ROOT))
    for kind in (SBOM, VULNERABILITIES, SUMMARY):
        _run(
            *(str(cosign), "verify-attestation", "--key", str(key.public)),
            *("--private-infrastructure", "--trusted-root", str(root), "--type", kind, image),
            environment=environment,
        )


def packages_by_trivy(image: str, folder: Path, environment: Mapping[str, str]) -> set[str]:
    """The packages of an image that Trivy finds in what is stated of it, without a look inside."""
    report = folder / "trivy.json"
    said = _run(
        *("trivy", "image", "--sbom-sources", "oci", "--format", "json", "--list-all-pkgs"),
        *("--skip-db-update", "--skip-java-db-update", "--skip-version-check", "--offline-scan"),
        *("--disable-telemetry", "--scanners", "license", "--output", str(report), image),
        environment=environment,
    )
    assert "Found SBOM" in said, said
    return {
        package["Name"]
        for result in json.loads(report.read_text())["Results"]
        for package in result.get("Packages") or ()
    }


def _run(*command: str, environment: Mapping[str, str]) -> str:
    found = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [found, *command[1:]],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
