"""The system's patches: from the image's own archive, kept in the registry, in one layer."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlifecycle import registry
from mlifecycle.base_image import BaseImages
from mlifecycle.image.names import OsPatches
from mlifecycle.os_patches import PatchStore
from mlifecycle.process import ToolError, run_tool
from tests.engine.gates import Gate
from tests.engine.test_image import blob, built, contents_of, different_files, manifest_of

# Of an image's apt.conf nothing may count here: it can name commands.
IMAGE = """
FROM {base}
RUN rm -rf /etc/apt/sources.list.d && echo 'deb {source} ./' > /etc/apt/sources.list
RUN echo 'APT::Update::Pre-Invoke {{ "touch {folder}/ran"; }};' > /etc/apt/apt.conf.d/hostile
"""
INSTALLED = """#!/bin/sh
date > /var/log/patch.log
python3 -c 'open("/usr/share/patch.pyc", "w")'
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive whose base-files is newer than any image's."""
    package = tmp_path / "package"
    for file, text in {
        "DEBIAN/control": "Package: base-files\nVersion: 9999:1\nArchitecture: amd64\n"
        "Maintainer: nobody\nEssential: yes\nDescription: a patch\n",
        "DEBIAN/postinst": INSTALLED,
        "usr/share/patched": "yes\n",
    }.items():
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text(text)
    (package / "DEBIAN" / "postinst").chmod(0o755)
    folder = tmp_path / "archive"
    folder.mkdir()
    made = folder / "base-files_1_amd64.deb"
    run_tool(["dpkg-deb", "--root-owner-group", "--build", package, made], timeout=30)
    fields = run_tool(["dpkg-deb", "--field", made], timeout=30)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    place = f"Filename: ./{made.name}\nSize: {made.stat().st_size}\nSHA256: {digest}\n"
    (folder / "Packages").write_text(f"{fields}{place}\n")
    return folder


@pytest.fixture
def address(archive: Path) -> Iterator[str]:
    """Where the archive is served."""
    handler = partial(SimpleHTTPRequestHandler, directory=archive)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def repository(gate: Gate) -> str:
    """A part of the platform's registry that no other test has."""
    return f"{gate.settings.scanners.registry}/patches-{secrets.token_hex(4)}"


def base(gate: Gate, repository: str, folder: Path, source: str) -> str:
    """A base image whose apt looks into an archive; by tag."""
    text = IMAGE.format(base=gate.inputs.base_image, folder=folder, source=source)
    return pushed(gate, f"{repository}/base:1", folder, text)


def pushed(gate: Gate, name: str, folder: Path, dockerfile: str) -> str:
    context = folder / "image"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    output = f"type=image,name={name},push=true"
    command = ["buildx", "build", "--builder", gate.settings.scanners.builder, context]
    run_tool([*command, "--provenance=false", "--output", output], timeout=200)
    return name


def images_of(gate: Gate, repository: str, cache: Path) -> BaseImages:
    return BaseImages(PatchStore(repository, cache), gate.settings.scanners.builder)


def test_patches_are_found_kept_and_the_same_for_every_run(
    gate: Gate, repository: str, archive: Path, address: str, tmp_path: Path
) -> None:
    name = base(gate, repository, tmp_path, f"[trusted=yes] {address}")
    images = images_of(gate, repository, tmp_path / "here")
    found = images.of(name)
    assert not found.is_kept
    assert not (tmp_path / "ran").exists()
    images.keep(replace(found, patches=replace(found.patches, date="2026-01-31")))
    # What is renewed and turns out to be the same keeps its day: it must roll nothing.
    kept = images.renewed(name)
    assert kept == replace(found, patches=replace(found.patches, date="2026-01-31"), is_kept=True)
    # The archive drops a package when the next one comes.
    (archive / "base-files_1_amd64.deb").unlink()
    elsewhere = images_of(gate, repository, tmp_path / "elsewhere")
    assert elsewhere.of(name) == kept
    copied = tmp_path / "copied"
    copied.mkdir()
    elsewhere.patches.copy(kept.patches, (), copied)
    assert [file.name for file in copied.iterdir()] == ["base-files_9999%3a1_amd64.deb"]
    with pytest.raises(ToolError, match="apt-get failed"):
        elsewhere.renewed(name)


def test_an_archive_that_is_not_signed_is_none(
    gate: Gate, repository: str, address: str, tmp_path: Path
) -> None:
    name = base(gate, repository, tmp_path, address)
    with pytest.raises(ToolError, match="does not have a Release file"):
        images_of(gate, repository, tmp_path / "here").of(name)


def test_an_image_without_apt_is_refused(gate: Gate, repository: str, tmp_path: Path) -> None:
    name = pushed(gate, f"{repository}/empty:1", tmp_path, "FROM scratch\nCOPY Dockerfile /\n")
    with pytest.raises(ToolError, match="/etc/apt"):
        images_of(gate, repository, tmp_path / "here").of(name)


def test_an_image_whose_sources_lead_to_this_machine_is_refused(
    gate: Gate, repository: str, tmp_path: Path
) -> None:
    link = "RUN ln -s /etc/hostname /etc/apt/sources.list.d/hostile.list\n"
    text = f"FROM {gate.inputs.base_image}\n{link}"
    name = pushed(gate, f"{repository}/linked:1", tmp_path, text)
    with pytest.raises(ToolError, match=r"/etc/apt/sources\.list\.d/hostile\.list .* is a link"):
        images_of(gate, repository, tmp_path / "here").of(name)


def test_other_packages_under_their_name_are_refused(repository: str, tmp_path: Path) -> None:
    store = PatchStore(repository, tmp_path)
    patches = OsPatches("2026-11-27", "a" * 64)
    with pytest.raises(ToolError, match="lock --base-image"):
        store.copy(patches, (), tmp_path / "target")
    registry.put_document(f"{repository}/mlifecycle/os-patches:{'a' * 64}", "text/plain", "x")
    with pytest.raises(ToolError, match="lock --base-image"):
        store.copy(patches, (), tmp_path / "target")


def test_two_builds_from_nothing_are_one_image_with_the_patches_in_one_layer(
    gate: Gate, repository: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = base(gate, repository, tmp_path, f"[trusted=yes] {address}")
    patches = images_of(gate, repository, gate.settings.scanners.cache).of(name).patches
    gate.inputs = replace(gate.inputs, os_patches=patches)
    first, second = tmp_path / "first", tmp_path / "second"
    digests = [built(gate, target, monkeypatch) for target in (first, second)]
    assert digests[0] == digests[1], different_files(first, second)
    manifest = manifest_of(first)
    (patched,) = [
        contents
        for layer in manifest["layers"]
        if "usr/share/patched" in (contents := contents_of(blob(first, layer["digest"])))
    ]
    assert "var/lib/dpkg/status" in patched
    assert "usr/share/patch.pyc" not in patched
    assert not any(entry.startswith(("var/log/", "var/cache/apt/", "mnt/")) for entry in patched)
    assert {modified for _, _, modified, _, _ in patched.values()} == {0}
    config = json.loads(blob(first, manifest["config"]["digest"]).read_bytes())
    assert config["config"]["Labels"]["mlifecycle.io/os-patches"] == patches.date
