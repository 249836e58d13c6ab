"""The governance owner's files: every mistake stops everything, with file and line."""

from datetime import date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from mlifecycle.governance.approved import load_approved
from mlifecycle.governance.findings import Level
from mlifecycle.governance.governance import (
    Governance,
    check_governance,
    check_waivers,
    load_governance,
)
from mlifecycle.governance.levels import RuleLevel, load_levels
from mlifecycle.governance.owners_file import POLICY_PACK, OwnersFileError
from mlifecycle.governance.waivers import load_waivers
from tests.policy.test_evaluation import waiver

RULES = "environments: [development]\nrules:\n  x: "
WAIVER = """\
- finding: drift-maximum
  model: fraud-detector
  version: 2.1.0
  owner: ada
  approver: grace
  reason: The data is being collected
  created: 2026-11-01
  expires: 2027-01-15
  ticket: RISK-1234
"""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", r"levels.yaml:1: holds 0 documents"),
        ("a: 1\n---\nb: 1\n", r"levels.yaml:1: holds 2 documents"),
        ("a: [", r"levels.yaml:2: "),
        ("- a\n", r"levels.yaml:1: the file: "),
        (RULES + "{level: optional}", r"levels.yaml:3: rules.x.level"),
        (RULES + "{level: mandatory, treshold: 1}", r"levels.yaml:3: rules.x.treshold"),
        (RULES + "{level: mandatory, threshold: much}", r"levels.yaml:3: rules.x.threshold"),
        (RULES + "{level: mandatory, threshold: -85}", r"levels.yaml:3: rules.x.threshold"),
        ("environments: [development]\nrules: {}", r"levels.yaml:2: rules"),
        ("environments: []\nrules: {x: {level: mandatory}}", r"levels.yaml:1: environments"),
        ("rules: {x: {level: mandatory}}", r"levels.yaml:1: environments"),
        (RULES + "{level: mandatory}\nrules: {}", r"levels.yaml:4: duplicate key 'rules'"),
    ],
)
def test_an_unusable_levels_file_stops_everything(
    tmp_path: Path, content: str, expected: str
) -> None:
    file = tmp_path / "levels.yaml"
    file.write_text(content)
    with pytest.raises(OwnersFileError, match=expected):
        load_levels(file)


def test_a_missing_file_stops_everything(tmp_path: Path) -> None:
    for load in (load_levels, load_approved, load_waivers):
        with pytest.raises(OwnersFileError, match=r"none\.yaml:1: cannot be read"):
            load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"metrics-f1-minimum": None}, "no level for metrics-f1-minimum"),
        (
            {"metrics-f1-minimum": RuleLevel(level=Level.MANDATORY)},
            "metrics-f1-minimum has no threshold",
        ),
        (
            {"metrics-present": RuleLevel(level=Level.MANDATORY, threshold=1)},
            "metrics-present takes no threshold",
        ),
        (
            {"metrics-acuracy": RuleLevel(level=Level.MANDATORY)},
            "no rule is called metrics-acuracy",
        ),
        (
            {"metrics-present": RuleLevel(level={"development": Level.MANDATORY})},
            "metrics-present: level is for development, not for development, production",
        ),
    ],
)
def test_a_rule_that_nobody_set_is_not_passed(
    change: dict[str, RuleLevel | None], expected: str
) -> None:
    governance = load_governance()
    rules = {k: v for k, v in {**governance.levels.rules, **change}.items() if v is not None}
    levels = governance.levels.model_copy(update={"rules": rules})
    with pytest.raises(OwnersFileError, match=expected):
        check_governance(Governance(levels, governance.approved))


def test_an_environment_that_nobody_decided_for_is_refused() -> None:
    with pytest.raises(OwnersFileError, match="no environment 'staging' among those decided for"):
        load_governance().require_environment("staging")


