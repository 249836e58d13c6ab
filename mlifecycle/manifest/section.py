"""What all sections of a manifest share: strict, frozen, and nothing that is not known."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Empty:
    """A null: no field takes it, so that each is an error of its own, beside all others."""


EMPTY = Empty()


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, data: Any) -> Any:
        """An empty value is a mistake: a section that is not wanted is left out."""
        if isinstance(data, dict):
            return {key: EMPTY if value is None else value for key, value in data.items()}
        return data
