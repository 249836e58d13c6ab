"""The governance owner's file of levels and thresholds, for each environment."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mlifecycle.governance.findings import Level
from mlifecycle.governance.owners_file import POLICY_PACK, read_owners_file

DEFAULT_FILE = POLICY_PACK / "levels.yaml"


Threshold = Annotated[Decimal, Field(ge=0)]


class RuleLevel(BaseModel):
    """What the owner decided for one rule: for all environments, or for each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level | dict[str, Level]
    threshold: Threshold | dict[str, Threshold] | None = None


@dataclass(frozen=True)
class Setting:
    """What counts in one environment."""

    level: Level
    threshold: Decimal | None


class Levels(BaseModel):
    """The file.

    Attributes:
        environments: every environment that it decides for.
        rules: by the rules' keys.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environments: tuple[str, ...] = Field(min_length=1)
    rules: dict[str, RuleLevel] = Field(min_length=1)

    def setting(self, key: str, environment: str) -> Setting:
        """Level and threshold of a rule; `check_governance` has made sure that there is one."""
        rule = self.rules[key]
        level = rule.level[environment] if isinstance(rule.level, dict) else rule.level
        threshold = rule.threshold
        if isinstance(threshold, dict):
            threshold = threshold[environment]
        return Setting(level, threshold)

    def thresholds(self, environment: str) -> dict[str, Decimal]:
        """The number of every rule that has one."""
        settings = {key: self.setting(key, environment).threshold for key in self.rules}
        return {key: number for key, number in settings.items() if number is not None}


def load_levels(file: Path = DEFAULT_FILE) -> Levels:
    """Read and check the file.

    Raises:
        OwnersFileError: unreadable, malformed, or without a rule.
    """
    levels: Levels = read_owners_file(file, Levels)
    return levels
