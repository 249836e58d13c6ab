"""Gitleaks: its report is read, not trusted, and each way in which it can lie is an error."""

import json
from pathlib import Path

import pytest

from mlifecycle.process import ToolError
from mlifecycle.security import gitleaks
from mlifecycle.security.evidence import Scan, Secret
from tests.unit.scanners.stand_ins import FakeTool

LEAK = {"RuleID": "aws-access-token", "File": ".env", "StartLine": 3, "Commit": "a" * 40}
LOOKED = "2:35AM INF scanned ~6 bytes (6 bytes) in 8.09ms"
ONE, NONE = f"{LOOKED}\n2:35AM WRN leaks found: 1", f"{LOOKED}\n2:35AM INF no leaks found"


def leaks(folder: Path, report: str, said: str = ONE, code: int = 0) -> Scan:
    (folder / "leaks.json").write_text(report, errors="surrogateescape")
    FakeTool(folder, "gitleaks").body(
        f"""
        if [ "$1" = version ]; then echo 8.30.1; exit 0; fi
        echo '{said}' >&2
        while [ $# -gt 0 ]; do
          if [ "$1" = --report-path ]; then cp {folder}/leaks.json "$2"; fi
          shift
        done
        exit {code}"""
    )
    return gitleaks.scan_tree(folder, folder / ".mlifecycle", timeout=10)


def test_a_leaks_place_is_read(tools: Path) -> None:
    assert leaks(tools, json.dumps([{**LEAK, "Secret": "AKIA..."}])).secrets == (
        Secret(rule="aws-access-token", file=".env", line=3, commit="a" * 12),
    )
    assert leaks(tools, "[]", NONE).secrets == ()


@pytest.mark.parametrize(
    ("report", "said", "expected"),
    [
        ("", NONE, "gitleaks printed nothing"),
        ("[{", ONE, "half a document"),
        ("{}", NONE, "cannot read"),
        ("[{}]", ONE, "a secret's place that cannot be read"),
        ("[]", ONE, "another number of leaks than the 0 it reports"),
        ("[{}]", NONE, "another number of leaks than the 1 it reports"),
        ("[{}]", f"{ONE}1", "another number of leaks than the 1 it reports"),
        ("[]", LOOKED, "another number of leaks than the 0 it reports"),
        ("[]", "", "gitleaks has looked at nothing"),
        ("[]", NONE.replace("6", "0"), "gitleaks has looked at nothing"),
    ],
)
def test_a_report_of_gitleaks_that_is_none_is_an_error(
    tools: Path, report: str, said: str, expected: str
) -> None:
    with pytest.raises(ToolError, match=expected):
        leaks(tools, report, said)


@pytest.mark.parametrize("code", [1, 42, 126])
def test_a_gitleaks_that_fails_is_an_error(tools: Path, code: int) -> None:
    with pytest.raises(ToolError, match=f"gitleaks failed with exit code {code}"):
        leaks(tools, "[]", NONE, code)


def test_a_report_that_is_cut_off_within_a_character_is_half_a_document(tools: Path) -> None:
    report = json.dumps([{**LEAK, "File": "\u00e9"}], ensure_ascii=False).encode()
    cut = report[: report.index("\u00e9".encode()) + 1]
    with pytest.raises(ToolError, match="gitleaks printed half a document"):
        leaks(tools, cut.decode(errors="surrogateescape"))
