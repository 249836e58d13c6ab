"""Several models in one run: they share what they have in common, and tell all that is wrong."""

import re
import shutil
from pathlib import Path

from tests.engine.test_refusals import diagnosed
from tests.sandbox import Sandbox

SLOW = "regctl"


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
    sandbox.variables["PYTHONASYNCIODEBUG"] = "1"
    calls = calls_of(sandbox, tmp_path, "trivy", "grype", "gitleaks", SLOW)
    output = diagnosed(sandbox.preview())
    assert output.count("- CVE-2022-45907 in torch==1.9.0") == len(names)
    for name in names:
        assert f"{name} (" in output
    # asyncio tells each step of its loop that took longer than 0.1 s.
    steps = [float(seconds) for seconds in re.findall(r"took (\d+\.\d+) seconds", output)]
    assert max(steps, default=0) < 4, output
    made = [line.split()[:2] for line in calls.read_text().splitlines()]
    scans = {
        "trivy image": made.count(["trivy", "image"]),
        "grype image": made.count(["grype", "sbom:sbom.json"]),
        "grype versions": made.count(["grype", "dir:."]),
        "gitleaks": made.count(["gitleaks", "dir"]),
    }
    assert scans == {"trivy image": 1, "grype image": 1, "grype versions": 2, "gitleaks": 1}
