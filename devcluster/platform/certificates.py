"""Keys, certificates and kubeconfigs of the local cluster, made once for each platform."""

import datetime
import ipaddress
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devcluster.platform.layout import Layout

VALID_FOR = datetime.timedelta(days=3650)

# (kubeconfig, common name, organisation): Kubernetes reads user and group from these.
CLIENTS = (
    ("admin", "administrator", "system:masters"),
    ("controller-manager", "system:kube-controller-manager", None),
    ("scheduler", "system:kube-scheduler", None),
    ("kube-proxy", "system:kube-proxy", None),
    ("network-policy", "mlifecycle:network-policy", None),
    ("dns", "mlifecycle:dns", None),
    ("metrics-server", "mlifecycle:metrics-server", None),
)


def ensure_certificates(layout: Layout, hosts: list[str]) -> None:
    """Make all keys, certificates and kubeconfigs under the state folder, if they are not there.

    Args:
        hosts: what the ingress controller answers for.
    """
    folder = layout.state / "certificates"
    folder.mkdir(parents=True, exist_ok=True)
    authority = _Authority(folder)
    authority.issue(
        "api-server",
        "kube-apiserver",
        None,
        names=["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"],
        addresses=[str(layout.node_ip), str(layout.api_service_ip), "127.0.0.1"],
    )
    authority.issue("api-server-kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    # By this name the API server speaks for its callers to what extends it.
    authority.issue("front-proxy-client", "front-proxy-client", None)
    authority.issue(
        "metrics-server-serving",
        "metrics-server",
        None,
        names=["metrics-server.kube-system.svc"],
        addresses=[str(layout.node_ip)],
    )
    authority.issue("ingress", "ingress", None, names=hosts)
    clients = (*CLIENTS, ("kubelet", f"system:node:{layout.name}", "system:nodes"))
    for name, common_name, organisation in clients:
        authority.issue(name, common_name, organisation)
        _write_kubeconfig(layout, name)
    _ensure_service_account_keys(folder)


class _Authority:
    """A certificate authority whose key stays in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = _name("mlifecycle-local", None)
        key_file, certificate_file = folder / "ca.key", folder / "ca.crt"
        if certificate_file.exists():
            # One that an earlier version made goes on: what it lacks is made now.
            key: Any = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            self._key = key
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write_secret(key_file, _private_bytes(self._key))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        file_name: str,
        common_name: str,
        organisation: str | None,
        names: list[str] | None = None,
        addresses: list[str] | None = None,
    ) -> None:
        """Write `<file_name>.key` and `<file_name>.crt`; with names or addresses, for a server.

        What is there for the same names stays.
        """
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names or []]
        alternatives += [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses or []]
        certificate_file = self._folder / f"{file_name}.crt"
        if _names_of(certificate_file) == alternatives:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(_name(common_name, organisation), self._name, key).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        _write_secret(self._folder / f"{file_name}.key", _private_bytes(key))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _names_of(file: Path) -> list[x509.GeneralName] | None:
    """Whom a certificate is for, none where it is no server's; None where it is not there."""
    if not file.exists():
        return None
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(found.value)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that was set back a little must not make the cluster unreachable.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
    )


def _name(common_name: str, organisation: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _ensure_service_account_keys(folder: Path) -> None:
    if (folder / "service-account.pub").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    _write_secret(folder / "service-account.key", _private_bytes(key))
    (folder / "service-account.pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _write_kubeconfig(layout: Layout, name: str) -> None:
    certificates = layout.state / "certificates"
    path = layout.state / "kubeconfigs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cluster = {
        "server": layout.api_server,
        "certificate-authority": str(certificates / "ca.crt"),
    }
    user = {
        "client-certificate": str(certificates / f"{name}.crt"),
        "client-key": str(certificates / f"{name}.key"),
    }
    content = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": layout.name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": name}}],
            "current-context": layout.name,
        }
    )
    _write_secret(path, content.encode())
