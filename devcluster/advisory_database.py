"""The stand-in vulnerability databases, from reviewed advisories, published as artifacts."""

import contextlib
import datetime
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.platform.images import client_environment
from devcluster.platform.layout import Layout
from mlifecycle.process import run_tool
from mlifecycle.security import grype

ADVISORIES = Path(__file__).parent / "advisories.yaml"
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class StandInDatabase:
    """How one scanner's database is built and published."""

    builder: str
    files: tuple[str, ...]
    repository: str
    artifact_type: str
    layer_type: str


# As the vendor publishes it.
TRIVY = StandInDatabase(
    builder="trivy-db-build",
    files=("trivy.db", "metadata.json"),
    repository="trivy-db:2",
    artifact_type="application/vnd.aquasec.trivy.config.v1+json",
    layer_type="application/vnd.aquasec.trivy.db.layer.v1.tar+gzip",
)
GRYPE = StandInDatabase(
    builder="grype-db-build",
    files=("vulnerability.db",),
    repository="grype-db:6",
    artifact_type=grype.ARTIFACT_TYPE,
    layer_type=grype.LAYER_TYPE,
)


def publish(
    layout: Layout,
    bin_dir: Path,
    *,
    folder: str = "",
    day: datetime.date | None = None,
) -> None:
    """Build the databases and push them to the local registry.

    Args:
        folder: before their names in the registry.
        day: the date that they carry; None is today's.

    Raises:
        ToolError: a builder or the registry refuses.
    """
    document: dict[str, Any] = yaml.safe_load(ADVISORIES.read_text())
    today = datetime.datetime.now(datetime.UTC).date()
    document["updated_at"] = f"{day or today}T00:00:00Z"
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "advisories.yaml").write_text(yaml.safe_dump(document))
        for database in (TRIVY, GRYPE):
            _build(database, Path(name), bin_dir)
            if database is GRYPE:
                _date(Path(name) / GRYPE.builder / GRYPE.files[0], day or today)
            address = f"{layout.registry}/{folder}{database.repository}"
            _publish(database, Path(name), address, client_environment(layout), bin_dir)


def _build(database: StandInDatabase, folder: Path, bin_dir: Path) -> None:
    run_tool(
        [bin_dir / database.builder, "advisories.yaml", database.builder],
        timeout=COMMAND_SECONDS,
        directory=folder,
    )


def _date(file: Path, day: datetime.date) -> None:
    """Grype's own writer takes the time of its run, which says nothing of what is in there."""
    with contextlib.closing(sqlite3.connect(file)) as store, store:
        store.execute("UPDATE db_metadata SET build_timestamp = ?", (f"{day} 00:00:00+00:00",))


def _publish(
    database: StandInDatabase,
    folder: Path,
    address: str,
    environment: Mapping[str, str],
    bin_dir: Path,
) -> None:
    with tarfile.open(folder / "db.tar.gz", "w:gz") as archive:
        for file in database.files:
            archive.add(folder / database.builder / file, arcname=file)
    run_tool(
        [
            *(bin_dir / "regctl", "artifact", "put", "--artifact-type", database.artifact_type),
            *("--file", "db.tar.gz", "--file-media-type", database.layer_type, "--file-title"),
            address,
        ],
        timeout=COMMAND_SECONDS,
        directory=folder,
        environment=environment,
    )
