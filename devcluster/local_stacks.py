"""The stacks' configuration for the local platform, composed outside the checkout.

Pulumi runs in a project folder of the platform's: a copy of Pulumi.yaml that points at the
checkout, and each committed stack file with the local addresses put in. So `pulumi preview -s prod`
and `-s dev` each find their own file, and the checkout stays clean.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import yaml

from devcluster.advisory_database import GRYPE, TRIVY
from devcluster.platform import images, lifecycle
from devcluster.platform.layout import OBJECT_STORE_PORT, Layout
from devcluster.toolchain import Toolchain
from mlifecycle.process import run_tool

CHECKOUT = Path(__file__).parents[1]
STACKS = ("dev", "prod")
PULUMI_SECONDS = 120
# The only keys in which a local stack may differ from the committed one, and which are secret.
LOCAL_KEYS = (
    "mlifecycle:registry",
    "mlifecycle:baseImage",
    "mlifecycle:trivyDatabase",
    "mlifecycle:grypeDatabase",
    "mlifecycle:modelStoreEndpoint",
    "mlifecycle:mlflowTrackingUri",
    "mlifecycle:ingressAddress",
    "mlifecycle:ingressAuthority",
    "mlifecycle:egress",
)
SECRET_KEYS = ("mlifecycle:modelStoreAccessKeyId", "mlifecycle:modelStoreSecretAccessKey")


def shell_environment(layout: Layout, bin_dir: Path) -> dict[str, str]:
    """What a shell needs so that plain `pulumi`, `kubectl` and `mlifecycle` use the platform."""
    paths = [CHECKOUT / ".venv" / "bin", bin_dir]
    return {
        "PATH": ":".join([*map(str, paths), os.environ["PATH"]]),
        "KUBECONFIG": str(layout.kubeconfig),
        "PULUMI_BACKEND_URL": f"file://{layout.state / 'pulumi'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(layout.state / "secrets" / "passphrase"),
        "PULUMI_OPTION_CWD": str(project_folder(layout)),
        "PULUMI_OPTION_POLICY_PACK": str(CHECKOUT / "policy_pack"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Our own plugins, at the versions that the program's packages want; no other is looked for.
        "PULUMI_HOME": str(layout.state / "pulumi-home"),
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        **images.client_environment(layout),
    }


def project_folder(layout: Layout) -> Path:
    """Where Pulumi finds the local project."""
    return layout.state / "project"


def other_checkout(layout: Layout) -> str | None:
    """The checkout that the local stacks run, where it is not this one; the last start decides."""
    project = project_folder(layout) / "Pulumi.yaml"
    runs = str(_read(project)["main"]) if project.exists() else str(CHECKOUT)
    return None if runs == str(CHECKOUT) else runs


def local_values(layout: Layout) -> dict[str, Any]:
    """The local platform's value of each of `LOCAL_KEYS`."""
    values = (
        layout.registry,
        f"{layout.registry}/{images.PYTHON_BASE}",
        f"{layout.registry}/{TRIVY.repository}",
        f"{layout.registry}/{GRYPE.repository}",
        layout.object_store,
        layout.tracking,
        str(layout.node_ip),
        str(layout.state / "certificates" / "ca.crt"),
        # DNS is no pod here: the node answers.
        [
            f"{layout.node_ip}/32:{OBJECT_STORE_PORT}",
            f"{layout.node_ip}/32:53/udp",
            f"{layout.node_ip}/32:53",
        ],
    )
    return dict(zip(LOCAL_KEYS, values, strict=True))


def ensure_stacks(layout: Layout, toolchain: Toolchain) -> None:
    """Compose the project and make both stacks, with their secrets encrypted."""
    bin_dir = toolchain.bin_dir
    _ensure_passphrase(layout)
    folder = project_folder(layout)
    folder.mkdir(parents=True, exist_ok=True)
    (layout.state / "pulumi").mkdir(exist_ok=True)
    _compose_project(folder)
    _ensure_plugins(layout, toolchain)
    for stack in STACKS:
        path = folder / f"Pulumi.{stack}.yaml"
        compose_stack(stack, path, local_values(layout))
        if "encryptionsalt" not in _read(path):
            _pulumi(layout, bin_dir, "stack", "init", stack)
        if not _read(path)["config"].keys() >= set(SECRET_KEYS):
            credentials = lifecycle.object_store_credentials(layout)
            for key, value in zip(SECRET_KEYS, credentials, strict=True):
                # By standard input: an argument could be seen by every user of this machine.
                command = ("config", "set", "--stack", stack, "--secret", key)
                _pulumi(layout, bin_dir, *command, standard_input=value)


def compose_stack(stack: str, path: Path, values: dict[str, Any]) -> None:
    """Write a stack file: the committed values, the local ones, and what Pulumi keeps in it."""
    committed = _read(CHECKOUT / f"Pulumi.{stack}.yaml")
    existing = _read(path) if path.exists() else {"config": {}}
    kept = {key: existing["config"][key] for key in SECRET_KEYS if key in existing["config"]}
    composed = {**existing, **committed, "config": {**committed["config"], **values, **kept}}
    _write(path, composed)


def _ensure_plugins(layout: Layout, toolchain: Toolchain) -> None:
    """Put the resource providers where Pulumi looks for plugins."""
    for tool in toolchain.tools:
        name = tool.name.removeprefix("pulumi-resource-")
        # One that is on PATH comes with Pulumi itself.
        if name != tool.name and not (toolchain.bin_dir / tool.name).exists():
            installed = (
                layout.state / "pulumi-home" / "plugins" / f"resource-{name}-v{tool.version}"
            )
            if not installed.exists():
                install = ("plugin", "install", "resource", name, f"v{tool.version}")
                _pulumi(layout, toolchain.bin_dir, *install, "--file", str(tool.path))


def _compose_project(folder: Path) -> None:
    project = _read(CHECKOUT / "Pulumi.yaml")
    project["main"] = str(CHECKOUT)
    project["runtime"]["options"]["virtualenv"] = str(CHECKOUT / ".venv")
    _write(folder / "Pulumi.yaml", project)
    # So that `--policy-pack policy_pack`, as the documents print it, is found from here too, and
    # from there its `../.venv`, which the engine looks for without following the link.
    for name in ("policy_pack", ".venv"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(CHECKOUT / name)


def _ensure_passphrase(layout: Layout) -> None:
    path = layout.state / "secrets" / "passphrase"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _pulumi(layout: Layout, bin_dir: Path, *arguments: str, standard_input: str = "") -> None:
    run_tool(
        [bin_dir / "pulumi", *arguments],
        timeout=PULUMI_SECONDS,
        environment=shell_environment(layout, bin_dir),
        standard_input=standard_input,
    )
