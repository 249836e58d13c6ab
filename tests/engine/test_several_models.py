"""Several models in one run: they share what they have in common, and tell all that is wrong."""

import shutil
from collections import Counter
from pathlib import Path

from tests.engine.test_refusals import diagnosed
from tests.sandbox import Sandbox

SLOW = "regctl"
# Trivy on the image, Grype on its packages and on the versions of the manifest, and on the checkout
# Gitleaks. (No lock is scanned: nobody can install that version of torch any more.)
SHARED = (
    ("trivy", "image", "--input"),
    ("grype", "sbom:sbom.json", "--output"),
    ("grype", "dir:.", "--output"),
    ("gitleaks", "dir", "."),
)

# Behind the program: what writes down the longest time that its loop did not come by.
WATCH = """
    import time

    async def beat():
        longest = 0.0
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - before)
            Path({file!r}).write_text(str(longest))

    watch = asyncio.ensure_future(beat())
"""


def watch_the_loop(sandbox: Sandbox, folder: Path) -> Path:
    """Have the longest step of the program's loop written down, in seconds, in that file."""
    program, file = sandbox.own_program() / "__main__.py", folder / "longest"
    program.write_text(program.read_text() + WATCH.format(file=str(file)))
    return file


def calls_of(sandbox: Sandbox, folder: Path, *tools: str) -> Path:
    """Have every call of those tools written down, in a file that is returned.

    The first call of regctl, which the program makes before it registers anything, takes 8 s more.
    """
    path, calls = sandbox.environment["PATH"], folder / "calls"
    calls.touch()
    for tool in tools:
        real, counted = shutil.which(tool, path=path), folder / tool
        wait = f"mkdir {folder}/{SLOW}.waited 2>/dev/null && sleep 8" if tool == SLOW else "true"
        counted.write_text(f'#!/bin/bash\necho "{tool} $*" >> {calls}\n{wait}\nexec {real} "$@"\n')
        counted.chmod(0o755)
    sandbox.variables["PATH"] = f"{folder}:{path}"
    return calls


def test_what_scanners_find_in_every_model_is_told_in_one_preview(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each thing is looked at once, and the program's loop waits for none of it."""
    names = [f"{name}-{sandbox.stack}" for name in ("first", "second")]
    for name in names:
        sandbox.write_manifest(
            ("name: fraud-detector", f"name: {name}"),
            ("torch>=2.0.0", "torch==1.9.0"),
            name=f"{name}.yaml",
        )
    sandbox.own_cache()
    longest = watch_the_loop(sandbox, tmp_path)
    calls = calls_of(sandbox, tmp_path, "trivy", "grype", "gitleaks", SLOW)
    output = diagnosed(sandbox.preview())
    assert output.count("- CVE-2022-45907 in torch==1.9.0") == len(names)
    for name in names:
        assert f"{name} (" in output
    assert 0.05 < float(longest.read_text()) < 4
    made = Counter(tuple(line.split()[:3]) for line in calls.read_text().splitlines())
    assert [made[call] for call in SHARED] == [1] * len(SHARED), made
