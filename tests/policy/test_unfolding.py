"""Which objects a resource of the engine makes."""

from datetime import date

import pytest

from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.objects.evaluation import evaluate_object
from mlifecycle.governance.objects.unfolding import HELM_RELEASE, objects_of

TYPE = "kubernetes:core/v1:List"


@pytest.mark.parametrize("kind", ["PodList", "DeploymentList"])
def test_objects_in_a_list_are_seen(kind: str) -> None:
    bodies = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "kind": "Other"}]
    body = {"apiVersion": "v1", "kind": kind, "items": bodies}
    made = objects_of(TYPE, "x", body, secret=True)
    assert {(item.resource, item.secret, item.body["apiVersion"]) for item in made} == {
        ("x", True, "v1")
    }
    assert [(item.kind, item.name) for item in made] == [
        (kind.removesuffix("List"), "a"),
        ("Other", "b"),
    ]


def test_a_list_without_items_and_other_kinds_are_themselves() -> None:
    inner = {"kind": "List", "apiVersion": "v1", "items": [{"kind": "Pod"}, {"kind": "Secret"}]}
    nested = objects_of(TYPE, "x", {"kind": "List", "items": [inner, {"kind": "Role"}]})
    assert [item.kind for item in nested] == ["Pod", "Secret", "Role"]
    for body in ({"kind": "PodList"}, {"kind": "Pod", "items": []}):
        (item,) = objects_of(TYPE, "x", body)
        assert item.body == body


def test_what_helm_makes_by_itself_is_refused_in_production() -> None:
    (release,) = objects_of(HELM_RELEASE, "grafana", {"chart": "grafana"})
    for environment, level in (("development", Level.ADVISORY), ("production", Level.MANDATORY)):
        (finding,) = evaluate_object(
            release, environment, load_governance(), Context(date=date(2026, 11, 24))
        )
        assert (finding.rule, finding.level) == ("object-seen", level)


def test_what_is_no_object_of_a_cluster_makes_none() -> None:
    assert objects_of("pulumi:providers:kubernetes", "x", {"kind": "Pod"}) == []
    # A component, whose children are the objects.
    assert objects_of("kubernetes:yaml/v2:ConfigGroup", "x", {"files": ["a.yaml"]}) == []
