"""Tools that are on PATH already: used at a version that serves, reported and left alone
otherwise.
"""

import os
import re
from pathlib import Path

import pytest

from devcluster.toolchain.find import ask_version, find_on_path
from devcluster.toolchain.recipes import load_catalogue
from tests.unit.toolchain.workbench import Workbench


def test_tool_at_a_version_that_serves_is_used_and_nothing_is_built(workbench: Workbench) -> None:
    file = workbench.put_on_path("greeter", "echo greeter v1.9.0")
    outcome = workbench.run()
    assert re.search(r"^greeter +1\.9\.0 +PATH", outcome.stdout, re.MULTILINE)
    assert workbench.built == []
    link = Path(outcome.stdout.splitlines()[-1]) / "greeter"
    assert link.resolve() == file


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo greeter v1.1.9", "is 1.1.9, wanted >=1.2,<2"),
        ("echo greeter v2.0.0", "is 2.0.0, wanted >=1.2,<2"),
        ("echo nothing to see", "did not tell its version, wanted >=1.2,<2"),
        ("exit 1", "did not tell its version, wanted >=1.2,<2"),
    ],
)
def test_tool_that_does_not_serve_is_reported_and_built(
    workbench: Workbench, script: str, reason: str
) -> None:
    file = workbench.put_on_path("greeter", script)
    outcome = workbench.run()
    assert outcome.returncode == 0
    assert f"not used: {file} {reason}" in outcome.stdout
    assert re.search(r"^greeter +1\.2\.3 +built", outcome.stdout, re.MULTILINE)


def test_later_tool_on_path_serves_where_an_earlier_one_does_not(workbench: Workbench) -> None:
    later = workbench.folder / "later"
    later.mkdir()
    (later / "greeter").write_text("#!/bin/sh\necho greeter v1.3.0\n")
    (later / "greeter").chmod(0o755)
    workbench.environ["PATH"] = f"{later}{os.pathsep}{workbench.environ['PATH']}"
    workbench.put_on_path("greeter", "echo greeter v1.0.0")
    outcome = workbench.run()
    assert "is 1.0.0, wanted" in outcome.stdout
    assert re.search(r"^greeter +1\.3\.0 +PATH", outcome.stdout, re.MULTILINE)


def test_tool_is_asked_once_until_its_file_changes(workbench: Workbench) -> None:
    asked = workbench.folder / "asked"
    workbench.put_on_path("greeter", f"echo x >> {asked}; echo greeter v1.9.0")
    workbench.run()
    workbench.run()
    assert asked.read_text().count("x") == 1
    workbench.put_on_path("greeter", f"echo x >> {asked}; echo greeter v1.9.10")
    outcome = workbench.run()
    assert asked.read_text().count("x") == 2
    assert re.search(r"^greeter +1\.9\.10 +PATH", outcome.stdout, re.MULTILINE)


def test_tool_in_our_own_cache_never_counts_as_found(workbench: Workbench) -> None:
    """A bin folder of ours on PATH must not let a binary past the records that vouch for it."""
    bin_dir = workbench.run().stdout.splitlines()[-1]
    workbench.environ["PATH"] = f"{bin_dir}{os.pathsep}{workbench.environ['PATH']}"
    [built] = workbench.built
    with built.open("r+b") as file:
        file.truncate(1000)
    outcome = workbench.run()
    assert "not used" not in outcome.stdout
    assert re.search(r"^greeter +1\.2\.3 +built", outcome.stdout, re.MULTILINE)


def test_link_into_our_own_cache_never_counts_as_found(workbench: Workbench) -> None:
    workbench.run()
    [built] = workbench.built
    workbench.put_on_path("greeter", "exit").unlink()
    (workbench.folder / "path" / "greeter").symlink_to(built)
    outcome = workbench.run()
    assert re.search(r"^greeter +1\.2\.3 +cached", outcome.stdout, re.MULTILINE)


def test_tool_that_hangs_gives_no_version(workbench: Workbench) -> None:
    file = workbench.put_on_path("greeter", "exec sleep 60")
    tool = load_catalogue(workbench.catalogue).tools["greeter"]
    assert ask_version(tool, file, workbench.environ, timeout=0.2) == ""


def test_companion_comes_from_path_only_with_and_from_beside_its_neighbour(
    workbench: Workbench,
) -> None:
    companion = '\n[tools.companion]\ngroup = "greeting"\npackage = "."\nversion = "1.2.3"\n'
    companion += 'beside = "greeter"\nbuild_seconds = 1\nused_by = ["up"]\n'
    workbench.catalogue.write_text(workbench.catalogue.read_text() + companion)
    catalogue = load_catalogue(workbench.catalogue)
    workbench.put_on_path("companion", "echo")

    def found() -> set[str]:
        tools = catalogue.select("up")
        return set(find_on_path(tools, workbench.environ, workbench.tools, lambda line: None))

    assert found() == set()
    greeter = workbench.put_on_path("greeter", "echo greeter v1.9.0")
    assert found() == {"greeter", "companion"}
    greeter.with_name("companion").unlink()
    assert found() == {"greeter"}
