"""Start and end the local platform."""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from devcluster.environments import python_with
from devcluster.platform import (
    certificates,
    images,
    ingress,
    leftovers,
    namespace,
    packages,
    preflight,
    supervisor,
)
from devcluster.platform.layout import BUCKET, Layout
from devcluster.toolchain import Toolchain
from mlifecycle.exclusive import exclusively

MODELS = Path(__file__).parents[2] / "models"
MLFLOW = Path(__file__).with_name("mlflow") / "requirements.txt"


def up(layout: Layout, toolchain: Toolchain, report: Callable[[str], None]) -> None:
    """Start what is not running, and wait until all of it is healthy.

    Raises:
        EnvironmentUnfit: this machine cannot run the platform; nothing was started.
    """
    bin_dir = toolchain.bin_dir
    with exclusively(layout.state):
        if is_running(layout, bin_dir):
            report("the local platform is running")
            supervisor.wait_until_healthy(layout, bin_dir, lambda _: None)
        else:
            preflight.check(layout)
            debs = packages.ensure_packages(layout.cache, report)
            mlflow = python_with(MLFLOW, "mlflow", report)
            report(f"starting the local platform in {layout.state}")
            _start(layout, bin_dir, debs, mlflow)
            supervisor.wait_until_healthy(layout, bin_dir, report)
        images.ensure_clients(layout, bin_dir)
        images.ensure_images(layout, toolchain, report)
        ingress.ensure_ingress(layout, bin_dir)
        _fill_model_store(layout)


def down(layout: Layout) -> bool:
    """End everything and remove the platform's state; False when there was nothing."""
    existed = layout.state.exists()
    if existed:
        with exclusively(layout.state, last=True):
            namespace.remove(layout)
            leftovers.end(layout)
            shutil.rmtree(layout.state)
    return existed


def is_running(layout: Layout, bin_dir: Path) -> bool:
    """Whether the supervisor answers."""
    return bool(supervisor.parts(layout, bin_dir))


def object_store_credentials(layout: Layout) -> tuple[str, str]:
    """Access key id and secret access key of the S3 endpoint, made at random on first use."""
    path = layout.state / "secrets" / "object-store-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # The engine hides a secret's text wherever it occurs, so it must not be a word.
        path.write_text(f"{secrets.token_hex(10)},{secrets.token_urlsafe(24)}")
    key_id, secret = path.read_text().split(",")
    return key_id, secret


def _start(layout: Layout, bin_dir: Path, debs: Path, mlflow: Path) -> None:
    # What a previous supervisor left here names namespaces and sockets that are gone.
    shutil.rmtree(layout.state / "run", ignore_errors=True)
    for folder in ("logs", "run", "run/tmp", "object-store"):
        (layout.state / folder).mkdir(parents=True, exist_ok=True)
    object_store_credentials(layout)
    certificates.ensure_certificates(layout, ingress.hosts())
    namespace.create(layout)
    authority = (layout.state / "certificates" / "ca.crt").read_bytes()
    values = layout.substitutions(bin_dir=bin_dir, debs=debs, mlflow=mlflow, authority=authority)
    supervisor.render_configuration(layout, values)
    paths = [bin_dir, debs / "usr/bin", debs / "usr/sbin", os.environ["PATH"]]
    environment = {
        "PATH": ":".join(map(str, paths)),
        "HOME": str(layout.state),
        "TMPDIR": str(layout.state / "run" / "tmp"),
        # The supervisor's health checks trust the platform's own authority.
        "SSL_CERT_FILE": str(layout.state / "certificates" / "ca.crt"),
    }
    supervisor.start(layout, environment, bin_dir=bin_dir, debs=debs)


def _fill_model_store(layout: Layout) -> None:
    """Put each committed model where its manifest says: `s3://BUCKET/<model>/v<version>`."""
    for version in sorted(MODELS.glob("*/*.*.*")):
        target = layout.state / "object-store" / BUCKET / version.parent.name / f"v{version.name}"
        if not target.exists():
            shutil.copytree(version, target)
