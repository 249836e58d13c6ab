"""`mlifecycle validate` and `mlifecycle waivers`: formats, exit codes, and what is escaped."""

import html
import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mlifecycle.cli import app
from mlifecycle.governance.context import Context
from mlifecycle.governance.waivers import Waiver
from mlifecycle.report.escape import markdown
from mlifecycle.report.waivers import waivers_as_openvex, waivers_as_text
from tests.policy.test_evaluation import waiver
from tests.sandbox import ROOT, SEED_MANIFEST

SEED = SEED_MANIFEST.read_text()
LOW = SEED.replace("accuracy: 0.94", "accuracy: 0.78")
NASTY = "evil`|<b>@all\\x1b[2J"


def validate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.yaml"


def as_json(*arguments: str | Path) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(validate(*arguments, "--format", "json").stdout)[
        "manifests"
    ]
    return result


@pytest.mark.parametrize("output", ["text", "json", "markdown", "sarif"])
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (SEED, 0),
        (LOW, 1),
        (SEED.replace("0.94", "x"), 2),
        (LOW + "---\nkind: x\n", 2),
        ("a: [", 2),
    ],
    ids=["passes", "refused", "schema", "refused-and-schema", "unreadable"],
)
def test_every_format_has_the_same_exit_code(
    file: Path, output: str, content: str, code: int
) -> None:
    file.write_text(content)
    result = validate(file, "--format", output)
    assert result.exit_code == code
    assert result.stdout.strip()


def test_json_has_the_documented_keys(file: Path) -> None:
    file.write_text(LOW)
    (manifest,) = as_json(file, "--environment", "dev")
    assert {key: manifest[key] for key in manifest if key != "findings"} == {
        "file": str(file),
        "model": "fraud-detector",
        "version": "2.1.0",
        "environment": "dev",
        "verdict": "refused",
    }
    (finding,) = [item for item in manifest["findings"] if item["level"] == "mandatory"]
    assert finding == {
        "rule": "metrics-accuracy-minimum",
        "level": "mandatory",
        "message": "Model accuracy 0.78 is below minimum threshold 0.85",
        "value": "0.78",
        "threshold": "0.85",
        "line": 15,
        "remediation": "Retrain model to improve accuracy",
        "waiver": None,
    }


def test_json_shows_schema_errors_as_findings_with_their_path(file: Path) -> None:
    file.write_text(SEED.replace("accuracy:", "acuracy:"))
    (manifest,) = as_json(file)
    assert (manifest["model"], manifest["verdict"]) == (None, "refused")
    (finding,) = manifest["findings"]
    assert (finding["rule"], finding["level"]) == ("schema", "mandatory")
    assert (finding["line"], finding["path"]) == (15, "spec.metrics.acuracy")


def test_good_documents_of_a_call_are_judged_beside_the_bad_ones(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(LOW)
    (tmp_path / "b.yaml").write_text("a: [")
    assert [item["verdict"] for item in as_json(tmp_path)] == ["refused", "refused"]
    assert [item["findings"][0]["rule"] for item in as_json(tmp_path)][1] == "schema"


def test_the_environments_differ(file: Path) -> None:
    file.write_text(SEED.replace("  drift:", "  inference: {replicas: 1}\n  drift:"))
    assert validate(file, "--environment", "dev").exit_code == 0
    assert validate(file, "--environment", "prod").exit_code == 1


@pytest.mark.parametrize("name", ["staging", "../dev", "dev/../dev", "", "*"])
def test_an_environment_without_a_stack_is_refused(file: Path, name: str) -> None:
    file.write_text(SEED)
    result = validate(file, "--environment", name)
    assert result.exit_code == 2
    assert "there are: dev, prod" in result.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"date": "2026-01-01"', "Invalid JSON"),
        ('{"date": "soon"}', "date: "),
        ('{"date": "2026-01-01", "tomorrow": 1}', "tomorrow: "),
        (None, "cannot be read"),
    ],
)
def test_an_unusable_context_stops_everything(
    file: Path, tmp_path: Path, content: str | None, expected: str
) -> None:
    file.write_text(SEED)
    context = tmp_path / "context.json"
    if content is not None:
        context.write_text(content)
    result = validate(file, "--context", context)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stdout == ""


def test_a_recorded_context_fixes_day_and_waivers(file: Path, tmp_path: Path) -> None:
    file.write_text(LOW)
    context = tmp_path / "context.json"
    context.write_text(Context(date=date(2025, 6, 1), waivers=(waiver(),)).model_dump_json())
    result = validate(file, "--context", context)
    assert result.exit_code == 0
    assert "Waived:\n- Model accuracy 0.78 is below" in result.stdout
    assert "29 days left" in result.stdout
    (manifest,) = as_json(file, "--context", context)
    (finding,) = [item for item in manifest["findings"] if item["level"] == "mandatory"]
    assert finding["waiver"]["ticket"] == "RISK-1"


def test_hostile_text_is_escaped_for_where_it_goes(file: Path) -> None:
    file.write_text(SEED.replace("framework: pytorch", f'framework: "{NASTY}"'))
    text = validate(file).stdout
    assert "\x1b" not in text
    shown = validate(file, "--format", "markdown").stdout
    assert "<b>" not in shown
    assert "\\<b\\>" in shown
    assert "@all" not in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("| Framework approved")]
    assert row.replace("\\|", "").count("|") == 6
    run = json.loads(validate(file, "--format", "sarif").stdout)
    assert "evil" in json.dumps(run)


