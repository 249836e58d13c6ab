"""The owner's files together, checked against the rules: nothing is judged without all of them."""

from dataclasses import dataclass
from functools import cache

from mlifecycle.governance.approved import Approved, load_approved
from mlifecycle.governance.catalogue import all_rules
from mlifecycle.governance.levels import DEFAULT_FILE, Levels, load_levels
from mlifecycle.governance.owners_file import OwnersFileError


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
            raise OwnersFileError(
                f"{DEFAULT_FILE}: no environment {environment!r} among those decided for: {known}"
            )


@cache
def load_governance() -> Governance:
    """Read the owner's files.

    Raises:
        OwnersFileError: one is unreadable or malformed, or does not fit the rules.
    """
    governance = Governance(load_levels(), load_approved())
    check_governance(governance)
    return governance


def check_governance(governance: Governance) -> None:
    """Every rule has a level, and the number that it needs, in every environment; and no other has.

    Raises:
        OwnersFileError: a rule that nobody set must not count as passed.
    """
    levels = governance.levels
    rules = {rule.key: rule for rule in all_rules()}
    problems = []
    if missing := rules.keys() - levels.rules.keys():
        problems.append(f"no level for {', '.join(sorted(missing))}")
    if unknown := levels.rules.keys() - rules.keys():
        problems.append(f"no rule is called {', '.join(sorted(unknown))}")
    for key in rules.keys() & levels.rules.keys():
        problems += _problems(key, rules[key].has_threshold, levels)
    if lacking := set(levels.environments) - governance.approved.uri_schemes.keys():
        problems.append(f"approved.yaml: no uri_schemes for {', '.join(sorted(lacking))}")
    if problems:
        raise OwnersFileError("\n".join(f"{DEFAULT_FILE}: {problem}" for problem in problems))


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
