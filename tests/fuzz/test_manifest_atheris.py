"""Coverage-guided fuzzing from the examples, in `make test-full`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import ROOT

RUNS = 30_000


@pytest.mark.full
def test_no_input_that_coverage_leads_to_fails(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for file in (ROOT / "examples").glob("*/*.yaml"):
        shutil.copy(file, corpus)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.fuzz_manifest", str(corpus)),
            *(f"-runs={RUNS}", "-max_len=8192", "-timeout=2", "-rss_limit_mb=600", "-seed=1"),
            f"-artifact_prefix={tmp_path}/",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr
