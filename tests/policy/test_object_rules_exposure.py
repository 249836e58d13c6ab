"""The rules about addresses outside the cluster."""

from copy import deepcopy
from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import ABSENT, changed, judged, messages, place, sound_stack

HOST = "fraud.models.example.com"
RULE = ("spec", "rules", 0)
NOT_ITS_OWN = "Ingress fraud answers for the host {}, not for one of its own"
NO_TLS = f"Ingress fraud has no TLS for {HOST}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("spec", "tls", 0, "secretName"), "fraud-tls", None),
        (("spec", "tls", 1), {"hosts": ["other.example.com"]}, None),
        (("spec", "tls"), [{"hosts": ["other.example.com", HOST]}], None),
        (("spec", "tls"), [{"hosts": ["other.example.com"]}, {"hosts": [HOST]}], None),
        (("spec", "tls"), ABSENT, NO_TLS),
        (("spec", "tls"), [], NO_TLS),
        (("spec", "tls"), [{"secretName": "fraud-tls"}], NO_TLS),
        (("spec", "tls"), [{"hosts": ["*.models.example.com"]}], NO_TLS),
        (("spec", "tls"), [{"hosts": [[HOST]]}], NO_TLS),
        ((*RULE, "host"), ABSENT, NOT_ITS_OWN.format("not set")),
        ((*RULE, "host"), "", NOT_ITS_OWN.format("not set")),
        ((*RULE, "host"), [HOST], NOT_ITS_OWN.format("not set")),
        ((*RULE, "host"), "*.example.com", NOT_ITS_OWN.format("*.example.com")),
        ((*RULE, "host"), "other.example.com", "Ingress fraud has no TLS for other.example.com"),
        (
            ("spec", "defaultBackend"),
            {"service": {"name": "fraud", "port": {"number": 80}}},
            "Ingress fraud has a defaultBackend, which answers for every host",
        ),
        (("metadata", "annotations", "cert-manager.io/cluster-issuer"), "ours", None),
        (
            ("metadata", "annotations", "nginx.ingress.kubernetes.io/server-snippet"),
            "return 200;",
            "annotation nginx.ingress.kubernetes.io/server-snippet of Ingress fraud writes the"
            " controller's configuration",
        ),
    ],
)
def test_from_outside_a_model_has_a_host_of_its_own_by_https(
    path: Path, value: Any, message: str | None
) -> None:
    found = messages("net-ingress/each", changed("Ingress", (path, value)))
    assert found == ([] if message is None else [message])


def test_another_groups_ingress_is_not_an_ingress() -> None:
    stack = changed("Ingress", (("apiVersion",), "networking.istio.io/v1"), (("spec", "tls"), []))
    assert judged("net-ingress/each", stack) == []


@pytest.mark.parametrize(
    ("host", "path", "message"),
    [
        ("other.example.com", "/", None),
        (HOST, "/v2", None),
        (HOST, "/", f"Ingress other answers for {HOST}/, as Ingress fraud does"),
    ],
)
def test_an_address_belongs_to_one_model(host: str, path: str, message: str | None) -> None:
    stack = sound_stack()
    other = deepcopy(stack[place(stack, "Ingress")])
    other["metadata"]["name"] = "other"
    other["spec"]["rules"][0]["host"] = host
    other["spec"]["rules"][0]["http"]["paths"][0]["path"] = path
    found = messages("net-ingress/together", [*stack, other])
    assert found == ([] if message is None else [message])
