"""The rules about accounts, rights and file systems."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    ABSENT,
    BOX,
    POD,
    changed,
    judged,
    messages,
)


@pytest.mark.parametrize(
    ("name", "deprecated", "messages_"),
    [
        ("fraud", ABSENT, []),
        ("fraud", "fraud", []),
        ("fraud", "", []),
        ("fraud", "other", ["the deprecated serviceAccount is other"]),
        ("fraud", [], ["the deprecated serviceAccount is []"]),
        ("default", None, ["serviceAccountName is default, not an account of its own"]),
        ("", None, ["serviceAccountName is empty, not an account of its own"]),
        (None, None, ["serviceAccountName is not set, not an account of its own"]),
        (5, None, ["serviceAccountName is 5, not an account of its own"]),
        ({}, None, ["serviceAccountName is {}, not an account of its own"]),
    ],
)
def test_a_pod_has_an_account_of_its_own(name: Any, deprecated: Any, messages_: list[str]) -> None:
    changes: list[tuple[Path, Any]] = [((*POD, "serviceAccountName"), name)]
    if deprecated is not ABSENT:
        changes.append(((*POD, "serviceAccount"), deprecated))
    assert messages("id-sa", changed("Deployment", *changes)) == messages_


@pytest.mark.parametrize(
    ("target", "path", "value"),
    [
        ("Deployment", (*POD, "serviceAccountName"), "other"),
        ("ServiceAccount", ("metadata", "name"), "other"),
        ("ServiceAccount", ("metadata", "namespace"), "elsewhere"),
        ("ServiceAccount", ("apiVersion",), "example.org/v1"),
    ],
)
def test_the_account_is_in_the_stack(target: str, path: Path, value: Any) -> None:
    (objection,) = judged("id-sa/exists", changed(target, (path, value)))
    assert objection.message.endswith(" of Deployment fraud is not in the stack")
    assert objection.subject == "Deployment models/fraud"


@pytest.mark.parametrize("value", [True, None, "false", 0, ABSENT])
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("Deployment", (*POD, "automountServiceAccountToken")),
        ("ServiceAccount", ("automountServiceAccountToken",)),
    ],
)
def test_no_token_is_mounted(target: str, path: Path, value: Any) -> None:
    (objection,) = judged("id-token", changed(target, (path, value)))
    assert objection.message.startswith("automountServiceAccountToken is ")
    assert objection.path == path


@pytest.mark.parametrize(
    ("field", "entries", "count"),
    [
        ("verbs", ["get", "create", "delete"], 0),
        ("verbs", ["list"], 1),
        ("verbs", ["watch"], 1),
        ("verbs", ["list", "watch"], 2),
        ("verbs", ["*"], 1),
        ("verbs", ["escalate"], 1),
        ("verbs", ["bind"], 1),
        ("verbs", ["impersonate"], 1),
        ("verbs", [[]], 0),
        ("verbs", None, 0),
        ("resources", ["pods", "pods/log", "executions"], 0),
        ("resources", ["*"], 1),
        ("resources", ["*/scale"], 1),
        ("resources", ["pods/exec"], 1),
        ("resources", ["pods/attach"], 1),
        ("resources", ["pods/ephemeralcontainers"], 1),
        ("resources", ["pods/portforward"], 1),
        ("resources", ["nodes/proxy"], 1),
        ("resources", ["serviceaccounts/token"], 1),
        ("apiGroups", ["apps"], 0),
        ("apiGroups", ["*"], 1),
        ("nonResourceURLs", ["/healthz"], 0),
        ("nonResourceURLs", ["*"], 1),
    ],
)
@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_roles_give_what_is_named(kind: str, field: str, entries: Any, count: int) -> None:
    stack = changed("Role", (("rules", 0, field), entries), (("kind",), kind))
    assert len(judged("rbac-least", stack)) == count


@pytest.mark.parametrize(
    ("resource", "verb", "passes"),
    [
        ("certificatesigningrequests/approval", "update", False),
        ("certificatesigningrequests/approval", "get", True),
        ("certificatesigningrequests", "create", True),
        ("signers", "approve", False),
        ("pods", "create", False),
        ("pods", "get", True),
        ("persistentvolumes", "create", False),
        ("mutatingadmissionpolicies", "create", False),
        ("signers", "sign", False),
        ("mutatingwebhookconfigurations", "create", False),
        ("validatingwebhookconfigurations", "patch", False),
        ("validatingwebhookconfigurations", "get", True),
    ],
)
def test_nobody_names_himself_or_sits_before_the_api(
    resource: str, verb: str, passes: bool
) -> None:
    rule = {"apiGroups": ["x"], "resources": [resource], "verbs": [verb]}
    found = messages("rbac-least", changed("Role", (("rules",), [rule])))
    message = f"rule 0 allows to {verb} {resource}, which gives other rights"
    assert found == ([] if passes else [message])


def test_other_things_than_secrets_may_be_listed() -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    assert judged("rbac-least", changed("Role", (("rules",), [rule]))) == []


def test_a_role_adds_nothing_to_kubernetes_own() -> None:
    label = "rbac.authorization.k8s.io/aggregate-to-edit"
    stack = changed("Role", (("metadata", "labels", label), "true"), (("kind",), "ClusterRole"))
    assert messages("rbac-least", stack) == [
        f"label {label} adds its rules to a role of Kubernetes' own"
    ]


def test_a_role_says_itself_what_it_gives() -> None:
    stack = changed("Role", (("aggregationRule",), {}))
    assert messages("rbac-least", stack) == [
        "aggregationRule takes in rules that are not written here"
    ]


@pytest.mark.parametrize(
    ("path", "value", "passes"),
    [
        (("roleRef", "name"), "cluster-admins-of-fraud", True),
        (("roleRef",), {"kind": "Role", "name": "cluster-admin"}, True),
        (("roleRef",), {"kind": "ClusterRole", "name": "cluster-admin"}, False),
        (("roleRef",), {"kind": "ClusterRole", "name": "admin"}, False),
        (("roleRef",), {"kind": "ClusterRole", "name": "edit"}, False),
        (("roleRef",), {"kind": "ClusterRole", "name": "view"}, True),
        (("roleRef",), {"kind": "ClusterRole", "name": "system:node"}, False),
        (("subjects", 0), {"kind": "ServiceAccount", "name": "default"}, False),
        (("subjects", 0), {"kind": "Group", "name": "risk"}, True),
        (("subjects", 0), {"kind": "ServiceAccount", "name": "system:x"}, True),
        (("subjects", 0), {"kind": "User", "name": "system:anonymous"}, False),
        (("subjects", 0), {"kind": "Group", "name": "system:unauthenticated"}, False),
        (("subjects", 0), {"kind": "Group", "name": "system:authenticated"}, False),
        (("subjects", 0), {"kind": "Group", "name": "system:masters"}, False),
        (("subjects", 0), {"kind": "Group", "name": "system:serviceaccounts"}, False),
        (("subjects", 0), {"name": "system:masters"}, False),
        (("subjects",), None, True),
    ],
)
@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_bindings_name_ordinary_subjects(kind: str, path: Path, value: Any, passes: bool) -> None:
    stack = changed("RoleBinding", (path, value), (("kind",), kind))
    assert (judged("rbac-least", stack) == []) == passes


@pytest.mark.parametrize(
    ("context", "shown"),
    [
        ({"readOnlyRootFilesystem": False}, "false"),
        ({"readOnlyRootFilesystem": None}, "not set"),
        ({"readOnlyRootFilesystem": "true"}, "true"),
        ({}, "not set"),
        (None, "not set"),
        (ABSENT, "not set"),
    ],
)
def test_root_file_systems_are_read_only(context: Any, shown: str) -> None:
    stack = changed("Deployment", ((*BOX, "securityContext"), context))
    assert messages("sec-readonly-rootfs", stack) == [
        f"container inference: readOnlyRootFilesystem is {shown}, not true"
    ]


@pytest.mark.parametrize(
    ("resource", "verb", "passes"),
    [
        *(("deployments", "create", False), ("jobs", "patch", False), ("deployments", "get", True)),
        *(("rolebindings", "create", False), ("cronjobs", "update", False), ("jobs", "list", True)),
    ],
)
def test_who_may_make_what_makes_pods_may_make_pods(resource: str, verb: str, passes: bool) -> None:
    rule = {"apiGroups": ["x"], "resources": [resource], "verbs": [verb]}
    found = messages("rbac-least", changed("Role", (("rules",), [rule])))
    message = f"rule 0 allows to {verb} {resource}, which gives other rights"
    assert found == ([] if passes else [message])
