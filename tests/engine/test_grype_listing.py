"""Grype's database from the address of a listing, as its vendor publishes it."""

import hashlib
import json
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devcluster import advisory_database
from mlifecycle.process import run_tool
from tests.engine.gates import LOCK, TODAY, Gate


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the tests' own output."""


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address, and the folder that is served there."""
    folder = tmp_path / "databases" / "v6"
    folder.mkdir(parents=True)
    handler = partial(Quiet, directory=folder.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        serving.join()


def publish(folder: Path, artifact: str, checksum: str = "") -> None:
    """What a registry has of the database, as an archive behind a listing."""
    run_tool(["regctl", "artifact", "get", "--output", folder, artifact], timeout=60)
    (archive,) = folder.iterdir()
    with tarfile.open(archive) as content:
        content.extract("vulnerability.db", folder.parent, filter="data")
    with closing(sqlite3.connect(folder.parent / "vulnerability.db")) as database:
        row = database.execute(
            "select build_timestamp, model, revision, addition from db_metadata"
        ).fetchone()
    latest = {
        "status": "active",
        "schemaVersion": ".".join(map(str, row[1:])),
        "built": row[0].replace(" ", "T"),
        "path": archive.name,
        "checksum": checksum or f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}",
    }
    (folder / "latest.json").write_text(json.dumps(latest))


def test_what_it_lists_is_what_grype_knows(gate: Gate, listing: tuple[str, Path]) -> None:
    address, folder = listing
    publish(folder, gate.settings.scanners.grype_database)
    scans = gate.with_scanners(grype_database=address).passes(LOCK).evidence.scans
    by_grype = [scan for scan in scans if scan.scanner == "grype"]
    assert {scan.target for scan in by_grype} == {"image", "lock"}
    assert {scan.database.origin for scan in by_grype if scan.database} == {address}


def test_an_archive_of_another_checksum_refuses(gate: Gate, listing: tuple[str, Path]) -> None:
    address, folder = listing
    publish(folder, gate.settings.scanners.grype_database, f"sha256:{'0' * 64}")
    said = gate.with_scanners(grype_database=address).refuses(LOCK)
    assert "checksum" in said.lower(), said


def test_a_listing_that_is_not_there_refuses(gate: Gate, listing: tuple[str, Path]) -> None:
    address, _ = listing
    said = gate.with_scanners(grype_database=address).refuses(LOCK)
    assert "grype failed with exit code" in said
    assert "404" in said or "listing" in said, said


def test_an_old_archive_refuses(gate: Gate, listing: tuple[str, Path]) -> None:
    address, folder = listing
    layout, old = gate.platform.layout, TODAY - timedelta(days=8)
    advisory_database.publish(layout, gate.platform.toolchain.bin_dir, folder="old/", day=old)
    own = gate.settings.scanners.grype_database
    publish(folder, own.replace(layout.registry, f"{layout.registry}/old"))
    said = gate.with_scanners(grype_database=address).refuses(LOCK)
    assert f"{address} is 8 days old" in said
