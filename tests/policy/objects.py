"""The sound stack that the tests of all object rules start from, and how they change it."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from mlifecycle.governance.approved import load_approved
from mlifecycle.governance.context import Context
from mlifecycle.governance.objects.catalogue import OBJECT_RULES, STACK_RULES
from mlifecycle.governance.objects.kubernetes import (
    POD_PATHS,
    KubernetesObject,
)
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
IMAGE = f"ghcr.io/fraud/inference-service:2.1.0@{DIGEST}"
TERMS = Terms(
    Decimal(3),
    "production",
    load_approved(),
    Context(date=date(2026, 11, 24), registries=("registry.bank.example:5000/models",)),
)
# Every object of it passes every rule; each test changes one thing.
SOUND = f"""
x-labels: &labels
  app.kubernetes.io/name: fraud
  app.kubernetes.io/instance: fraud
  app.kubernetes.io/version: 2.1.0
  app.kubernetes.io/component: inference
  app.kubernetes.io/part-of: mlifecycle
  app.kubernetes.io/managed-by: pulumi
  app: fraud
  version: 2.1.0
  team: risk
x-metadata: &metadata {{name: fraud, namespace: models, labels: *labels}}
x-selector: &selector {{app.kubernetes.io/name: fraud}}
x-probe: &probe {{httpGet: {{path: /health, port: http}}}}
objects:
  - apiVersion: v1
    kind: Namespace
    metadata:
      name: models
      labels:
        pod-security.kubernetes.io/enforce: restricted
        pod-security.kubernetes.io/warn: restricted
        pod-security.kubernetes.io/audit: restricted
        pod-security.kubernetes.io/enforce-version: v1.34
        pod-security.kubernetes.io/warn-version: v1.34
        pod-security.kubernetes.io/audit-version: latest
  - {{apiVersion: v1, kind: ServiceAccount, metadata: *metadata,
      automountServiceAccountToken: false}}
  - {{apiVersion: v1, kind: ConfigMap, metadata: *metadata, data: {{LOG_LEVEL: info}}}}
  - {{apiVersion: v1, kind: Secret, metadata: *metadata, stringData: {{key: value}}}}
  - apiVersion: v1
    kind: Service
    metadata: *metadata
    spec:
      type: ClusterIP
      selector: *selector
      ports: [{{name: http, port: 80, targetPort: http}}]
  - apiVersion: apps/v1
    kind: Deployment
    metadata: *metadata
    spec:
      minReadySeconds: 2
      revisionHistoryLimit: 10
      progressDeadlineSeconds: 290
      selector: {{matchLabels: *selector}}
      strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
      template:
        metadata:
          labels: *labels
          annotations:
            mlifecycle.io/scan-evidence: '{{"{DIGEST}": "passed"}}'
        spec:
          serviceAccountName: fraud
          automountServiceAccountToken: false
          securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
          topologySpreadConstraints:
            - {{topologyKey: zone, labelSelector: {{matchLabels: *selector}}}}
          containers:
            - name: inference
              image: {IMAGE}
              ports: [{{name: http, containerPort: 8080}}]
              env: [{{name: LOG_LEVEL, value: info}}]
              envFrom: [{{configMapRef: {{name: fraud}}}}]
              resources:
                requests: {{cpu: 500m, memory: 1Gi}}
                limits: {{cpu: 1, memory: 1Gi, ephemeral-storage: 512Mi}}
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities: {{drop: [ALL]}}
              startupProbe: *probe
              readinessProbe: {{httpGet: {{path: /ready, port: http}}}}
              livenessProbe: *probe
          volumes:
            - {{name: tmp, emptyDir: {{sizeLimit: 256Mi}}}}
            - {{name: store, secret: {{secretName: fraud}}}}
  - apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata: *metadata
    spec:
      scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: fraud}}
      minReplicas: 3
      maxReplicas: 6
  - apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: *metadata
    spec:
      {{maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow,
        selector: {{matchLabels: *selector}}}}
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {{name: default-deny, namespace: models, labels: *labels}}
    spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: *metadata
    spec:
      podSelector: {{matchLabels: *selector}}
      policyTypes: [Ingress, Egress]
      egress: [{{to: [{{ipBlock: {{cidr: 10.0.0.0/16}}}}], ports: [{{port: 443}}]}}]
  - apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata: *metadata
    spec:
      tls: [{{hosts: [fraud.models.example.com]}}]
      rules:
        - host: fraud.models.example.com
          http:
            paths: [{{path: /, backend: {{service: {{name: fraud, port: {{name: http}}}}}}}}]
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata: *metadata
    rules: [{{apiGroups: [""], resources: [secrets], verbs: [get]}}]
  - apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata: *metadata
    roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: fraud}}
    subjects: [{{kind: ServiceAccount, name: fraud}}]
