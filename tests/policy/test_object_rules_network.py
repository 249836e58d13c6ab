"""The rules about who reaches a service and what a pod may reach."""

from copy import deepcopy
from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    ABSENT,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)

OWN_POLICY = "NetworkPolicy/fraud"
DENY = "NetworkPolicy/default-deny"
OPEN = "egress rule 0 lets out to any address: it has no to"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("type", "ClusterIP", None),
        ("type", None, None),
        ("type", ABSENT, None),
        ("type", "NodePort", "spec.type of Service fraud is NodePort, not ClusterIP"),
        ("type", "LoadBalancer", "spec.type of Service fraud is LoadBalancer, not ClusterIP"),
        ("type", "ExternalName", "spec.type of Service fraud is ExternalName, not ClusterIP"),
        ("type", ["ClusterIP"], 'spec.type of Service fraud is ["ClusterIP"], not ClusterIP'),
        ("externalIPs", [], None),
        ("externalIPs", None, None),
        ("externalIPs", ["1.2.3.4"], "spec.externalIPs of Service fraud has 1.2.3.4"),
        ("externalName", "", None),
        ("externalName", "evil.com", "spec.externalName of Service fraud is evil.com"),
    ],
)
def test_services_stay_in_the_cluster(field: str, value: Any, message: str | None) -> None:
    found = messages("net-service-type", changed("Service", (("spec", field), value)))
    assert found == ([] if message is None else [message])


def test_another_groups_service_is_not_a_service() -> None:
    stack = changed(
        "Service", (("spec", "type"), "NodePort"), (("apiVersion",), "serving.knative.dev/v1")
    )
    assert judged("net-service-type", stack) == []


@pytest.mark.parametrize(
    ("egress", "message"),
    [
        ([], None),
        (None, None),
        ([{"to": [{"podSelector": {}}]}], None),
        ([{"to": [{"namespaceSelector": {}}], "ports": [{"port": 53}]}], None),
        ([{}], OPEN),
        ([{"to": []}], OPEN),
        ([{"to": None, "ports": [{"port": 53, "protocol": "UDP"}]}], OPEN),
        ([{"to": [{}]}], OPEN),
        ([{"to": [{"ipBlock": None}]}], OPEN),
    ],
)
def test_egress_says_where_to(egress: Any, message: str | None) -> None:
    found = messages("net-no-any/each", changed(OWN_POLICY, (("spec", "egress"), egress)))
    assert found == ([] if message is None else [message])


METADATA = "contains the metadata address"


