"""What a manifest's dependencies name."""

from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def exact_pins(dependencies: Iterable[str]) -> list[str]:
    """`name==version` for each version that is named exactly, without its local part."""
    pins: dict[str, None] = {}
    for requirement in map(Requirement, dependencies):
        for specifier in requirement.specifier:
            if specifier.operator in ("==", "===") and not specifier.version.endswith(".*"):
                try:
                    version = Version(specifier.version).public
                except InvalidVersion:
                    # Only `===` takes one; no index has it, and no advisory speaks of it.
                    continue
                pins[f"{canonicalize_name(requirement.name)}=={version}"] = None
    return list(pins)
