"""The shape of a manifest: fields, types and ranges. What is good enough is governance's word."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlifecycle.manifest.fields import (
    MAXIMUM_ENTRIES,
    Count,
    Day,
    Dependency,
    Difference,
    Digest,
    ModelUri,
    Name,
    NotNegative,
    Ratio,
    Text,
    Version,
)
from mlifecycle.manifest.operation import (
    Explainability,
    Inference,
    Monitoring,
    Ownership,
    Rollback,
    VerificationSettings,
)
from mlifecycle.manifest.section import Section


class Metadata(Section):
    """Which model, and the namespace that it lands in."""

    name: Name
    """The model's name in the cluster; spec.model.name is the same."""
    namespace: Name | None = None
    """Where it lands; a stack may put its own name behind it."""


class Model(Section):
    """The model artifact and where it comes from."""

    name: Name
    """The same as metadata.name."""
    version: Version
    """A SemVer 2.0.0 version, such as 2.1.0; quote it."""
    uri: ModelUri
    """The folder that holds the artifact, such as s3://models/fraud-detector/v2.1.0."""
    framework: Text
    """What it was trained with, such as pytorch; the artifact's own format says what serves it."""
    experiment_id: Annotated[str, Field(max_length=500)] | None = None
    """The experiment of the tracking server that this model comes from."""
    digest: Digest | None = None
    """The artifact's digest, where its author knows it: sha256 and 64 hexadecimal digits."""


class Metrics(Section):
    """Quality on the evaluation set."""

    accuracy: Ratio | None = None
    """In [0, 1]."""
    f1_score: Ratio | None = None
    """In [0, 1]."""
    precision: Ratio | None = None
    """In [0, 1]."""
    recall: Ratio | None = None
    """In [0, 1]."""
    sample_size: Count | None = None
    """How many samples the evaluation set has; with it, accuracy gets a confidence interval."""


class Fairness(Section):
    """Differences between groups; 0 is no difference."""

    demographic_parity: Difference | None = None
    """Demographic parity difference, in [-1, 1]."""
    equalized_odds: Difference | None = None
    """Equalized odds difference, in [-1, 1]."""


class Drift(Section):
    """Distance of today's inputs from the reference's."""

    score: NotNegative | None = None
    """0 is no drift."""
    reference_date: Day | None = None
    """The day of the reference data, YYYY-MM-DD."""


class DataSource(Section):
    """One source of training data."""

    source: Text | None = None
    """Its name or address, such as transactions-prod or s3://approved-data-x/2025."""
    approved: bool | None = None
    """Whether its owner approved this use."""


class Training(Section):
    """How the model was trained."""

    sample_size: Annotated[int, Field(ge=0, le=10**12)] | None = None
    """How many samples it was trained on."""


class PreviousVersion(Section):
    """The version that this one replaces, as its author knows it."""

    version: Version | None = None
    """Its version."""
    metrics: Metrics | None = None
    """Its quality, on the same evaluation set."""
    latency_p99_ms: NotNegative | None = None
    """Its 99th percentile of the latency, in milliseconds."""


class Spec(Section):
    """What is deployed, and the evidence for it."""

    model: Model
    metrics: Metrics | None = None
    fairness: Fairness | None = None
    drift: Drift | None = None
    dependencies: tuple[Dependency, ...] = Field(
        default=(), strict=False, max_length=MAXIMUM_ENTRIES
    )
    """What the model needs, as PEP 508 requirements."""
    data_sources: tuple[DataSource, ...] = Field(
        default=(), strict=False, max_length=MAXIMUM_ENTRIES
    )
    inference: Inference | None = None
    monitoring: Monitoring | None = None
    explainability: Explainability | None = None
    training: Training | None = None
    previous_version: PreviousVersion | None = None
    rollback: Rollback | None = None
    ownership: Ownership | None = None
    verification: VerificationSettings | None = None


class Manifest(Section):
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
