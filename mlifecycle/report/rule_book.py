"""`docs/governance.md`: every rule with its levels, thresholds, reason and remedy."""

from collections.abc import Iterable
from typing import Any

from mlifecycle.governance.findings import Level, threshold_as_printed
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.levels import Levels
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.governance.objects.catalogue import OBJECT_RULES, STACK_RULES
from mlifecycle.governance.rule import Rule
from mlifecycle.governance.waivers import MAXIMUM_DAYS
from mlifecycle.security.rules import SCAN_RULES

INTRODUCTION = f"""\
# Governance: every rule

Made by `make generate` from the rules and from `policy_pack/`; a test keeps it current.
**M** refuses, **A** warns. Levels and thresholds are the governance owner's:
`policy_pack/levels.yaml` and `policy_pack/approved.yaml`; a change there touches no Python and
rolls no model.

The same rules speak in four moments: `mlifecycle validate`, the component when the program runs,
the policy pack in `pulumi preview` and `pulumi up`, and `pulumi policy analyze` on a stack's state.

**A finding that must pass for a time** gets a waiver in `policy_pack/waivers.yaml`: one finding of
one release, approved by someone other than its owner, for at most {MAXIMUM_DAYS} days.
`mlifecycle waivers` lists them with the days that they have left.

Two findings belong to no rule, and warn only: `waiver-ended` (a waiver of this release has ended,
and waives nothing), and in a preview `not-decided` (how many checks wait for values that `up` will
know). `schema` is the name that reports give to a manifest that cannot be read.

**A new rule** is one `Rule` in `mlifecycle/governance/manifest_rules/`, `.../objects/` or
`mlifecycle/security/rules.py`, its line in `levels.yaml`, and its cases in `tests/policy/`.
"""


def rule_book(governance: Governance) -> str:
    """The document."""
    levels = governance.levels
    environments = " | ".join(levels.environments)
    sections: list[tuple[str, Iterable[Rule[Any]]]] = [
        ("About manifests", MANIFEST_RULES),
        ("About each Kubernetes object, whoever made it", OBJECT_RULES),
        ("About a stack's Kubernetes objects together", STACK_RULES),
        ("About what scanners find in image, dependencies and repository", SCAN_RULES),
    ]
    blocks = [INTRODUCTION]
    for title, rules in sections:
        rows = "\n".join(_rows(rules, levels))
        head = f"| rule | what holds | {environments} | why | what to do | serves |"
        ruler = "|---|---|" + "---|" * len(levels.environments) + "---|---|---|"
        blocks.append(f"## {title}\n\n{head}\n{ruler}\n{rows}\n")
    return "\n".join(blocks)


def _rows(rules: Iterable[Rule[Any]], levels: Levels) -> Iterable[str]:
    for rule in rules:
        settings = [levels.setting(rule.key, name) for name in levels.environments]
        numbers = dict.fromkeys(
            threshold_as_printed(setting.threshold)
            for setting in settings
            if setting.threshold is not None
        )
        holds = rule.title.format(threshold=" / ".join(numbers))
        shown = " | ".join("M" if s.level is Level.MANDATORY else "A" for s in settings)
        serves = ", ".join(rule.frameworks)
        cells = (f"`{rule.key}`", holds, shown, rule.reason, rule.remediation, serves)
        yield f"| {' | '.join(cells)} |"
