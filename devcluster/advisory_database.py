"""The stand-in vulnerability database, from reviewed advisories, published like the vendor's."""

import datetime
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import yaml

from devcluster.platform.images import client_environment
from devcluster.platform.layout import Layout
from mlifecycle.process import run_tool

ADVISORIES = Path(__file__).parent / "advisories.yaml"
REPOSITORY = "trivy-db"
TAG = "2"
ARTIFACT_TYPE = "application/vnd.aquasec.trivy.config.v1+json"
LAYER_TYPE = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
COMMAND_SECONDS = 60


def publish(layout: Layout, bin_dir: Path) -> None:
    """Build the database and push it to the local registry, dated today.

    Raises:
        ToolError: the builder or the registry refuses.
    """
    document: dict[str, Any] = yaml.safe_load(ADVISORIES.read_text())
    document["updated_at"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT00:00:00Z")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "advisories.yaml").write_text(yaml.safe_dump(document))
        run_tool(
            [bin_dir / "trivy-db-build", "advisories.yaml", "database"],
            timeout=COMMAND_SECONDS,
            directory=folder,
        )
        with tarfile.open(folder / "db.tar.gz", "w:gz") as archive:
            for file in ("trivy.db", "metadata.json"):
                archive.add(folder / "database" / file, arcname=file)
        run_tool(
            [
                *(bin_dir / "regctl", "artifact", "put", "--artifact-type", ARTIFACT_TYPE),
                *("--file", "db.tar.gz", "--file-media-type", LAYER_TYPE, "--file-title"),
                f"{layout.registry}/{REPOSITORY}:{TAG}",
            ],
            timeout=COMMAND_SECONDS,
            directory=folder,
            environment=client_environment(layout),
        )