"""
SOUND_JSON = json.dumps(yaml.safe_load(SOUND)["objects"])
POD: Path = ("spec", "template", "spec")
BOX: Path = (*POD, "containers", 0)
ABSENT = object()
EVERY_RULE: tuple[Rule[Any], ...] = OBJECT_RULES + STACK_RULES
RULES: Mapping[str, Rule[Any]] = {rule.key: rule for rule in EVERY_RULE}
# Fields that an object may lack; a path to one that is nobody's would be a mistake.
FIELDS = {
    *("strategy", "rollingUpdate", "maxUnavailable", "progressDeadlineSeconds", "replicas"),
    *("resources", "securityContext", "image", "automountServiceAccountToken", "namespace"),
    *("serviceAccountName", "labels", "annotations", "selector", "scaleTargetRef"),
    *("minReadySeconds", "timeoutSeconds"),
    *(
        f"pod-security.kubernetes.io/{mode}{field}"
        for mode in ("enforce", "warn", "audit")
        for field in ("", "-version")
    ),
}
# What a rule makes of what is there, or of its absence, instead of showing it.
COMPUTED = {"0", "1", "2", "default", "empty", "not set", "not set not set"}
STACK_KEYS = {rule.key for rule in STACK_RULES}


def sound_stack() -> list[dict[str, Any]]:
    """The objects, none sharing a part with another."""
    bodies: list[dict[str, Any]] = json.loads(SOUND_JSON)
    return bodies


def place(stack: Sequence[Mapping[str, Any]], target: str) -> int:
    """Where the object of a kind (or `kind/name`) stands."""
    kind, _, name = target.partition("/")
    return next(
        index
        for index, body in enumerate(stack)
        if body["kind"] == kind and name in ("", body["metadata"]["name"])
    )


def put(body: Any, path: Path, value: Any) -> None:
    """Set or remove what stands at a path, making what lies between."""
    *steps, last = path
    for step, following in zip(steps, path[1:], strict=True):
        if isinstance(step, str):
            body = body.setdefault(step, [] if isinstance(following, int) else {})
        else:
            if step == len(body):
                body.append({})
            body = body[step]
    if value is ABSENT:
        del body[last]
    elif isinstance(body, list) and last == len(body):
        body.append(value)
    else:
        body[last] = value


def changed(target: str, *changes: tuple[Path, Any]) -> list[dict[str, Any]]:
    """The sound stack with changes to one object."""
    stack = sound_stack()
    for path, value in changes:
        put(stack[place(stack, target)], path, value)
    return stack


def objects(stack: Sequence[Mapping[str, Any]], secret: bool | None = True) -> list[Any]:
    return [KubernetesObject(f"object-{n}", body, secret) for n, body in enumerate(stack)]


def judged(
    key: str,
    stack: Sequence[Mapping[str, Any]],
    *,
    terms: Terms = TERMS,
    secret: bool | None = True,
) -> list[Objection]:
    """What a rule objects to in a stack."""
    rule, items = RULES[key], objects(stack, secret)
    if key in STACK_KEYS:
        found = list(rule.check(items, terms))
        bodies = {str(item): item.body for item in items}
        for objection in found:
            points_at_something(objection, bodies[objection.subject])
        return found
    together = []
    for item in items:
        found = list(rule.check(item, terms))
        for objection in found:
            assert objection.subject == ""
            points_at_something(objection, item.body)
        together += found
    return together


def points_at_something(objection: Objection, body: Mapping[str, Any]) -> None:
    """A path leads to a field, or to where a known one is missing; a value is what stands there."""
    at: Any = body
    for index, step in enumerate(objection.path):
        inside = isinstance(at, Mapping) and step in at
        if isinstance(at, list) and isinstance(step, int) and step < len(at):
            inside = True
        if not inside:
            rest = [part for part in objection.path[index:] if isinstance(part, str)]
            assert set(rest) <= FIELDS, (objection, rest)
            assert objection.value is None or objection.value in COMPUTED, objection
            return
        at = at[step]
    if objection.value is not None and not isinstance(at, Mapping | list):
        known = {str(at), str(at).lower(), repr(at), json.dumps(at)}
        shown = objection.value.strip().rstrip("…")
        assert objection.value in known | COMPUTED or shown in str(at), objection


def messages(key: str, stack: Sequence[Mapping[str, Any]]) -> list[str]:
    return [objection.message for objection in judged(key, stack)]


def as_kind(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A workload of a kind with the Deployment's pods."""
    pod = deepcopy(body["spec"]["template"])
    made: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": body["metadata"]}
    path = POD_PATHS[kind]
    if path:
        put(made, path, pod)
    else:
        made |= {"metadata": {**body["metadata"], **pod["metadata"]}, "spec": pod["spec"]}
    return made
