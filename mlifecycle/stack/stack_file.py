"""What rules need of a stack's file, where no engine is asked: its environment and registries."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlifecycle.governance.owners_file import OwnersFileError, read_owners_file
from mlifecycle.stack.settings import PROJECT, SettingsError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class StackTerms:
    """What a stack's configuration says to the rules.

    Attributes:
        environment: such as `production`.
        registries: what it accepts images from, beside the owner's list.
        namespace: how it names namespaces, `{namespace}` for a manifest's.
    """

    environment: str
    registries: tuple[str, ...]
    namespace: str


def read_stack_terms(stack: str) -> StackTerms:
    """The terms of a stack, from its file where Pulumi itself would look for it.

    Raises:
        SettingsError: there is no such file, or it cannot be used.
    """
    # A stack's name has no folder in it; an argument may.
    if stack not in stack_names():
        known = ", ".join(stack_names()) or "none"
        raise SettingsError(f"no stack {stack!r} has a file in {_folder()}; there are: {known}")
    return terms_in(_folder() / f"Pulumi.{stack}.yaml")


def stack_names() -> list[str]:
    """The stacks that have a file."""
    names = (file.name for file in _folder().glob("Pulumi.*.yaml"))
    return sorted(name.removeprefix("Pulumi.").removesuffix(".yaml") for name in names)


def _folder() -> Path:
    return Path(os.environ.get("PULUMI_OPTION_CWD") or ROOT)


def terms_in(file: Path) -> StackTerms:
    """The terms that a stack's file holds.

    Raises:
        SettingsError: it cannot be used.
    """
    try:
        content: dict[str, dict[str, Any]] = read_owners_file(file, dict[str, Any])
    except OwnersFileError as error:
        raise SettingsError(str(error)) from error
    configuration = content.get("config") or {}
    environment = configuration.get(f"{PROJECT}:environment")
    if not isinstance(environment, str):
        raise SettingsError(f"{file}: {PROJECT}:environment is not set")
    registry = configuration.get(f"{PROJECT}:registry")
    namespace = configuration.get(f"{PROJECT}:namespace")
    if not isinstance(namespace, str):
        raise SettingsError(f"{file}: {PROJECT}:namespace is not set")
    return StackTerms(environment, (registry,) if isinstance(registry, str) else (), namespace)
