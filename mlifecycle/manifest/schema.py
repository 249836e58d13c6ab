"""The shape of a manifest: fields, types and ranges. What is good enough is governance's word."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# SemVer 2.0.0, the expression that semver.org suggests.
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
    r"(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
URI_SCHEMES = ("s3", "gs", "abfs", "abfss", "mlflow", "models", "runs", "hf", "oci", "https")
URI = re.compile(rf"({'|'.join(URI_SCHEMES)}):/{{1,2}}[A-Za-z0-9._~/@:+-]+", re.ASCII)


def _dns_label(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS-1123 label: use lower-case letters, digits and -, at most 63"
        )
    return value


def _semantic_version(value: Any) -> Any:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        raise ValueError(f'{value} is a YAML number: quote the version, as in "{value}.0"')
    if isinstance(value, str) and not SEMVER.fullmatch(value):
        raise ValueError(f"{value!r} is not a SemVer 2.0.0 version, such as 2.1.0")
    return value


def _model_uri(value: str) -> str:
    if not URI.fullmatch(value):
        schemes = ", ".join(f"{scheme}://" for scheme in URI_SCHEMES)
        raise ValueError(f"{value!r} is not a model uri: it begins with one of {schemes}")
    return value


def _number(value: Any) -> Any:
    """Numbers stay exact: YAML's text becomes a Decimal, and a whole number is one too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


Name = Annotated[str, AfterValidator(_dns_label)]
Version = Annotated[str, BeforeValidator(_semantic_version)]
ModelUri = Annotated[str, AfterValidator(_model_uri)]
Ratio = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=1, allow_inf_nan=False)]
Difference = Annotated[Decimal, BeforeValidator(_number), Field(ge=-1, le=1, allow_inf_nan=False)]
Score = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

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


class Metadata(_Section):
    """Which model, and the namespace that it lands in."""

    name: Name
    namespace: Name


class Model(_Section):
    """The model artifact and where it comes from."""

    name: Name
    version: Version
    uri: ModelUri
    framework: Text
    experiment_id: str | None = None


class Metrics(_Section):
    """Quality on the evaluation set, each in [0, 1]."""

    accuracy: Ratio | None = None
    f1_score: Ratio | None = None
    precision: Ratio | None = None
    recall: Ratio | None = None


class Fairness(_Section):
    """Differences between groups, each in [-1, 1]; 0 is no difference."""

    demographic_parity: Difference | None = None
    equalized_odds: Difference | None = None


class Drift(_Section):
    """Distance of today's inputs from the reference's."""

    score: Score | None = None
    reference_date: date | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_date(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(text := data.get("reference_date"), str):
            try:
                return {**data, "reference_date": date.fromisoformat(text)}
            except ValueError as error:
                raise ValueError(f"reference_date {text!r} is not a date: YYYY-MM-DD") from error
        return data


class DataSource(_Section):
    """One source of training data."""

    source: Text
    approved: bool


class Spec(_Section):
    """What is deployed, and the evidence for it."""

    model: Model
    metrics: Metrics | None = None
    fairness: Fairness | None = None
    drift: Drift | None = None
    dependencies: tuple[Text, ...] = Field(default=(), strict=False)
    data_sources: tuple[DataSource, ...] = Field(default=(), strict=False)


class Manifest(_Section):
    """One ModelDeployment document."""

    apiVersion: Literal["mlifecycle.io/v1"]  # noqa: N815 - the field's name in YAML
    kind: Literal["ModelDeployment"]
    metadata: Metadata
    spec: Spec

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.metadata.name != self.spec.model.name:
            raise ValueError(
                f"metadata.name {self.metadata.name!r} and spec.model.name "
                f"{self.spec.model.name!r} differ: a Deployment carries its model's name"
            )
        return self
