"""Each way in which the gate can fail on real tools: it refuses, says why, and leaves nothing."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from devcluster import advisory_database
from mlifecycle import registry
from mlifecycle.process import ToolError
from mlifecycle.release.publication import publish
from tests.engine.gates import LOCK, SEED, TODAY, Gate
from tests.engine.registries import OwnRegistry, small_registry
from tests.sandbox import ROOT

FAULTS = {
    "crashes": ("exit 1", "failed with exit code 1"),
    "hangs": ("sleep 300", "did not end within 4 s"),
    "prints-nothing": ("exit 0", "printed nothing"),
    "prints-half": ("printf '{\"matches\": ['", "printed half a document"),
}


def misbehave(gate: Gate, tool: str, fault: str, unless: str) -> str:
    """Put a tool before the real one; what it is asked for `unless` goes to the real one."""
    real = shutil.which(tool)
    body, expected = FAULTS[fault]
    file = gate.path / tool
    case = f'case " $* " in {unless}) exec {real} "$@";; esac'
    file.write_text(f"#!/bin/bash\n{case}\n{body}\n")
    file.chmod(0o755)
    return f"{tool} {expected}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_second_scanner_that_fails_refuses(gate: Gate, fault: str) -> None:
    expected = misbehave(gate, "grype", fault, '*" version "*|*" db "*')
    quick = gate.with_scanners(seconds=4)
    assert expected in quick.refuses(LOCK)
    assert not list(quick.settings.scanners.cache.rglob("scans.json"))


@pytest.mark.parametrize("tool", ["grype", "trivy"])
def test_a_scanner_that_is_not_there_refuses(
    gate: Gate, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = gate.path.parent / "hidden"
    hidden.mkdir()
    for file in gate.platform.toolchain.bin_dir.iterdir():
        if file.name != tool:
            (hidden / file.name).symlink_to(file)
    monkeypatch.setenv("PATH", f"{hidden}:/usr/bin:/bin")
    assert f"{tool} cannot be started" in gate.refuses(LOCK)


@pytest.mark.parametrize("scanner", ["trivy", "grype"])
def test_a_database_that_is_not_there_refuses(gate: Gate, scanner: str) -> None:
    nowhere = f"{gate.settings.scanners.registry}/nowhere/{scanner}-db:2"
    said = gate.with_scanners(**{f"{scanner}_database": nowhere}).refuses(LOCK)
    assert "not found" in said.lower() or "manifest unknown" in said.lower(), said


@pytest.mark.parametrize("scanner", ["trivy", "grype"])
def test_a_database_that_is_old_refuses(gate: Gate, scanner: str) -> None:
    layout, toolchain = gate.platform.layout, gate.platform.toolchain
    old = TODAY - timedelta(days=8)
    advisory_database.publish(layout, toolchain.bin_dir, folder="old/", day=old)
    own = getattr(gate.settings.scanners, f"{scanner}_database")
    address = own.replace(layout.registry, f"{layout.registry}/old")
    said = gate.with_scanners(**{f"{scanner}_database": address}).refuses(LOCK)
    assert f"{address} is 8 days old" in said


@pytest.mark.parametrize("scanner", ["trivy", "grype"])
def test_a_database_that_is_damaged_refuses(gate: Gate, scanner: str, tmp_path: Path) -> None:
    layout = gate.platform.layout
    database = {"trivy": advisory_database.TRIVY, "grype": advisory_database.GRYPE}[scanner]
    (tmp_path / "db.tar.gz").write_bytes(b"no archive")
    address = f"{layout.registry}/damaged/{database.repository}"
    subprocess.run(
        [
            *("regctl", "artifact", "put", "--artifact-type", database.artifact_type),
            *("--file", "db.tar.gz", "--file-media-type", database.layer_type, "--file-title"),
            address,
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    said = gate.with_scanners(**{f"{scanner}_database": address}).refuses(LOCK)
    assert f"{scanner} failed with exit code" in said


def test_evidence_from_another_origin_counts_for_nothing(gate: Gate, tmp_path: Path) -> None:
    """What a stand-in's database said must not open the gate of a stack that accepts another."""
    evidence = gate.passes().evidence
    target = gate.destination()
    gate.push(evidence, target)
    publish(evidence, gate.inputs, SEED, target)
    elsewhere = gate.with_scanners(cache=tmp_path / "elsewhere")
    found = elsewhere.passes().evidence.scans
    assert {scan.model_dump_json() for scan in found} == {
        scan.model_dump_json() for scan in evidence.scans
    }
    nowhere = f"{gate.settings.scanners.registry}/nowhere/trivy-db:2"
    assert "nowhere" in elsewhere.with_scanners(trivy_database=nowhere).refuses()


