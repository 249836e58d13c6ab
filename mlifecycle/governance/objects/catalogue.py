"""Every rule about Kubernetes objects."""

from collections.abc import Sequence

from mlifecycle.governance.objects import (
    availability,
    awaiting,
    exposure,
    hygiene,
    identity,
    images,
    network,
    references,
    resources,
    rollout,
    secrecy,
)
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.pod_security_baseline import POD_SECURITY_BASELINE
from mlifecycle.governance.objects.pod_security_restricted import POD_SECURITY_RESTRICTED
from mlifecycle.governance.rule import Rule

OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    *POD_SECURITY_BASELINE,
    *POD_SECURITY_RESTRICTED,
    *images.OBJECT_RULES,
    *resources.OBJECT_RULES,
    *rollout.OBJECT_RULES,
    *network.OBJECT_RULES,
    *exposure.OBJECT_RULES,
    *identity.OBJECT_RULES,
    *secrecy.OBJECT_RULES,
    *hygiene.OBJECT_RULES,
    *awaiting.OBJECT_RULES,
)
STACK_RULES: tuple[Rule[Sequence[KubernetesObject]], ...] = (
    *availability.STACK_RULES,
    *network.STACK_RULES,
    *exposure.STACK_RULES,
    *identity.STACK_RULES,
    *references.STACK_RULES,
)
