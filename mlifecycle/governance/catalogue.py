"""Every rule there is, in the order in which findings are reported."""

from collections.abc import Iterator
from typing import Any

from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.governance.objects.catalogue import OBJECT_RULES, STACK_RULES
from mlifecycle.governance.rule import Rule
from mlifecycle.security.rules import SCAN_RULES


def all_rules() -> Iterator[Rule[Any]]:
    """The rules that waivers name, and those about what scanners found."""
    yield from waivable_rules()
    yield from SCAN_RULES


def waivable_rules() -> Iterator[Rule[Any]]:
    """The rules about manifests, about single objects, and about a stack's objects together.

    What scanners find is waived by the vulnerability's own name, or not at all.
    """
    yield from MANIFEST_RULES
    yield from OBJECT_RULES
    yield from STACK_RULES
