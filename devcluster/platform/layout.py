"""Where the local platform keeps its files and which addresses it uses: pure computation."""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from devcluster.errors import EnvironmentUnfit

DEFAULT_NETWORK = "10.203.0.0/22"
# It names a folder that `make down` removes, an interface and a cgroup.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
REGISTRY_PORT = 5000
OBJECT_STORE_PORT = 9000
API_PORT = 6443
METRICS_PORT = 4443
TRACKING_PORT = 5001
BUCKET = "mlifecycle-models"


@dataclass(frozen=True)
class Layout:
    """Names, folders and addresses of one local platform.

    Attributes:
        name: the platform's name, which its network namespace, node and cgroup carry.
        cache: what may be kept between platforms (tools, packages, base image).
        state: all that this platform owns; `make down` removes it.
        network: a /22, cut into four /24: link to this machine, pods, Services, reserve.
    """

    name: str
    cache: Path
    state: Path
    network: IPv4Network

    @property
    def link(self) -> IPv4Network:
        """The network between this machine and the node."""
        return self._part(0)

    @property
    def host_ip(self) -> IPv4Address:
        """This machine's end of the link."""
        return self.link[1]

    @property
    def node_ip(self) -> IPv4Address:
        """The node's end of the link: every part that listens does so here."""
        return self.link[2]

    @property
    def pod_network(self) -> IPv4Network:
        """Addresses of pods."""
        return self._part(1)

    @property
    def service_network(self) -> IPv4Network:
        """Cluster addresses of Services."""
        return self._part(2)

    @property
    def api_service_ip(self) -> IPv4Address:
        """Cluster address of Service `kubernetes`, by convention the first."""
        return self.service_network[1]

    @property
    def dns_ip(self) -> IPv4Address:
        """Cluster address of Service `kube-dns`, by convention the tenth."""
        return self.service_network[10]

    @property
    def registry(self) -> str:
        """Host and port of the registry, as image names carry it."""
        return f"{self.node_ip}:{REGISTRY_PORT}"

    @property
    def object_store(self) -> str:
        """URL of the S3 endpoint."""
        return f"http://{self.node_ip}:{OBJECT_STORE_PORT}"

    @property
    def tracking(self) -> str:
        """URL of the MLflow server."""
        return f"http://{self.node_ip}:{TRACKING_PORT}"

    @property
    def api_server(self) -> str:
        """URL of the Kubernetes API."""
        return f"https://{self.node_ip}:{API_PORT}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfigs" / "admin"

    @property
    def network_file(self) -> Path:
        """Holds the network, from before anything of it is made until all of it is gone."""
        return self.state / "network"

    @property
    def supervisor_socket(self) -> Path:
        """The supervisor's own API."""
        return self.state / "run" / "supervisor.sock"

    @property
    def host_interface(self) -> str:
        """This machine's interface of the link: the name's own, in Linux' 15 characters."""
        if len(self.name) <= 12:
            return f"{self.name}-up"
        return f"{self.name[:5]}{hashlib.sha256(self.name.encode()).hexdigest()[:7]}-up"

    def substitutions(
        self, *, bin_dir: Path, debs: Path, mlflow: Path, authority: bytes
    ) -> dict[str, str]:
        """What `${...}` in the files of `config/` stands for.

        Args:
            mlflow: the interpreter of the MLflow server.
            authority: the certificate of the platform's own authority (PEM).
        """
        return {
            "authority": base64.b64encode(authority).decode(),
            "name": self.name,
            "node_name": self.name,
            "state": str(self.state),
            "bin": str(bin_dir),
            "debs": str(debs),
            "mlflow": str(mlflow),
            "bucket": BUCKET,
            "tracking": self.tracking,
            "tracking_port": str(TRACKING_PORT),
            "node_ip": str(self.node_ip),
            "registry": self.registry,
            "registry_port": str(REGISTRY_PORT),
            "object_store": self.object_store,
            "object_store_port": str(OBJECT_STORE_PORT),
            "api_port": str(API_PORT),
            "metrics_port": str(METRICS_PORT),
            "pod_network": str(self.pod_network),
            "service_network": str(self.service_network),
            "dns_ip": str(self.dns_ip),
        }

    def _part(self, index: int) -> IPv4Network:
        return list(self.network.subnets(new_prefix=24))[index]


def layout_for(environment: Mapping[str, str]) -> Layout:
    """The layout that the process environment asks for.

    `MLIFECYCLE_PLATFORM` names the platform (default `mlifecycle`), `MLIFECYCLE_NETWORK` its /22;
    folders follow the XDG base directory specification.

    Raises:
        ValueError: the network is not an IPv4 /22, or the name is none.
    """
    home = Path(environment.get("HOME", "/root"))
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state")
    name = environment.get("MLIFECYCLE_PLATFORM") or "mlifecycle"
    if not NAME.fullmatch(name):
        raise ValueError(f"MLIFECYCLE_PLATFORM must match {NAME.pattern}, not {name!r}")
    asked = environment.get("MLIFECYCLE_NETWORK") or DEFAULT_NETWORK
    try:
        network = IPv4Network(asked)
    except ValueError as error:
        raise ValueError(f"MLIFECYCLE_NETWORK must be an IPv4 /22: {error}") from error
    if network.prefixlen != 22:
        raise ValueError(f"MLIFECYCLE_NETWORK must be an IPv4 /22, not {network}")
    return Layout(name, cache / "mlifecycle", state / "mlifecycle" / name, network)


def process_layout() -> Layout:
    """The layout of this process; a platform that was started keeps its addresses until `down`.

    Raises:
        EnvironmentUnfit: a variable that chooses it is unusable.
    """
    try:
        layout = layout_for(os.environ)
    except ValueError as error:
        raise EnvironmentUnfit(str(error)) from error
    if not layout.network_file.exists():
        return layout
    network = IPv4Network(layout.network_file.read_text())
    if os.environ.get("MLIFECYCLE_NETWORK") and network != layout.network:
        raise EnvironmentUnfit(
            f"the platform {layout.name} was started on {network}, not on {layout.network}: "
            "`make down` first, or give the other one a name: MLIFECYCLE_PLATFORM"
        )
    return replace(layout, network=network)
