"""Object rules as the pack and the program ask them: levels, waivers, what is not known."""

from datetime import date

import pytest

from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.objects.evaluation import (
    evaluate_object,
    evaluate_stack,
    object_texts,
)
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    BOX,
    as_kind,
    changed,
    judged,
    messages,
    objects,
    place,
    sound_stack,
)
from tests.policy.test_evaluation import waiver

CONTEXT = Context(
    date=date(2025, 6, 1),
    waivers=(
        waiver(finding="sec-readonly-rootfs", model="fraud"),
        waiver(finding="ref-integrity", model="fraud"),
    ),
)
WRITABLE = (*BOX, "securityContext", "readOnlyRootFilesystem")


def deployment(path: Path, value: object, environment: str = "production") -> list[Finding]:
    stack = changed("Deployment", (path, value))
    (item,) = [item for item in objects(stack) if item.kind == "Deployment"]
    return evaluate_object(item, environment, load_governance(), CONTEXT)


def test_a_finding_names_object_rule_and_remedy() -> None:
    (finding,) = deployment((*BOX, "image"), "ghcr.io/fraud/inference-service:2.1.0")[:1]
    (text,) = object_texts([finding], CONTEXT.date)
    assert text.startswith("Deployment models/fraud: container inference: image ghcr.io/fraud")
    assert text.endswith(f"{finding.remediation} [img-digest]")


def test_levels_differ_by_environment() -> None:
    for environment, level in (("development", Level.ADVISORY), ("production", Level.MANDATORY)):
        (finding,) = deployment((*BOX, "livenessProbe"), None, environment=environment)
        assert (finding.rule, finding.level) == ("rel-probes", level)


def test_a_waiver_of_the_labelled_model_and_version_lets_an_object_pass() -> None:
    (finding,) = deployment(WRITABLE, False)
    assert finding.rule == "sec-readonly-rootfs"
    assert finding.waiver is not None
    assert not finding.refuses
    stack = changed("Service", (("spec", "selector"), {"app": "nobody"}))
    (finding,) = [
        found
        for found in evaluate_stack(objects(stack), "production", load_governance(), CONTEXT)
        if found.rule == "ref-integrity"
    ]
    assert finding.waiver is not None


def test_what_a_preview_does_not_know_is_shown_and_refuses_nothing() -> None:
    found = deployment(WRITABLE, UNKNOWN)
    assert [(f.rule, f.level, f.undecided) for f in found] == [
        ("sec-readonly-rootfs", Level.ADVISORY, True)
    ]


def test_a_shape_that_no_rule_can_read_refuses() -> None:
    levels = {(f.rule, f.level, f.undecided) for f in deployment(BOX, "not a container")}
    assert ("pss-privileged", Level.MANDATORY, False) in levels


def test_what_was_found_before_something_is_not_known_stays_found() -> None:
    stack = changed("Deployment", ((*BOX, "securityContext", "privileged"), True))
    body = stack[place(stack, "Deployment")]
    body["spec"]["template"]["spec"]["containers"].append(
        {"name": "other", "securityContext": {"privileged": UNKNOWN}}
    )
    item = KubernetesObject("x", body)
    found = evaluate_object(item, "production", load_governance(), CONTEXT)
    privileged = [f.level for f in found if f.rule == "pss-privileged"]
    assert privileged == [Level.MANDATORY, Level.ADVISORY]


def test_every_volume_of_a_pod_is_followed() -> None:
    stack = changed("Deployment", ((*BOX[:-2], "volumes", 1, "secret", "secretName"), "nowhere"))
    at = place(stack, "Deployment")
    stack[at]["spec"]["template"]["spec"]["volumes"].append({"name": "last", "emptyDir": {}})
    assert judged("ref-integrity", stack)


@pytest.mark.parametrize("kind", ["DaemonSet", "ReplicaSet", "StatefulSet"])
def test_a_workloads_selector_matches_its_pods(kind: str) -> None:
    stack = sound_stack()
    body = as_kind(kind, stack[place(stack, "Deployment")])
    body["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    stack[place(stack, "Deployment")] = body
    assert f"the selector of {kind} fraud does not match its pods' labels" in messages(
        "ref-integrity", stack
    )


def test_a_waived_object_is_shown_with_the_days_left() -> None:
    (text,) = object_texts(deployment(WRITABLE, False), CONTEXT.date)
    assert "waived until 2025-06-30 (29 days left), RISK-1, approved by grace" in text


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("Deployment", ("metadata", "namespace")),
        ("Deployment", ("metadata", "name")),
        ("Deployment", ("metadata", "labels", "app.kubernetes.io/name")),
        ("Service", ("metadata", "namespace")),
        ("ConfigMap", ("metadata", "name")),
    ],
)
def test_an_unknown_name_hides_no_other_finding(target: str, path: Path) -> None:
    stack = changed(target, (path, UNKNOWN), (("metadata", "labels", "team"), "-no-label-"))
    made = objects(stack)
    item = made[place(stack, target)]
    terms = ("production", load_governance(), Context(date=date(2026, 11, 24)))
    found = evaluate_object(item, *terms)
    assert "lbl-recommended" in [finding.rule for finding in found]
    assert any(finding.undecided for finding in (*found, *evaluate_stack(made, *terms)))
