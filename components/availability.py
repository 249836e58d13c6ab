"""What keeps a model answering: how many pods serve, and how many may be taken away at once."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.autoscaling import v2 as autoscaling
from pulumi_kubernetes.meta import v1 as meta

from components.release import Release
from mlifecycle.manifest.operation import Inference
from mlifecycle.stack.settings import StackSettings

CPU_UTILIZATION = 70


@dataclass(frozen=True)
class Scale:
    """How many pods serve, and at which share of the CPU request more are added."""

    least: int
    most: int
    cpu_utilization: int


def scale_of(inference: Inference | None, settings: StackSettings) -> Scale:
    """What the manifest asks for, within the environment's bounds, else the environment's own.

    Below the floor the rule `replicas-minimum` speaks; above the ceiling the ceiling counts.
    """
    asked = inference.autoscaling if inference else None
    fixed = inference.replicas if inference else None
    least = (asked.min_replicas if asked else None) or fixed or settings.replicas
    most = (asked.max_replicas if asked else None) or fixed or settings.maximum_replicas
    least = min(least, settings.maximum_replicas)
    return Scale(
        least=least,
        most=max(least, min(most, settings.maximum_replicas)),
        cpu_utilization=(asked.target_cpu_utilization if asked else None) or CPU_UTILIZATION,
    )


def autoscaler(release: Release, scale: Scale, options: pulumi.ResourceOptions) -> pulumi.Resource:
    """The only owner of the number of pods: the Deployment names none."""
    return autoscaling.HorizontalPodAutoscaler(
        release.model,
        metadata=release.metadata(),
        spec=autoscaling.HorizontalPodAutoscalerSpecArgs(
            min_replicas=scale.least,
            max_replicas=scale.most,
            scale_target_ref=autoscaling.CrossVersionObjectReferenceArgs(
                api_version="apps/v1", kind="Deployment", name=release.model
            ),
            metrics=[
                autoscaling.MetricSpecArgs(
                    type="Resource",
                    resource=autoscaling.ResourceMetricSourceArgs(
                        name="cpu",
                        target=autoscaling.MetricTargetArgs(
                            type="Utilization", average_utilization=scale.cpu_utilization
                        ),
                    ),
                )
            ],
        ),
        opts=options,
    )


def disruption_budget(release: Release, options: pulumi.ResourceOptions) -> pulumi.Resource:
    """One pod at a time may be evicted; one that is not ready, always."""
    return kubernetes.policy.v1.PodDisruptionBudget(
        release.model,
        metadata=release.metadata(),
        spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            unhealthy_pod_eviction_policy="AlwaysAllow",
            selector=meta.LabelSelectorArgs(match_labels=release.selector()),
        ),
        opts=options,
    )
