"""What the tests of the gate share."""

import secrets
from pathlib import Path

import pytest

from devcluster import local_stacks
from mlifecycle import registry
from mlifecycle.gate import GateSettings
from mlifecycle.governance.governance import load_governance
from mlifecycle.image.names import BuildInputs
from mlifecycle.security.image_scan import Scanners
from mlifecycle.stack.gating import context_digest
from tests.engine.gates import NO_PATCHES, Gate
from tests.sandbox import ROOT, Platform


@pytest.fixture
def gate(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    for name, value in platform.environment.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}:{platform.environment['PATH']}")
    monkeypatch.chdir(ROOT)
    values = local_stacks.local_values(platform.layout)
    base = values["mlifecycle:baseImage"]
    scanners = Scanners(
        builder="mlifecycle",
        registry=values["mlifecycle:registry"],
        signer=None,
        trivy_database=values["mlifecycle:trivyDatabase"],
        grype_database=values["mlifecycle:grypeDatabase"],
        seconds=60,
        server_source=Path("inference"),
        cache=tmp_path / "cache",
    )
    settings = GateSettings("development", load_governance(), scanners, "0" * 64)
    inputs = BuildInputs(
        artifact_digest="a" * 64,
        golden_digest="b" * 64,
        context_digest=context_digest("onnx"),
        base_image=f"{base}@{registry.resolve_digest(base)}",
        os_patches=NO_PATCHES,
        uri="s3://models/x",
        format_name="onnx",
        model_file="model.onnx",
        files=("golden.json", "model.onnx"),
        model=f"gate-{secrets.token_hex(4)}",
        version="1.0.0",
    )
    return Gate(platform, settings, inputs, path)
