"""The rules about images; and the sound stack that the tests of all object rules start from."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from mlifecycle.governance.approved import load_approved
from mlifecycle.governance.context import Context
from mlifecycle.governance.objects import images
from mlifecycle.governance.objects.catalogue import OBJECT_RULES, STACK_RULES
from mlifecycle.governance.objects.images import Reference, is_accepted, parse_reference
from mlifecycle.governance.objects.kubernetes import (
    CONTAINER_FIELDS,
    POD_PATHS,
    UNKNOWN,
    KubernetesObject,
)
from mlifecycle.governance.rule import NotDecided, Objection, Path, Rule, Terms

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
      revisionHistoryLimit: 10
      progressDeadlineSeconds: 290
      selector: {{matchLabels: *selector}}
      strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
      template:
        metadata:
          labels: *labels
          annotations:
            mlifecycle.io/scan-evidence: '{{"digest": "{DIGEST}", "verdict": "passed"}}'
        spec:
          serviceAccountName: fraud
          automountServiceAccountToken: false
          securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
          topologySpreadConstraints:
            - {{topologyKey: zone, labelSelector: {{matchLabels: *selector}}}}
          containers:
            - name: inference
              image: {IMAGE}
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
              readinessProbe: *probe
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
    spec: {{maxUnavailable: 1, selector: {{matchLabels: *selector}}}}
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
      rules:
        - http:
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
        return list(rule.check(items, terms))
    return [objection for item in items for objection in rule.check(item, terms)]


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


@pytest.mark.parametrize("key", RULES)
def test_the_sound_stack_passes(key: str) -> None:
    assert judged(key, sound_stack()) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_rule_says_what_why_and_what_to_do(rule: Rule[Any]) -> None:
    for sentence in (rule.title, rule.reason, rule.remediation):
        assert sentence
        assert not sentence.endswith(".")
        assert "\n" not in sentence
    assert ("{threshold}" in rule.title) == rule.has_threshold


# A violation in a container or a pod, for each rule about pods.
IN_CONTAINERS: tuple[tuple[str, Path, Any], ...] = (
    ("img-digest", ("image",), "ghcr.io/fraud/x:1"),
    ("img-no-latest", ("image",), "ghcr.io/fraud/x"),
    ("img-registry-allowlist", ("image",), f"quay.io/x@{DIGEST}"),
    ("res-requests", ("resources", "requests", "cpu"), None),
    ("res-memory-limit", ("resources", "limits", "memory"), None),
    ("res-cpu-limit", ("resources", "limits", "cpu"), None),
    ("res-ephemeral", ("resources", "limits", "ephemeral-storage"), None),
    ("sec-readonly-rootfs", ("securityContext", "readOnlyRootFilesystem"), False),
    ("sec-env-literal", ("env", 0, "name"), "DB_PASSWORD"),
)
IN_PODS: tuple[tuple[str, Path, Any], ...] = (
    ("id-sa", ("spec", "serviceAccountName"), "default"),
    ("id-token", ("spec", "automountServiceAccountToken"), True),
    ("img-scan-evidence", ("metadata", "annotations"), None),
    ("lbl-recommended", ("metadata", "labels", "team"), ""),
    ("id-sa/exists", ("spec", "serviceAccountName"), "other"),
    ("net-selected", ("metadata", "labels", "app.kubernetes.io/name"), "other"),
    ("ref-integrity", ("spec", "volumes", 1, "secret", "secretName"), "other"),
)
FIELD_WORDS = {
    "containers": "container inference",
    "initContainers": "init container inference",
    "ephemeralContainers": "ephemeral container inference",
}


@pytest.mark.parametrize("kind", POD_PATHS)
@pytest.mark.parametrize("field", CONTAINER_FIELDS)
@pytest.mark.parametrize(("key", "path", "value"), IN_CONTAINERS)
def test_every_container_of_every_workload_is_judged(
    key: str, path: Path, value: Any, field: str, kind: str
) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    sound = as_kind(kind, body)
    assert judged(key, [sound]) == []
    box = deepcopy(body["spec"]["template"]["spec"]["containers"][0])
    put(box, path, value)
    body["spec"]["template"]["spec"][field] = [box]
    found = judged(key, [as_kind(kind, body)])
    if key.startswith("res-") and field == "ephemeralContainers":
        # Kubernetes gives them no resources.
        assert found == []
    else:
        (objection,) = found
        assert objection.message.startswith(FIELD_WORDS[field])
        start = (*POD_PATHS[kind], "spec", field, 0)
        assert objection.path[: len(start)] == start


@pytest.mark.parametrize("kind", POD_PATHS)
@pytest.mark.parametrize(("key", "path", "value"), IN_PODS)
def test_every_pod_of_every_workload_is_judged(key: str, path: Path, value: Any, kind: str) -> None:
    def stack_with(body: dict[str, Any]) -> list[dict[str, Any]]:
        stack = sound_stack()
        stack[place(stack, "Deployment")] = as_kind(kind, body)
        return stack

    body = sound_stack()[place(sound_stack(), "Deployment")]
    before = messages(key, stack_with(body))
    put(body["spec"]["template"], path, value)
    after = messages(key, stack_with(body))
    # A PodTemplate makes no pod by itself, so only what it says is judged.
    assert (len(after) > len(before)) == (key not in STACK_KEYS or kind != "PodTemplate")


# Rule, object and place of a value that it needs.
NEEDED: tuple[tuple[str, str, Path], ...] = (
    ("img-digest", "Deployment", (*BOX, "image")),
    ("img-no-latest", "Deployment", (*BOX, "image")),
    ("img-registry-allowlist", "Deployment", (*BOX, "image")),
    ("img-scan-evidence", "Deployment", (*BOX, "image")),
    ("img-scan-evidence", "Deployment", ("spec", "template", "metadata", "annotations")),
    ("res-requests", "Deployment", (*BOX, "resources", "requests", "cpu")),
    ("res-memory-limit", "Deployment", (*BOX, "resources", "limits", "memory")),
    ("res-cpu-limit", "Deployment", (*BOX, "resources")),
    ("res-ephemeral", "Deployment", (*POD, "volumes", 0, "emptyDir", "sizeLimit")),
    ("rel-probes", "Deployment", (*BOX, "startupProbe")),
    ("rel-rollout", "Deployment", ("spec", "strategy", "rollingUpdate", "maxUnavailable")),
    ("rel-spread", "Deployment", (*POD, "topologySpreadConstraints", 0, "labelSelector")),
    ("rel-replicas", "HorizontalPodAutoscaler", ("spec", "minReplicas")),
    ("rel-hpa", "HorizontalPodAutoscaler", ("spec", "maxReplicas")),
    ("rel-hpa", "Deployment", ("spec", "replicas")),
    ("rel-pdb", "PodDisruptionBudget", ("spec", "maxUnavailable")),
    ("net-service-type", "Service", ("spec", "type")),
    ("net-no-any", "NetworkPolicy/fraud", ("spec", "egress", 0, "to", 0, "ipBlock", "cidr")),
    ("net-default-deny", "NetworkPolicy/default-deny", ("spec", "policyTypes", 0)),
    ("net-selected", "NetworkPolicy/fraud", ("spec", "podSelector")),
    ("id-sa", "Deployment", (*POD, "serviceAccountName")),
    ("id-sa/exists", "Deployment", (*POD, "serviceAccountName")),
    ("id-token", "ServiceAccount", ("automountServiceAccountToken",)),
    ("rbac-least", "Role", ("rules", 0, "verbs", 0)),
    ("rbac-least", "RoleBinding", ("roleRef", "name")),
    ("sec-readonly-rootfs", "Deployment", (*BOX, "securityContext", "readOnlyRootFilesystem")),
    ("sec-env-literal", "Deployment", (*BOX, "env", 0, "value")),
    ("sec-env-literal", "ConfigMap", ("data", "LOG_LEVEL")),
    ("ten-namespace", "Service", ("metadata", "namespace")),
    ("ten-psa-labels", "Namespace", ("metadata", "labels", "pod-security.kubernetes.io/warn")),
    ("lbl-recommended", "Service", ("metadata", "labels", "team")),
    ("await-kept", "Service", ("metadata", "annotations", "pulumi.com/skipAwait")),
    ("ref-integrity", "Service", ("spec", "selector", "app.kubernetes.io/name")),
)


@pytest.mark.parametrize(("key", "target", "path"), NEEDED)
def test_what_is_not_known_is_not_decided(key: str, target: str, path: Path) -> None:
    with pytest.raises(NotDecided, match="not known before"):
        judged(key, changed(target, (path, UNKNOWN)))


@pytest.mark.parametrize("key", [rule.key for rule in images.OBJECT_RULES])
def test_what_a_rule_does_not_need_may_be_unknown(key: str) -> None:
    stack = changed("Deployment", ((*BOX, "env"), UNKNOWN), (("spec", "replicas"), UNKNOWN))
    assert judged(key, stack) == []


HUB = "docker.io"


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("nginx", Reference(HUB, "library/nginx")),
        ("nginx:1.27", Reference(HUB, "library/nginx", "1.27")),
        ("docker.io/nginx", Reference(HUB, "library/nginx")),
        ("index.docker.io/nginx", Reference(HUB, "library/nginx")),
        ("bitnami/nginx", Reference(HUB, "bitnami/nginx")),
        ("localhost/x", Reference("localhost", "x")),
        ("localhost:5000/x:1", Reference("localhost:5000", "x", "1")),
        ("registry:5000/a/b", Reference("registry:5000", "a/b")),
        ("[::1]:5000/x", Reference("[::1]:5000", "x")),
        ("ghcr.io/a__b/c.d-e", Reference("ghcr.io", "a__b/c.d-e")),
        (f"ghcr.io/x:1@{DIGEST}", Reference("ghcr.io", "x", "1", DIGEST)),
        ("evil.com/ghcr.io/x", Reference("evil.com", "ghcr.io/x")),
        ("x:" + "t" * 128, Reference(HUB, "library/x", "t" * 128)),
        ("x:" + "t" * 129, None),
        ("Nginx", None),
        ("ghcr.io/Org/x", None),
        ("", None),
        ("ghcr.io/", None),
        ("ghcr.io//x", None),
        ("https://ghcr.io/x", None),
        ("x:", None),
        ("x@", None),
        ("x@sha256:abc", None),
        ("x@sha512:" + "a" * 128, None),
        ("x@sha256:" + "A" * 64, None),
        (f"x@{DIGEST}0", None),
        (f"x@{DIGEST}@{DIGEST}", None),
        ("a" * 64, None),
        ("x" * 256, None),
        ("ghcr.io/x\n", None),
        ("ghcr.io /x", None),
        ("ghcr.io:port/x", None),
        ("-ghcr.io/x", None),
        ("ghcr.io/é", None),
        ("ghcr.io/a..b", None),
    ],
)
def test_references_are_read_as_runtimes_read_them(image: str, reference: Reference | None) -> None:
    assert parse_reference(image) == reference


@pytest.mark.parametrize(
    ("image", "accepted"),
    [
        ("ghcr.io/x", True),
        ("GHCR.io/x", False),
        ("ghcr.io:443/x", False),
        ("notghcr.io/x", False),
        ("ghcr.io.evil.com/x", False),
        ("evil.com/ghcr.io/x", False),
        ("nginx", True),
        ("library/nginx", True),
        ("bitnami/nginx", False),
        ("libraryx/nginx", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/x", True),
        ("1.dkr.ecr.eu.west.amazonaws.com/x", False),
        ("a.1.dkr.ecr.eu-west-1.amazonaws.com/x", False),
        (".dkr.ecr.eu-west-1.amazonaws.com/x", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com.evil.com/x", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com:1/x", False),
        ("registry.bank.example:5000/models/x", True),
        ("registry.bank.example:5000/models", True),
        ("registry.bank.example:5000/models-evil/x", False),
        ("registry.bank.example:5000/x", False),
        ("registry.bank.example/models/x", False),
    ],
)
def test_registries_are_compared_host_by_host_and_segment_by_segment(
    image: str, accepted: bool
) -> None:
    stack = changed("Deployment", ((*BOX, "image"), image))
    assert (judged("img-registry-allowlist", stack) == []) == accepted


def test_a_registry_may_end_with_a_slash() -> None:
    assert is_accepted(Reference("ghcr.io", "a/x"), ("ghcr.io/a/",))
    assert not is_accepted(Reference("ghcr.io", "ab/x"), ("ghcr.io/a/",))
    assert not is_accepted(Reference("ghcr.io", "x"), ("",))


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (f"ghcr.io/x@{DIGEST}", ""),
        (f"ghcr.io/x:latest@{DIGEST}", ""),
        ("ghcr.io/x:1.0", "is not named by a sha256 digest"),
        ("ghcr.io/x", "is not named by a sha256 digest"),
        (f"ghcr.io/x@{DIGEST[:-1]}", "is not named by a sha256 digest"),
        ("", "is not named by a sha256 digest"),
        (None, "is not named by a sha256 digest"),
        (5, "is not named by a sha256 digest"),
        ([], "is not named by a sha256 digest"),
    ],
)
def test_images_are_named_by_digest(image: Any, problem: str) -> None:
    found = messages("img-digest", changed("Deployment", ((*BOX, "image"), image)))
    assert [message.endswith(problem) for message in found] == ([True] if problem else [])


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("ghcr.io/x:1.0", ""),
        ("ghcr.io/x:latest-1", ""),
        (f"ghcr.io/x@{DIGEST}", ""),
        (f"ghcr.io/x:latest@{DIGEST}", "has the tag latest"),
        ("ghcr.io/x:latest", "has the tag latest"),
        ("ghcr.io/x", "has no tag, which means latest"),
        ("localhost:5000/x", "has no tag, which means latest"),
        (None, "has no tag that can be read"),
        ({}, "has no tag that can be read"),
    ],
)
def test_no_image_is_latest(image: Any, problem: str) -> None:
    stack = changed("Deployment", ((*BOX, "image"), image))
    found = messages("img-no-latest", stack)
    assert [message.endswith(problem) for message in found] == ([True] if problem else [])


def test_a_container_without_an_image_passes_none_of_them() -> None:
    stack = changed("Deployment", ((*BOX, "image"), ABSENT))
    for rule in images.OBJECT_RULES:
        assert judged(rule.key, stack) != []


def test_an_image_that_is_mounted_is_judged_too() -> None:
    volume = {"name": "weights", "image": {"reference": "quay.io/x:latest"}}
    stack = changed("Deployment", ((*POD, "volumes", 2), volume))
    assert messages("img-digest", stack) == [
        "volume weights: image quay.io/x:latest is not named by a sha256 digest"
    ]
    assert messages("img-no-latest", stack) != []
    assert messages("img-registry-allowlist", stack) == [
        "volume weights: image quay.io/x:latest comes from quay.io/x, not an accepted registry"
    ]


EVIDENCE: Path = ("spec", "template", "metadata", "annotations", images.SCAN_EVIDENCE)


def evidence(**fields: Any) -> str:
    return json.dumps({"digest": DIGEST, "verdict": "passed"} | fields)


@pytest.mark.parametrize(
    ("annotation", "problems"),
    [
        (evidence(), []),
        (evidence(scanned="2020-01-01"), []),
        (evidence(digest=OTHER), [f"is about {OTHER}, but container inference runs {DIGEST}"]),
        (evidence(digest=None), [f"is about not set, but container inference runs {DIGEST}"]),
        (evidence(verdict="failed"), ["the verdict is failed, not passed"]),
        (evidence(verdict=True), ["the verdict is true, not passed"]),
        ('{"verdict": "passed"}', ["runs " + DIGEST]),
        (f'{{"digest": "{DIGEST}"}}', ["the verdict is not set, not passed"]),
        ("{}", ["the verdict is not set, not passed", "runs " + DIGEST]),
        ("[]", ["is no JSON object"]),
        ("passed", ["is no JSON object"]),
        ("[" * 100_000, ["is no JSON object"]),
        ("", ["is missing on the pods"]),
        (None, ["is missing on the pods"]),
        (5, ["is missing on the pods"]),
    ],
)
def test_scan_evidence_is_about_the_image_that_runs(annotation: Any, problems: list[str]) -> None:
    found = messages("img-scan-evidence", changed("Deployment", (EVIDENCE, annotation)))
    assert [message.endswith(problem) for message, problem in pairs(found, problems)] == (
        [True] * len(problems)
    )


def pairs(found: list[str], problems: list[str]) -> Iterator[tuple[str, str]]:
    return zip(found, problems, strict=True)


@pytest.mark.parametrize("change", [((*BOX, "name"), "server"), ((*BOX, "image"), "ghcr.io/x:1")])
def test_scan_evidence_needs_a_server_with_a_digest(change: tuple[Path, Any]) -> None:
    (message,) = messages("img-scan-evidence", changed("Deployment", change))
    assert message.endswith("but container inference runs no digest")


def test_scan_evidence_is_asked_of_what_serves_a_model_only() -> None:
    label = ("spec", "template", "metadata", "labels", "app.kubernetes.io/part-of")
    assert judged("img-scan-evidence", changed("Deployment", (EVIDENCE, None), (label, "x"))) == []
