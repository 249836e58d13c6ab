"""A version that reads like another stack's alias is refused before anything is built."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlifecycle.dependencies.lock import NO_LOCK
from mlifecycle.manifest.loading import load_paths
from mlifecycle.stack.gating import GatedStack, materials_of
from tests.sandbox import SEED_MANIFEST


def inputs_of(version: str, tmp_path: Path) -> str:
    """Why there can be no image of a version."""
    file = tmp_path / "manifest.yaml"
    file.write_text(SEED_MANIFEST.read_text().replace('"2.1.0"', f'"{version}"'))
    (loaded,) = load_paths([file])
    stack = SimpleNamespace(locks=SimpleNamespace(lock_of=lambda _: NO_LOCK))
    found: Any = materials_of(loaded.manifest, cast(GatedStack, stack)).inputs
    return str(found)


@pytest.mark.parametrize(
    ("version", "other"),
    [("2.1.0-dev", "2.1.0"), ("2.1.0-rc.1-prod", "2.1.0-rc.1"), ("2.1.0-dev+build.5", "2.1.0")],
)
def test_a_version_that_reads_like_an_alias_is_refused(
    version: str, other: str, tmp_path: Path
) -> None:
    found = inputs_of(version, tmp_path)
    assert found.startswith(f"version {version} reads as what stack ")
    assert f" calls its {other}: choose another" in found


def test_a_version_that_reads_like_the_tag_of_a_build_is_refused(tmp_path: Path) -> None:
    assert "reads as the tag of a build" in inputs_of("2.1.0-3cf4c035cdf2", tmp_path)