def test_markdown_escapes_all_that_could_be_markup() -> None:
    text = "# a\n[x](https://y) `z` <img> | @b ~~c~~ *d* _e_ &amp; <!-- f"
    escaped = markdown(text).replace("&#8203;", "")
    assert "\n" not in escaped
    for sign in "#[]()`<>|@~*_&!-":
        assert f"\\{sign}" in escaped or sign not in text
        assert escaped.replace(f"\\{sign}", "").count(sign) == 0


@pytest.mark.parametrize("text", ["@all", "ada@bank", "#1", "@ops/team"])
def test_markdown_mentions_nobody_also_when_it_is_rendered(text: str) -> None:
    """A code host looks for mentions in what is rendered, where no backslash is left."""
    rendered = html.unescape(markdown(text).replace("\\", ""))
    assert not re.search(r"[@#]\w", rendered)


def test_sarif_names_rule_file_line_and_suppression(file: Path, tmp_path: Path) -> None:
    file.write_text(LOW)
    context = tmp_path / "context.json"
    context.write_text(Context(date=date(2025, 6, 1), waivers=(waiver(),)).model_dump_json())
    document = json.loads(validate(file, "--format", "sarif", "--context", context).stdout)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert {result["ruleId"] for result in run["results"]} <= set(ids)
    (result,) = [item for item in run["results"] if item["level"] == "error"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 15}
    assert location["physicalLocation"]["artifactLocation"]["uri"] == str(file)
    assert result["suppressions"][0]["kind"] == "external"


def test_waivers_are_listed_with_the_days_that_they_have_left() -> None:
    today = date(2025, 6, 1)
    listed = waivers_as_text(
        (waiver(), waiver(expires=date(2025, 5, 20)), waiver(created=date(2025, 6, 2))), today
    ).splitlines()
    assert listed[0].split()[:4] == ["FINDING", "FOR", "DAYS", "LEFT"]
    assert "ended" in listed[1]
    assert {" 29 " in line for line in listed[2:]} == {True, False}
    assert any("not begun" in line for line in listed[2:])
    assert waivers_as_text((), today) == "no waiver stands"


def test_waivers_of_vulnerabilities_are_exported_as_openvex() -> None:
    image = "sha256:" + "a" * 64
    vulnerability = waiver(finding="CVE-2024-1234", version=None, digest=image)
    base = Waiver.model_validate(
        {
            **waiver(finding="GHSA-abcd-1234-wxyz").model_dump(),
            **{"model": None, "version": None, "base_image": image},
        }
    )
    ended = waiver(finding="CVE-2024-9999", expires=date(2025, 5, 20))
    document = json.loads(
        waivers_as_openvex((vulnerability, base, ended, waiver()), date(2025, 6, 1))
    )
    assert document["@context"].startswith("https://openvex.dev/ns/")
    first, second = document["statements"]
    assert first["vulnerability"] == {"name": "CVE-2024-1234"}
    assert first["products"] == [{"@id": f"pkg:oci/fraud-detector@{image.replace(':', '%3A')}"}]
    assert first["status"] == "affected"
    assert first["action_statement"].startswith("Accepted until 2025-06-30: ")
    assert second["vulnerability"] == {"name": "GHSA-abcd-1234-wxyz"}


def test_the_command_lists_the_committed_waivers() -> None:
    for output in ("text", "json", "openvex"):
        result = CliRunner().invoke(app, ["waivers", "--format", output])
        assert result.exit_code == 0
        assert result.stdout.strip()


def test_a_mistake_of_ours_ends_with_3_and_a_traceback(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mlifecycle.validation.validate_paths", broken)
    file.write_text(SEED)
    result = validate(file)
    assert result.exit_code == 3
    assert "ZeroDivisionError" in result.stderr


def test_a_closed_pipe_is_no_traceback(file: Path) -> None:
    file.write_text(SEED)
    command = f"{ROOT}/.venv/bin/mlifecycle validate {file} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_a_terminal_gets_no_line_that_an_author_wrote(tmp_path: Path) -> None:
    forged = tmp_path / "a\n✓ nothing to see.yaml"
    forged.write_text(SEED.replace("approved: true", "approved: maybe"))
    assert not any(line.startswith("✓ nothing") for line in validate(forged).stdout.splitlines())


def test_sarif_gives_an_authors_brackets_no_meaning(file: Path) -> None:
    nasty = "[fixed](https://evil.example) {0}"
    file.write_text(SEED.replace("framework: pytorch", f'framework: "{nasty}"'))
    document = json.loads(validate(file, "--format", "sarif").stdout)
    texts = [result["message"]["text"] for result in document["runs"][0]["results"]]
    assert any("\\[fixed\\](https://evil.example) {{0}}" in text for text in texts)
    assert "\\$x^2\\$" in markdown("$x^2$")


def test_a_warning_is_no_check_that_passed(file: Path) -> None:
    """And every format shows every check."""
    file.write_text(SEED)
    assert "⚠ Explainability given" in validate(file).stdout
    assert "| Explainability given | ⚠ |" in validate(file, "--format", "markdown").stdout


def test_what_is_not_decided_here_asks_for_nothing(file: Path) -> None:
    file.write_text(SEED)
    (manifest,) = json.loads(validate(file, "--format", "json").stdout)["manifests"]
    remedies = {
        finding["remediation"]
        for finding in manifest["findings"]
        if finding["rule"].startswith("regression-") and finding["value"] is None
    }
    assert remedies == {
        "Nothing to do here: it is decided where a stack is asked, by mlifecycle up"
    }