@pytest.mark.parametrize(
    ("blocks", "part"),
    [
        ([{"cidr": "10.0.0.0/8"}], None),
        ([{"cidr": "0.0.0.0/2"}], None),
        ([{"cidr": "0.0.0.0/1"}], "0.0.0.0/1 is any address"),
        ([{"cidr": "2000::/3"}], "2000::/3 is any address"),
        ([{"cidr": "2000::/4"}], "2000::/4 is any address"),
        ([{"cidr": "::ffff:169.254.169.254/128"}], METADATA),
        ([{"cidr": "64:ff9b::a9fe:a9fe/128"}], METADATA),
        ([{"cidr": "64:ff9b::/96"}], "64:ff9b::/96 is any address"),
        ([{"cidr": "64:ff9b::a00:0/104"}], None),
        ([{"cidr": "2001:db8::/32"}], None),
        ([{"cidr": "169.254.169.253/32"}], None),
        ([{"cidr": "169.254.0.0/16", "except": ["169.254.169.254/32"]}], None),
        ([{"cidr": "0.0.0.0/0"}], "0.0.0.0/0 is any address"),
        ([{"cidr": "1.2.3.4/0"}], "1.2.3.4/0 is any address"),
        ([{"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}], "0.0.0.0/0 is any address"),
        ([{"cidr": "::/0"}], "::/0 is any address"),
        ([{"cidr": "0::0/0"}], "0::0/0 is any address"),
        ([{"cidr": "169.254.169.254/32"}], METADATA),
        ([{"cidr": "169.254.169.254"}], METADATA),
        ([{"cidr": "169.254.0.0/16"}], METADATA),
        ([{"cidr": "169.254.0.0/16", "except": ["169.254.1.0/24", 5, "x"]}], METADATA),
        ([{"cidr": "128.0.0.0/2"}], METADATA),
        ([{"cidr": "fd00:ec2::254/128"}], METADATA),
        ([{"cidr": "10.0.0.0/33"}], "is no network"),
        ([{"cidr": "evil.com"}], "is no network"),
        ([{"cidr": 5}], "is no network"),
        ([{"cidr": None}], "is no network"),
        ([{}], "is no network"),
        ([{"cidr": "::ffff:0:0/96"}], "::ffff:0:0/96 is any address"),
        ([{"cidr": "::/1"}], "::/1 is any address"),
        ([{"cidr": "::ffff:10.0.0.0/104"}], None),
    ],
)
def test_egress_names_networks(blocks: list[dict[str, Any]], part: str | None) -> None:
    egress = [{"to": [{"ipBlock": block}]} for block in blocks]
    found = messages("net-no-any/each", changed(OWN_POLICY, (("spec", "egress"), egress)))
    assert [str(part) in message for message in found] == ([] if part is None else [True])


HOLE = ["169.254.169.254/32"]


@pytest.mark.parametrize(
    ("here", "there", "refused"),
    [
        ([], [], False),
        (["10.0.0.0/8"], ["11.0.0.0/8"], False),
        (["0.0.0.0/2"], ["64.0.0.0/3"], False),
        (["0.0.0.0/2"], ["0.0.0.0/2"], False),
        (["0.0.0.0/2", "64.0.0.0/2"], [], True),
        (["0.0.0.0/2"], ["192.0.0.0/2"], True),
        (["0.0.0.0/2"], ["::ffff:64.0.0.0/98"], True),
        (["2000::/5"], ["2800::/5"], True),
        (["2000::/5"], ["2800::/6", "fc00::/7"], False),
        # By itself it is refused already.
        (["0.0.0.0/0"], [], False),
    ],
)
def test_policies_together_are_not_any_address(
    here: list[str], there: list[str], refused: bool
) -> None:
    def rules(cidrs: list[str]) -> list[dict[str, Any]]:
        return [{"to": [{"ipBlock": {"cidr": cidr, "except": HOLE}} for cidr in cidrs]}]

    stack = changed(OWN_POLICY, (("spec", "egress"), rules(here)))
    second = deepcopy(stack[place(stack, OWN_POLICY)])
    second["metadata"]["name"] = "second"
    second["spec"]["egress"] = rules(there)
    found = judged("net-no-any/together", [*stack, second])
    assert len(found) == int(refused)
    assert {objection.subject for objection in found} <= {"Deployment models/fraud"}
    # What selects another pod adds nothing.
    second["spec"]["podSelector"] = {"matchLabels": {"app": "other"}}
    alone = judged("net-no-any/together", [*stack, second])
    assert len(alone) == int(refused and not there)


@pytest.mark.parametrize(
    ("path", "value", "passes"),
    [
        (("spec", "podSelector"), {}, True),
        (("spec", "podSelector"), ABSENT, True),
        (("spec", "podSelector"), {"matchLabels": {}, "matchExpressions": []}, True),
        (("spec", "podSelector"), {"matchLabels": {"app": "fraud"}}, False),
        (("spec", "policyTypes"), ["Egress", "Ingress"], True),
        (("spec", "policyTypes"), ["Ingress"], False),
        (("spec", "policyTypes"), ["Egress"], False),
        (("spec", "policyTypes"), None, False),
        (("spec", "ingress"), [], True),
        (("spec", "ingress"), [{}], False),
        (("spec", "egress"), [{"to": [{"podSelector": {}}]}], False),
        (("metadata", "namespace"), "elsewhere", False),
        (("apiVersion",), "crd.projectcalico.org/v1", False),
    ],
)
def test_a_namespace_with_pods_denies_by_default(path: Path, value: Any, passes: bool) -> None:
    found = judged("net-default-deny", changed(DENY, (path, value)))
    assert (found == []) == passes
    for objection in found:
        assert objection.value == "models"
        assert objection.subject == "Deployment models/fraud"


def test_a_namespace_without_pods_needs_no_policy() -> None:
    stack = [body for body in sound_stack() if body["kind"] not in ("NetworkPolicy", "Deployment")]
    assert judged("net-default-deny", stack) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "podSelector"), {"matchLabels": {"app": "other"}}),
        (("metadata", "namespace"), "elsewhere"),
    ],
)
def test_policies_and_pods_find_each_other(path: Path, value: Any) -> None:
    first, second = judged("net-selected", changed(OWN_POLICY, (path, value)))
    assert first.message == "no NetworkPolicy of its own selects the pods of Deployment fraud"
    assert first.subject == "Deployment models/fraud"
    assert second.message == "NetworkPolicy fraud selects no pod of the stack"


@pytest.mark.parametrize(("direction", "side"), [("ingress", "from"), ("egress", "to")])
@pytest.mark.parametrize(
    ("peer", "passes"),
    [
        ({"podSelector": {"matchLabels": {"app": "fraud"}}}, True),
        ({"podSelector": {}}, True),
        ({"podSelector": {"matchLabels": {"app": "frued"}}}, False),
        ({"podSelector": {"matchLabels": {"app": "frued"}}, "namespaceSelector": None}, False),
        # What other namespaces hold, nobody knows here.
        ({"podSelector": {"matchLabels": {"app": "frued"}}, "namespaceSelector": {}}, True),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, True),
    ],
)
def test_the_pods_that_a_policy_names_are_there(
    direction: str, side: str, peer: dict[str, Any], passes: bool
) -> None:
    stack = changed(OWN_POLICY, (("spec", direction), [{side: [peer]}]))
    assert messages("net-selected", stack) == (
        [] if passes else ["NetworkPolicy fraud names pods that are not in the stack"]
    )


def test_a_policy_for_every_pod_is_no_policy_of_its_own() -> None:
    stack = sound_stack()
    del stack[place(stack, OWN_POLICY)]
    assert len(judged("net-selected", stack)) == 1