def test_an_environment_without_model_stores_is_refused() -> None:
    governance = load_governance()
    approved = governance.approved.model_copy(update={"uri_schemes": {"production": ("s3",)}})
    with pytest.raises(OwnersFileError, match="no uri_schemes for development"):
        check_governance(Governance(governance.levels, approved))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("frameworks: []", r"approved.yaml:1: frameworks"),
        ("frameworks: [x]\npackages: torch", r"approved.yaml:2: packages"),
        ("packages: [Scikit_Learn]", r"approved.yaml:1: packages.0: .*write it as scikit-learn"),
        ("known_vulnerable: {Torch: ['1.8.0']}", r"known_vulnerable.Torch.*: .*write it as torch"),
        ("known_vulnerable: {torch: ['<1.8.2']}", r"must be one exact version"),
        ("frameworks: [PyTorch]", r"approved.yaml:1: frameworks.0: .*write it as pytorch"),
        ("registries: ['*']", r"approved.yaml:1: registries.0: .*write a host"),
        ("registries: ['*.*']", r"approved.yaml:1: registries.0: .*write a host"),
        ("registries: ['https://ghcr.io']", r"approved.yaml:1: registries.0: .*write a host"),
        ("uri_schemes: {production: [S4]}", r"approved.yaml:1: uri_schemes.production.0"),
        ("known_vulnerable: {}", r"approved.yaml:1: known_vulnerable"),
        ("data_sources: ['*']", r"approved.yaml:1: data_sources.0: .*must begin with an address"),
    ],
)
def test_an_unusable_approved_file_stops_everything(
    tmp_path: Path, content: str, expected: str
) -> None:
    file = tmp_path / "approved.yaml"
    file.write_text(content)
    with pytest.raises(OwnersFileError, match=expected):
        load_approved(file)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digest": "sha256:" + "a" * 64}, "give no digest"),
        ({"finding": "CVE-2024-12"}, None),
        ({"approver": "ADA@bank.example"}, "approves a waiver of their own"),
        ({"approver": "github:ada"}, "approves a waiver of their own"),
        ({"approver": "bank/ada+risk"}, "approves a waiver of their own"),
        ({"approver": "ada."}, "approves a waiver of their own"),
    ],
)
def test_a_waiver_that_would_waive_something_else_is_refused(
    changes: dict[str, object], problem: str | None
) -> None:
    if problem is None:
        # No legal number of a CVE: then it must be a rule's id, and there is no such rule.
        with pytest.raises(OwnersFileError, match="no rule is called CVE-2024-12"):
            check_waivers([waiver(**changes)])
        return
    with pytest.raises(ValidationError, match=problem):
        waiver(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"created": "1793491200", "expires": "1795305600"},
        {"created": "2026-11-01T00:00:00"},
        {"created": datetime(2025, 5, 1)},
        {"owner": "ada@bank.example", "approver": "ada+ok@bank.example"},
    ],
)
def test_what_only_looks_like_a_day_or_a_second_person_is_refused(
    changes: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        waiver(**changes)


def test_the_last_days_of_the_calendar_are_days() -> None:
    assert waiver(created=date(9999, 12, 1), expires=date(9999, 12, 31))


@pytest.mark.parametrize("pattern", ["s3://*", "gs://*/x", "s3*", "*", "trans*"])
def test_a_pattern_is_not_every_source_of_a_kind(tmp_path: Path, pattern: str) -> None:
    text = (POLICY_PACK / "approved.yaml").read_text()
    assert "transactions-prod" in text
    file = tmp_path / "approved.yaml"
    file.write_text(text.replace("transactions-prod", f'"{pattern}"'))
    with pytest.raises(OwnersFileError, match="a pattern must begin with an address"):
        load_approved(file)


def test_the_committed_waivers_are_sound() -> None:
    load_waivers()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("approver: grace", "approver: Ada", "approves a waiver of their own"),
        ("model: fraud-detector", "model: '*'", r"waivers.yaml:2: 0.model"),
        ("model: fraud-detector", "model: fraud-*", r"waivers.yaml:2: 0.model"),
        ("model: fraud-detector", "model: Fraud", "'Fraud' is not a DNS-1123 label"),
        ("version: 2.1.0", "version: v2.1.0", "'v2.1.0' is not a SemVer 2.0.0 version"),
        ("finding: drift-maximum", "finding: '*'", r"waivers.yaml:1: 0.finding"),
        ("  version: 2.1.0\n", "", "give model and version"),
        ("  model: fraud-detector\n", "", "give model and version"),
        ("expires: 2027-01-15", "expires: 2027-01-31", "1 to 90 days after created"),
        ("expires: 2027-01-15", "expires: 2026-11-01", "1 to 90 days after created"),
        ("expires: 2027-01-15", "expires: 2026-10-31", "1 to 90 days after created"),
        ("expires: 2027-01-15", "expires: never", r"waivers.yaml:8: 0.expires"),
        ("  ticket: RISK-1234\n", "", r"waivers.yaml:1: 0.ticket"),
        ("reason: The data is being collected", "reason: ''", r"waivers.yaml:6: 0.reason"),
        ("created: 2026-11-01", "created: 1793491200", r"waivers.yaml:7: 0.created"),
        ("  version: 2.1.0\n", "  digest: 'sha256:" + "a" * 64 + "'\n", "a rule judges a version"),
        ("  ticket", "  note: x\n  ticket", r"waivers.yaml:9: 0.note"),
    ],
)
def test_an_unsound_waiver_stops_everything(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(WAIVER)
    (sound,) = load_waivers(file)
    assert sound.finding == "drift-maximum"
    assert old in WAIVER
    file.write_text(WAIVER.replace(old, new))
    with pytest.raises(OwnersFileError, match=expected):
        load_waivers(file)


def test_whose_name_comes_first_does_not_matter() -> None:
    assert waiver(owner="grace", approver="ada").approver == "ada"


def test_lists_may_speak_of_more_environments_than_are_decided_for() -> None:
    governance = load_governance()
    schemes = {**governance.approved.uri_schemes, "staging": ("s3",)}
    approved = governance.approved.model_copy(update={"uri_schemes": schemes})
    check_governance(Governance(governance.levels, approved))


def test_a_waiver_may_last_ninety_days() -> None:
    waiver(created="2026-01-01", expires="2026-04-01")
    with pytest.raises(ValidationError, match="1 to 90 days"):
        waiver(created="2026-01-01", expires="2026-04-02")


def test_a_waiver_of_no_rule_is_a_mistake() -> None:
    check_waivers([waiver(), waiver(finding="CVE-2024-1234"), waiver(finding="PYSEC-2024-12")])
    with pytest.raises(OwnersFileError, match=r"waivers.yaml:1: no rule is called drift-maximun"):
        check_waivers([waiver(finding="drift-maximun")])


def test_a_mistake_between_files_is_named_with_its_line() -> None:
    governance = load_governance()
    rules = {**governance.levels.rules}
    rules["drift-maximum"] = RuleLevel(level=Level.MANDATORY)
    levels = governance.levels.model_copy(update={"rules": rules})
    lines = (POLICY_PACK / "levels.yaml").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "drift-maximum:" in text)
    with pytest.raises(OwnersFileError, match=rf"levels.yaml:{line}: drift-maximum has no thr"):
        check_governance(Governance(levels, governance.approved))
