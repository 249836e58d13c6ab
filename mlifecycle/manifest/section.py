"""What all sections of a manifest share: strict, frozen, and nothing that is not known."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, data: Any) -> Any:
        """An empty value is a mistake: a section that is not wanted is left out."""
        if isinstance(data, dict):
            empty = [key for key, value in data.items() if value is None]
            if empty:
                raise ValueError(
                    f"{', '.join(map(str, empty))} is empty: give a value or remove it"
                )
        return data