@pytest.mark.parametrize(
    ("scanner", "name"), [("trivy", "trivy.db"), ("grype", "vulnerability.db")]
)
def test_a_database_that_was_damaged_on_this_machine_is_fetched_anew(
    gate: Gate, scanner: str, name: str
) -> None:
    cache = gate.settings.scanners.cache
    gate.passes(LOCK)
    (database,) = (cache / scanner).rglob(name)
    database.write_bytes(b"damaged")
    for folder in ("gate", "runtimes", "versions"):
        shutil.rmtree(cache / folder)
    assert scanner in gate.refuses(LOCK)
    assert gate.passes(LOCK).evidence.image_digest


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stand_ins_evidence_is_none_for_the_committed_stacks(
    gate: Gate, tmp_path: Path, stack: str
) -> None:
    """They name the vendors' databases; and no scanner is there to look anew."""
    evidence = gate.passes().evidence
    target = gate.destination()
    gate.push(evidence, target)
    publish(evidence, gate.inputs, SEED, target)
    committed = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    vendors = gate.with_scanners(
        cache=tmp_path / "elsewhere",
        trivy_database=committed["mlifecycle:trivyDatabase"],
        grype_database=committed["mlifecycle:grypeDatabase"],
    )
    misbehave(gate, "trivy", "crashes", '*" version "*')
    # Whether this machine reaches the vendors or not, here they do not answer.
    expected = misbehave(gate, "regctl", "crashes", f'*"{vendors.settings.scanners.registry}"*')
    assert expected in vendors.refuses()
    # Where the evidence counts, nothing is looked at anew.
    found = gate.with_scanners(cache=tmp_path / "third").passes().evidence
    assert found.image_digest == evidence.image_digest


def test_a_layout_that_was_swapped_after_the_scan_is_not_pushed(gate: Gate) -> None:
    evidence = gate.passes().evidence
    (layout,) = gate.settings.scanners.cache.rglob("layout")
    blob = layout / "blobs" / evidence.image_digest.replace(":", "/")
    blob.write_bytes(blob.read_bytes().replace(b"amd64", b"arm64") + b" ")
    target = gate.destination()
    with pytest.raises(ToolError):
        registry.push_layout(layout, target.repository, evidence.image_digest)
    with pytest.raises(ToolError, match="which was scanned: what was pushed is something else"):
        publish(evidence, gate.inputs, SEED, target)
    assert registry.find_digest(f"{target.repository}:1.0.0") is None


@pytest.mark.parametrize("size", ["1m", "24m"])
def test_a_full_disk_refuses_and_the_next_run_is_whole(
    gate: Gate, tmp_path: Path, size: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", small], check=True)
    try:
        cramped = gate.with_scanners(cache=small / "cache")
        said = cramped.refuses(LOCK)
        assert said.startswith("❌ Build or security scan failed"), said
        assert "no space left" in said.lower(), said
        subprocess.run(["mount", "-o", "remount,size=2g", small], check=True)
        assert cramped.passes(LOCK).evidence.image_digest
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


@pytest.fixture
def own_registry(
    request: pytest.FixtureRequest, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnRegistry]:
    with small_registry(gate.platform, tmp_path, size="16m", locked=request.param) as registry:
        monkeypatch.setenv("REGCTL_CONFIG", str(registry.regctl))
        yield registry


@pytest.mark.parametrize("own_registry", [False], indirect=True)
def test_a_full_registry_is_given_no_name(gate: Gate, own_registry: OwnRegistry) -> None:
    evidence = gate.passes().evidence
    target = gate.destination(own_registry.host)
    with pytest.raises(ToolError, match="regctl failed"):
        gate.push(evidence, target)
    with pytest.raises(ToolError, match="does not hold"):
        publish(evidence, gate.inputs, SEED, target)
    subprocess.run(["mount", "-o", "remount,size=1g", own_registry.folder], check=True)
    gate.push(evidence, target)
    publish(evidence, gate.inputs, SEED, target)
    assert registry.find_digest(f"{target.repository}:1.0.0") == evidence.image_digest


@pytest.mark.parametrize("own_registry", [True], indirect=True)
def test_wrong_credentials_are_no_absence(gate: Gate, own_registry: OwnRegistry) -> None:
    name = f"{own_registry.host}/x/y:1"
    with pytest.raises(ToolError, match=r"(?i)unauthorized"):
        registry.find_digest(name)
    with pytest.raises(ToolError, match=r"(?i)unauthorized"):
        registry.find_document(name)
    assert "unauthorized" in gate.with_scanners(registry=own_registry.host).refuses().lower()


def test_a_registry_that_is_down_is_no_absence(gate: Gate) -> None:
    with pytest.raises(ToolError, match="refused"):
        registry.find_digest("127.0.0.1:9/x/y:1")
    assert "refused" in gate.with_scanners(registry="127.0.0.1:9").refuses()
