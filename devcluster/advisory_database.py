"""The stand-in vulnerability database, from reviewed advisories, published like the vendor's."""

import datetime
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import yaml

from devcluster.errors import EnvironmentUnfit
from devcluster.platform.images import client_environment
from devcluster.platform.layout import Layout

ADVISORIES = Path(__file__).parent / "advisories.yaml"
REPOSITORY = "trivy-db"
TAG = "2"
ARTIFACT_TYPE = "application/vnd.aquasec.trivy.config.v1+json"
LAYER_TYPE = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
COMMAND_SECONDS = 60


def publish(layout: Layout, bin_dir: Path) -> None:
    """Build the database and push it to the local registry, dated today.

    Raises:
        EnvironmentUnfit: the builder or the registry refuses.
    """
    document: dict[str, Any] = yaml.safe_load(ADVISORIES.read_text())
    document["updated_at"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT00:00:00Z")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "advisories.yaml").write_text(yaml.safe_dump(document))
        _run(layout, folder, bin_dir / "trivy-db-build", "advisories.yaml", "database")
        with tarfile.open(folder / "db.tar.gz", "w:gz") as archive:
            for file in ("trivy.db", "metadata.json"):
                archive.add(folder / "database" / file, arcname=file)
        _run(
            layout,
            folder,
            *(bin_dir / "regctl", "artifact", "put", "--artifact-type", ARTIFACT_TYPE),
            *("--file", "db.tar.gz", "--file-media-type", LAYER_TYPE, "--file-title"),
            f"{layout.registry}/{REPOSITORY}:{TAG}",
        )


def _run(layout: Layout, folder: Path, *command: str | Path) -> None:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **client_environment(layout)},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        name = Path(command[0]).name
        raise EnvironmentUnfit(f"{name} failed: {result.stderr.strip()[-2000:]}")
