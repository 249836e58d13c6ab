"""The governance owner's file: a level and a threshold for each rule."""

from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mlifecycle.governance.findings import Level
from mlifecycle.manifest.nodes import NodeError, read_documents

DEFAULT_FILE = Path(__file__).parents[2] / "policy_pack" / "levels.yaml"


class RuleLevel(BaseModel):
    """What the owner decided for one rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level
    threshold: Decimal | None = None


Levels = dict[str, RuleLevel]


class LevelsError(Exception):
    """The owner's file cannot be used; nothing may be judged without it."""


def load_levels(file: Path = DEFAULT_FILE) -> Levels:
    """Read and check the file.

    Raises:
        LevelsError: unreadable, malformed, or without a rule.
    """
    try:
        (document,) = read_documents(file.read_text(encoding="utf-8"))
        levels = TypeAdapter(Levels).validate_python(document.value)
    except NodeError as error:
        raise LevelsError(f"{file}:{error.position.line}: {error}") from error
    except (OSError, ValueError, ValidationError) as error:
        raise LevelsError(f"{file}: {error}") from error
    if not levels:
        raise LevelsError(f"{file}: no rule is in it")
    return levels
