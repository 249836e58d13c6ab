"""The optional sections of a manifest: how a model is served, watched and taken back."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlifecycle.manifest.fields import Amount, Count, Name, NotNegative, Ratio, Replicas, Text
from mlifecycle.manifest.section import Section


class Amounts(Section):
    """Amounts of resources, as Kubernetes writes quantities."""

    cpu: Amount | None = None
    """Cores, such as 500m."""
    memory: Amount | None = None
    """Bytes, such as 512Mi."""


class Resources(Section):
    """What a pod asks for, and may use."""

    requests: Amounts | None = None
    """What is reserved."""
    limits: Amounts | None = None
    """What it may not exceed."""


class Autoscaling(Section):
    """How many pods serve, by load."""

    min_replicas: Replicas | None = None
    """The least; the environment has a floor."""
    max_replicas: Replicas | None = None
    """The most."""
    target_cpu_utilization: Annotated[int, Field(ge=1, le=100)] | None = None
    """Percent of the CPU request at which pods are added."""

    @model_validator(mode="after")
    def _least_before_most(self) -> Self:
        least, most = self.min_replicas, self.max_replicas
        if least is not None and most is not None and least > most:
            raise ValueError(f"min_replicas {least} is more than max_replicas {most}")
        return self


class Client(Section):
    """Pods that may call the model."""

    namespace: Name
    """The namespace that they run in."""


class RequestLimits(Section):
    """What one request may bring."""

    max_rows: Annotated[Count, Field(le=100_000)] | None = None
    """Rows of input; 1024 where it is not given."""
    max_bytes: Annotated[Count, Field(ge=1024, le=32 * 2**20)] | None = None
    """Bytes of the body; 4 MiB where it is not given."""


class Inference(Section):
    """How the model is served; what is not given is the environment's default."""

    replicas: Replicas | None = None
    """A fixed number of pods, where nothing scales them."""
    resources: Resources | None = None
    """What a pod asks for, and may use."""
    autoscaling: Autoscaling | None = None
    """How many pods serve, by load."""
    latency_p99_ms: NotNegative | None = None
    """Measured 99th percentile of the latency, in milliseconds."""
    grpc: bool | None = None
    """Whether the Open Inference Protocol is served over gRPC too."""
    auth: Literal["api-key"] | None = None
    """What callers must bring; the keys are the stack's, by the model's name."""
    clients: tuple[Client, ...] | None = Field(default=None, strict=False)
    """Who may call, beside the ingress."""
    limits: RequestLimits | None = None
    """What one request may bring."""


class AlertThresholds(Section):
    """When alerts fire, within the environment's bounds."""

    error_rate: Ratio | None = None
    """Share of requests that fail."""
    latency_seconds: NotNegative | None = None
    """99th percentile of the latency."""


class Monitoring(Section):
    """What is watched; what is not given is the environment's default."""

    enabled: bool | None = None
    """Must be true where the section is given."""
    drift_detection: bool | None = None
    """Whether inputs are compared with the reference profile."""
    alerting: bool | None = None
    """Whether alerts are made for the model."""
    thresholds: AlertThresholds | None = None
    """When alerts fire."""
    request_logging: bool | None = None
    """Whether each request is logged, without its payload."""


class Explainability(Section):
    """How predictions are explained."""

    method: Annotated[str, Field(max_length=500)] | None = None
    """Such as shap."""


class Rollback(Section):
    """What happens to a release that turns out bad."""

    automatic: bool | None = None
    """Whether the platform returns to the previous release by itself."""
    bake: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[smh]$")] | None = None
    """How long a release is watched before it counts as good, such as 10m."""


class Ownership(Section):
    """Who answers for the model."""

    team: Name | None = None
    """The label `team`."""
    notify: tuple[Text, ...] | None = Field(default=None, strict=False)
    """Who is told, by the names that the stack's configuration has for them."""


class VerificationSettings(Section):
    """How a release is verified."""

    samples: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """How many golden samples are asked; all of them where it is not given."""
