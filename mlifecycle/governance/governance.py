"""The owner's files together, checked against the rules: nothing is judged without all of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlifecycle.governance.approved import DEFAULT_FILE as APPROVED_FILE
from mlifecycle.governance.approved import Approved, load_approved
from mlifecycle.governance.catalogue import all_rules, waivable_rules
from mlifecycle.governance.levels import DEFAULT_FILE as LEVELS_FILE
from mlifecycle.governance.levels import Levels, load_levels
from mlifecycle.governance.owners_file import OwnersFileError
from mlifecycle.governance.waivers import DEFAULT_FILE as WAIVERS_FILE
from mlifecycle.governance.waivers import Waiver, load_waivers


@dataclass(frozen=True)
class Governance:
    """What the governance owner decided."""

    levels: Levels
    approved: Approved

    def require_environment(self, environment: str) -> None:
        """Refuse an environment that nobody decided for.

        Raises:
            OwnersFileError: it is in no list of `levels.yaml`.
        """
        if environment not in self.levels.environments:
            known = ", ".join(self.levels.environments)
            line = _line_of(LEVELS_FILE, "environments")
            raise OwnersFileError(
                f"{LEVELS_FILE}:{line}: no environment {environment!r} among those decided for: "
                f"{known}"
            )


@cache
def load_governance() -> Governance:
    """Read the owner's files.

    Raises:
        OwnersFileError: one is unreadable or malformed, or does not fit the rules.
    """
    governance = Governance(load_levels(), load_approved())
    check_governance(governance)
    check_waivers(load_waivers())
    return governance


def check_waivers(waivers: Iterable[Waiver]) -> None:
    """Every waiver speaks of a vulnerability, or of a rule that there is.

    Raises:
        OwnersFileError: a misspelt one would waive nothing, and nobody would know.
    """
    rules = {rule.id for rule in waivable_rules()}
    unknown = [
        waiver.finding
        for waiver in waivers
        if not waiver.is_of_a_vulnerability and waiver.finding not in rules
    ]
    if unknown:
        line = _line_of(WAIVERS_FILE, "finding", unknown[0])
        raise OwnersFileError(f"{WAIVERS_FILE}:{line}: no rule is called {', '.join(unknown)}")


def check_governance(governance: Governance) -> None:
    """Every rule has a level, and the number that it needs, in every environment; and no other has.

    Raises:
        OwnersFileError: a rule that nobody set must not count as passed.
    """
    levels = governance.levels
    rules = {rule.key: rule for rule in all_rules()}
    problems: list[tuple[Path, str, str]] = []
    if missing := rules.keys() - levels.rules.keys():
        problems.append((LEVELS_FILE, "rules", f"no level for {', '.join(sorted(missing))}"))
    problems += [
        (LEVELS_FILE, key, f"no rule is called {key}")
        for key in sorted(levels.rules.keys() - rules.keys())
    ]
    for key in sorted(rules.keys() & levels.rules.keys()):
        problems += [
            (LEVELS_FILE, key, problem)
            for problem in _problems(key, rules[key].has_threshold, levels)
        ]
    if lacking := set(levels.environments) - governance.approved.uri_schemes.keys():
        words = f"no uri_schemes for {', '.join(sorted(lacking))}"
        problems.append((APPROVED_FILE, "uri_schemes", words))
    if problems:
        raise OwnersFileError(
            "\n".join(f"{file}:{_line_of(file, key)}: {words}" for file, key, words in problems)
        )


def _line_of(file: Path, key: str, value: str = "") -> int:
    """Where a key stands in an owner's file, with that value; the first line where it does not."""
    behind = rf".*\b{re.escape(value)}\b" if value else ""
    wanted = re.compile(rf"\s*(- )?[\"']?{re.escape(key)}[\"']?\s*:{behind}")
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if wanted.match(line)), 1)


def _problems(key: str, has_threshold: bool, levels: Levels) -> list[str]:
    rule = levels.rules[key]
    problems = []
    if has_threshold != (rule.threshold is not None):
        problems.append(f"{key} {'has no' if has_threshold else 'takes no'} threshold")
    for name, decided in (("level", rule.level), ("threshold", rule.threshold)):
        if isinstance(decided, dict) and decided.keys() != set(levels.environments):
            problems.append(
                f"{key}: {name} is for {', '.join(sorted(decided))}, "
                f"not for {', '.join(levels.environments)}"
            )
    return problems
