"""The head start that downloads get while something else compiles."""

import time

from devcluster.toolchain.build import GroupBuild
from devcluster.toolchain.cache import GroupFolder
from devcluster.toolchain.golang import Go
from devcluster.toolchain.prefetch import prefetching
from devcluster.toolchain.recipes import load_catalogue
from tests.unit.toolchain.workbench import Workbench, running


def test_modules_of_a_later_group_are_downloaded_meanwhile(workbench: Workbench) -> None:
    unpacked = workbench.require_published()
    log = workbench.folder / "prefetch.log"
    with prefetching([_build(workbench)], Go.find(workbench.environ), workbench.environ, log):
        deadline = time.monotonic() + 20
        while not unpacked.is_dir():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


def test_downloads_end_with_the_builds(workbench: Workbench) -> None:
    calls = workbench.slow_go("list", 60)
    start = time.monotonic()
    log = workbench.folder / "prefetch.log"
    go = Go.find(workbench.environ)
    with prefetching([_build(workbench)] * 2, go, workbench.environ, log):
        while not calls.exists():
            time.sleep(0.02)
    assert time.monotonic() - start < 20
    assert calls.read_text().count("list") == 1
    assert not running(calls)


def _build(workbench: Workbench) -> GroupBuild:
    catalogue = load_catalogue(workbench.catalogue)
    group = catalogue.groups["greeting"]
    folder = GroupFolder(workbench.tools, group.name, "key")
    return GroupBuild(group, folder, tuple(catalogue.tools.values()))
