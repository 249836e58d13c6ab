"""The image: the same bytes from the same inputs, and nothing in it that serving does not need."""

import hashlib
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import pytest

from mlifecycle import registry
from mlifecycle.base_image import BaseImages
from mlifecycle.digests import whole_digest
from mlifecycle.image import build
from mlifecycle.image.context import BuildContext, in_one_folder, stage
from mlifecycle.process import ToolError, run_tool
from mlifecycle.registry import push_layout
from mlifecycle.security import trivy
from mlifecycle.security.image_scan import layout_of
from mlifecycle.stack.gating import context_digest
from tests.engine.gates import Gate

# Package managers, compilers, shells' histories, caches: nothing that serves needs them.
UNWANTED = (
    *("bin/pip", "bin/pip3", "bin/gcc", "bin/cc", "bin/make", "bin/git", "bin/curl", "bin/wget"),
    *("site-packages/pip", "site-packages/setuptools", "site-packages/wheel"),
)

ACCESS_KEY = "AKIAQ3EGRLQ7" + "ZGZ4T2XN"


def staged_for(gate: Gate) -> BuildContext:
    scanners = gate.settings.scanners
    return stage(Path("inference"), gate.inputs, scanners.patches.copy, scanners.cache)


def built(gate: Gate, target: Path, monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    """Build into a folder; with a monkeypatch, from nothing that an earlier build left."""

    def uncached(command: list[Any], **options: Any) -> str:
        return run_tool([*command[:2], "--no-cache", *command[2:]], **options)

    if monkeypatch is not None:
        monkeypatch.setattr(build, "run_tool", uncached)
    staged = staged_for(gate)
    return build.build_layout(
        staged, inputs=gate.inputs, builder=gate.settings.scanners.builder, target=target
    )


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def manifest_of(layout: Path) -> dict[str, Any]:
    (image,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return dict(json.loads(blob(layout, image["digest"]).read_bytes()))


def different_files(first: Path, second: Path) -> list[str]:
    """The files of layers that differ between two images, by name."""
    found = []
    layers = (manifest_of(layout)["layers"] for layout in (first, second))
    for one, other in zip(*layers, strict=True):
        if one["digest"] != other["digest"]:
            contents = [
                contents_of(blob(layout, layer["digest"]))
                for layout, layer in ((first, one), (second, other))
            ]
            found += sorted(
                name
                for name in contents[0].keys() | contents[1].keys()
                if contents[0].get(name) != contents[1].get(name)
            )
    return found


def contents_of(layer: Path) -> dict[str, Any]:
    with tarfile.open(layer) as archive:
        return {
            entry.name: (
                *(entry.mode, entry.uid, entry.mtime, entry.linkname),
                cast(IO[bytes], archive.extractfile(entry)).read() if entry.isreg() else b"",
            )
            for entry in archive
        }


def test_the_image_holds_what_serving_needs_and_nothing_else(gate: Gate, tmp_path: Path) -> None:
    built(gate, tmp_path / "layout")
    layout = tmp_path / "layout"
    manifest = manifest_of(layout)
    config = json.loads(blob(layout, manifest["config"]["digest"]).read_bytes())
    assert config["config"]["User"] == "inference"
    assert config["config"]["Cmd"] == [
        *("uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8080")
    ]
    assert list(config["config"]["ExposedPorts"]) == ["8080/tcp"]
    assert set(config["config"]["Labels"]) == {
        "mlifecycle.io/os-patches",
        *(f"org.opencontainers.image.{name}" for name in ("title", "version", "base.digest")),
    }
    base = len(
        json.loads(
            run_tool(
                ["regctl", "manifest", "get", gate.inputs.base_image, "--format", "{{json .}}"],
                timeout=30,
            )
        )["layers"]
    )
    ours: dict[str, Any] = {}
    for layer in manifest["layers"][base:]:
        ours |= contents_of(blob(layout, layer["digest"]))
    for name, (mode, _, mtime, _, _) in ours.items():
        assert not name.endswith(UNWANTED), name
        assert not any(f"{part}/" in name for part in UNWANTED[-3:]), name
        assert not name.endswith((".pyc", ".pyo")), name
        assert mtime == 0, name
        assert not mode & 0o6000, name
    # What was the base's is gone, too.
    packages = "usr/local/lib/python3.11/site-packages"
    assert {"usr/local/bin/.wh.pip", f"{packages}/.wh.pip"} <= set(ours)
    # The last layer is the model's own, and nothing but its identity.
    (last,) = [
        name
        for name in contents_of(blob(layout, manifest["layers"][-1]["digest"]))
        if "json" in name
    ]
    assert last == "app/release.json"
    words = json.dumps(config["history"]).lower()
    assert not any(
        word in words for word in ("password", "token", "secret", "index-url", "pip.conf")
    )


def test_a_secret_in_an_images_configuration_is_found(gate: Gate, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM {gate.inputs.base_image}\nENV KEY={ACCESS_KEY}\n")
    scanners = gate.settings.scanners
    run_tool(
        [
            *("buildx", "build", "--builder", scanners.builder, "--platform", build.PLATFORM),
            *("--provenance=false", "--file", dockerfile),
            *("--output", f"type=oci,dest={tmp_path / 'layout'},tar=false", tmp_path),
        ],
        timeout=300,
    )
    found = trivy.scan_image(
        tmp_path / "layout",
        database=scanners.trivy_database,
        cache=tmp_path / "trivy",
        timeout=scanners.seconds,
    )
    assert "aws-access-key-id" in {secret.rule for secret in found.scan.secrets}
    assert ACCESS_KEY not in repr(found)


def test_a_base_that_differs_in_its_environment_only_is_scanned_anew(
    gate: Gate, tmp_path: Path
) -> None:
    """What the scans are shared by: the layers, and what an image says of itself."""
    gate.passes()
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM {gate.inputs.base_image}\nENV KEY={ACCESS_KEY}\n")
    scanners = gate.settings.scanners
    name = f"{scanners.registry}/base-with-a-key"
    run_tool(
        [
            *("buildx", "build", "--builder", scanners.builder, "--platform", build.PLATFORM),
            *("--provenance=false", "--file", dockerfile),
            *("--output", f"type=image,name={name}:1,push=true", tmp_path),
        ],
        timeout=300,
    )
    base = f"{name}@{registry.resolve_digest(f'{name}:1')}"
    changed = replace(gate, inputs=replace(gate.inputs, base_image=base))
    assert "secret (aws-access-key-id)" in changed.refuses()


def test_a_builder_that_gives_other_bytes_by_now_is_followed_by_new_scans(gate: Gate) -> None:
    evidence = gate.passes().evidence
    scanners = gate.settings.scanners
    (file,) = scanners.cache.glob("gate/*/evidence.json")
    earlier = "sha256:" + "0" * 64
    # As a builder of another version may have left it.
    file.write_text(evidence.model_copy(update={"image_digest": earlier}).model_dump_json())
    shutil.rmtree(file.with_name("layout"))
    with pytest.raises(ToolError, match=f"builds to {evidence.image_digest} now, and not to "):
        layout_of(gate.inputs, scanners)
    assert gate.passes().evidence.image_digest == evidence.image_digest
    assert layout_of(gate.inputs, scanners) == file.with_name("layout")


@pytest.mark.full
@pytest.mark.parametrize(
    "format_name", ["skops", "xgboost", "lightgbm", "saved_model", "torch_export"]
)
def test_two_builds_from_nothing_are_one_image_for_every_runtime(
    format_name: str, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanners = gate.settings.scanners
    # What a runtime needs of the system comes with the base image's patches.
    base = BaseImages(scanners.patches, scanners.builder).of(gate.inputs.base_image.split("@")[0])
    gate.inputs = replace(
        gate.inputs,
        format_name=format_name,
        context_digest=context_digest(format_name),
        base_image=base.reference,
        os_patches=base.patches,
    )
    first, second = tmp_path / "first", tmp_path / "second"
    digests = [built(gate, target, monkeypatch) for target in (first, second)]
    assert digests[0] == digests[1], different_files(first, second)


def test_a_builder_that_takes_one_folder_makes_the_same_layers(gate: Gate, tmp_path: Path) -> None:
    built(gate, tmp_path / "layout")
    staged = staged_for(gate)
    folder = in_one_folder(staged, gate.inputs, gate.settings.scanners.cache)
    arguments = build.build_arguments(gate.inputs.base_image).items()
    run_tool(
        [
            *("buildx", "build", "--builder", gate.settings.scanners.builder),
            *("--platform", build.PLATFORM, "--provenance=false"),
            *(part for key, value in arguments for part in ("--build-arg", f"{key}={value}")),
            *("--output", f"type=oci,dest={tmp_path / 'whole'},tar=false", folder),
        ],
        timeout=300,
    )
    first, second = (manifest_of(tmp_path / name)["layers"] for name in ("layout", "whole"))
    assert first == second


def test_a_model_that_changes_writes_its_own_layer_only(gate: Gate, tmp_path: Path) -> None:
    """And a layer that was damaged since is written anew, not scanned or pushed as it is."""
    gate.passes()
    (kept,) = (gate.settings.scanners.cache / "layers").iterdir()
    damaged = max(kept.iterdir(), key=lambda file: file.stat().st_size)
    for number in (1, 2):
        changed = replace(gate, inputs=replace(gate.inputs, version=f"1.0.{number}"))
        evidence = changed.passes().evidence
        layout = layout_of(changed.inputs, changed.settings.scanners)
        layers = [blob(layout, layer["digest"]) for layer in manifest_of(layout)["layers"]]
        assert [layer for layer in layers if layer.stat().st_nlink == 1] == [layers[-1]]
        for layer in layers:
            assert hashlib.sha256(layer.read_bytes()).hexdigest() == layer.name
        push_layout(layout, gate.destination().repository, evidence.image_digest)
        damaged.write_bytes(b"damaged")


@pytest.mark.parametrize("planted", ["server/app/main.py", "server/app/__pycache__/x.pyc", "link"])
def test_what_a_checkout_brings_in_place_of_a_staged_folder_is_not_built(
    gate: Gate, tmp_path: Path, planted: str
) -> None:
    """Whoever changes the checkout knows the folders' names beforehand."""
    gate.inputs = replace(gate.inputs, version=f"1.0.0-{tmp_path.name.replace('_', '-')}")
    sound = staged_for(gate)
    contents = {name: whole_digest(getattr(sound, name)) for name in ("server", "release")}
    # Another machine, which has made nothing yet, and this one.
    for cache in (tmp_path / "other", gate.settings.scanners.cache):
        if planted == "link":
            elsewhere = tmp_path / f"elsewhere-{cache.name}"
            shutil.copytree(sound.release, elsewhere)
            (elsewhere / "app" / "release.json").chmod(0o644)
            (elsewhere / "app" / "release.json").write_text("{}")
            shutil.rmtree(sound.release)
            sound.release.symlink_to(elsewhere)
        else:
            file = sound.server / planted.removeprefix("server/")
            file.parent.mkdir(exist_ok=True)
            file.write_text("import os\n")
        again = staged_for(gate.with_scanners(cache=cache))
        assert {name: whole_digest(getattr(again, name)) for name in contents} == contents
        assert not again.release.is_symlink()
