"""What rules need of a stack's file, where no engine is asked: its environment and registries."""

import os
from collections.abc import Mapping
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
    """

    environment: str
    registries: tuple[str, ...]


def terms_of(configuration: Mapping[str, Any], source: str) -> StackTerms:
    """The terms in a configuration of full keys.

    Raises:
        SettingsError: it names no environment.
    """
    environment = configuration.get(f"{PROJECT}:environment")
    if not isinstance(environment, str):
        raise SettingsError(f"{source}: {PROJECT}:environment is not set")
    registry = configuration.get(f"{PROJECT}:registry")
    return StackTerms(environment, (registry,) if isinstance(registry, str) else ())


def read_stack_terms(stack: str) -> StackTerms:
    """The terms of a stack, from its file where Pulumi itself would look for it.

    Raises:
        SettingsError: there is no such file, or it cannot be used.
    """
    folder = Path(os.environ.get("PULUMI_OPTION_CWD") or ROOT)
    # A stack's name has no folder in it; an argument may.
    files = {file.name: file for file in folder.glob("Pulumi.*.yaml")}
    file = files.get(f"Pulumi.{stack}.yaml")
    if file is None:
        known = ", ".join(sorted(name.split(".")[1] for name in files)) or "none"
        raise SettingsError(f"no stack {stack!r} has a file in {folder}; there are: {known}")
    try:
        content: dict[str, dict[str, Any]] = read_owners_file(file, dict[str, Any])
        return terms_of(content.get("config") or {}, str(file))
    except OwnersFileError as error:
        raise SettingsError(str(error)) from error
