"""Exact versions that a manifest names itself."""

import contextlib
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def exact_pins(dependencies: Iterable[str]) -> list[str]:
    """`name==version` for each version that is named exactly, without its local part."""
    pins = {
        f"{canonicalize_name(requirement.name)}=={version}": None
        for requirement in map(Requirement, dependencies)
        for version in exact_versions(requirement)
    }
    return list(pins)


def exact_versions(requirement: Requirement) -> list[Version]:
    """The versions that a requirement names exactly: `1.8.0+cu111` is a build of 1.8.0."""
    versions = []
    for specifier in requirement.specifier:
        if specifier.operator in ("==", "===") and not specifier.version.endswith(".*"):
            # Only `===` takes what is no version; no index has it, and no advisory speaks of it.
            with contextlib.suppress(InvalidVersion):
                versions.append(Version(Version(specifier.version).public))
    return versions
