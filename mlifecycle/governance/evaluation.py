"""The one evaluation: command line, component, gate and policy pack all call this."""

from mlifecycle.governance.findings import Finding
from mlifecycle.governance.levels import Levels, LevelsError
from mlifecycle.governance.rules import RULES
from mlifecycle.manifest.schema import Manifest


def evaluate(manifest: Manifest, levels: Levels) -> list[Finding]:
    """Every rule's findings about one manifest, in the rules' order.

    Raises:
        LevelsError: a rule has no level, lacks its threshold, or a level names no rule; a rule
            that nobody set must not count as passed.
    """
    check_levels(levels)
    findings = []
    for rule in RULES:
        setting = levels[rule.id]
        for objection in rule.check(manifest, setting.threshold):
            findings.append(
                Finding(
                    rule=rule.id,
                    level=setting.level,
                    message=objection.message,
                    remediation=rule.remediation,
                    value=objection.value,
                    threshold=None if setting.threshold is None else str(setting.threshold),
                )
            )
    return findings


def check_levels(levels: Levels) -> None:
    """Refuse an owner's file that does not fit the rules."""
    ids = {rule.id for rule in RULES}
    if missing := ids - levels.keys():
        raise LevelsError(f"no level for {', '.join(sorted(missing))}")
    if unknown := levels.keys() - ids:
        raise LevelsError(f"no rule is called {', '.join(sorted(unknown))}")
    for rule in RULES:
        if rule.has_threshold and levels[rule.id].threshold is None:
            raise LevelsError(f"{rule.id} has no threshold")
