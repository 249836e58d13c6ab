"""The rules against the fixtures of their reference, `k8s.io/pod-security-admission`.

The fixtures are read from the Go module that the platform's Kubernetes is built with.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.toolchain.golang import Go
from mlifecycle.governance.approved import Approved
from mlifecycle.governance.context import Context
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.pod_security import PSA_CHECKS
from mlifecycle.governance.objects.pod_security_baseline import POD_SECURITY_BASELINE
from mlifecycle.governance.objects.pod_security_restricted import POD_SECURITY_RESTRICTED
from mlifecycle.governance.rule import Objection, Terms
from tests.policy.objects import points_at_something

MODULE = "k8s.io/pod-security-admission"
KUBERNETES = Path(__file__).parents[2] / "devcluster/toolchain/modules/kubernetes"
RULES = {
    "baseline": POD_SECURITY_BASELINE,
    "restricted": (*POD_SECURITY_BASELINE, *POD_SECURITY_RESTRICTED),
}
# As many as there are for 1.34; later minors only add.
FEWEST_FIXTURES = {
    "baseline": {"pass": 14, "fail": 34},
    "restricted": {"pass": 22, "fail": 74},
}
# What the reference's checks find in a fixture beside the one that it is named after. Its evaluator
# leaves a baseline check out where a restricted one covers it; here each has a level of its own.
FAIL_MORE = {
    "baseline": {
        "windowshostprocess0": {"hostNamespaces"},
        "windowshostprocess1": {"hostNamespaces"},
    },
    "restricted": {
        "allowprivilegeescalation3": {"capabilities_restricted"},
        "capabilities_baseline0": {"capabilities_restricted"},
        "capabilities_baseline1": {"capabilities_restricted"},
        "capabilities_baseline2": {"capabilities_restricted"},
        "capabilities_baseline3": {"capabilities_restricted"},
        "hostpathvolumes0": {"restrictedVolumes"},
        "hostpathvolumes1": {"restrictedVolumes"},
        "privileged0": {"allowPrivilegeEscalation"},
        "privileged1": {"allowPrivilegeEscalation"},
        "restrictedvolumes19": {"hostPathVolumes"},
        "seccompprofile_baseline0": {"seccompProfile_restricted"},
        "seccompprofile_baseline1": {"seccompProfile_restricted"},
        "seccompprofile_baseline2": {"seccompProfile_restricted"},
        "seccompprofile_restricted1": {"seccompProfile_baseline"},
        "seccompprofile_restricted4": {"seccompProfile_baseline"},
        "windowshostprocess0": {"hostNamespaces"},
        "windowshostprocess1": {"hostNamespaces"},
    },
}
TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
LEVELS = pytest.mark.parametrize("level", RULES)
TERMS = Terms(None, "production", Approved.model_construct(), Context(date=date(2026, 1, 1)))


@LEVELS
def test_every_fixture_is_there_and_every_check_has_a_rule(level: str) -> None:
    for verdict, fewest in FEWEST_FIXTURES[level].items():
        assert len(fixtures(level, verdict)) >= fewest
    checks = {own_check(name) for name in fixtures(level, "fail")}
    assert checks == {PSA_CHECKS[rule.id] for rule in RULES[level]}


@LEVELS
def test_fixtures_that_pass_there_pass_here(level: str) -> None:
    refused = {name for name, pod in fixtures(level, "pass").items() if failed(level, pod)}
    assert refused == set()


@LEVELS
def test_fixtures_that_fail_there_fail_the_same_checks_here(level: str) -> None:
    failing = fixtures(level, "fail")
    assert {name: failed(level, pod) for name, pod in failing.items()} == {
        name: {own_check(name), *FAIL_MORE[level].get(name, ())} for name in failing
    }


@LEVELS
@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_gets_the_same_findings_as_its_pod(level: str, kind: str) -> None:
    prefix = TEMPLATES[kind]
    for name, pod in {**fixtures(level, "pass"), **fixtures(level, "fail")}.items():
        body: dict[str, Any] = {"metadata": pod["metadata"], "spec": pod["spec"]}
        for step in reversed(prefix):
            body = {step: body}
        expected = {
            rule: [Objection(o.message, o.value, (*prefix, *o.path)) for o in objections]
            for rule, objections in findings(level, pod).items()
        }
        assert findings(level, {"kind": kind, **body}) == expected, name


def failed(level: str, body: Mapping[str, Any]) -> set[str]:
    """The reference's ids of the checks that fail."""
    return {PSA_CHECKS[rule] for rule, objections in findings(level, body).items() if objections}


def findings(level: str, body: Mapping[str, Any]) -> dict[str, list[Objection]]:
    item = KubernetesObject("fixture", body)
    found = {rule.id: list(rule.check(item, TERMS)) for rule in RULES[level]}
    for objections in found.values():
        for objection in objections:
            points_at_something(objection, body)
    return found


def own_check(name: str) -> str:
    """The check that a fixture is named after: in lower case, with a number at the end."""
    checks = {check.lower(): check for check in PSA_CHECKS.values()}
    return checks.get(name.rstrip("0123456789"), f"no rule for {name}")


def fixtures(level: str, verdict: str) -> dict[str, Any]:
    """The reference's pods of the pinned minor, by their names."""
    module, minor = reference()
    files = sorted((module / f"test/testdata/{level}/v1.{minor}/{verdict}").glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text()) for file in files}


@cache
def reference() -> tuple[Path, str]:
    """Where the module's source is, and the Kubernetes minor that it belongs to."""
    pinned = re.search(
        rf"^replace {MODULE} => {MODULE} (v0\.(\d+)\.\d+)$",
        (KUBERNETES / "go.mod").read_text(),
        re.MULTILINE,
    )
    assert pinned
    go = Go.find(os.environ)
    downloaded = subprocess.run(
        [go.path, "mod", "download", "-json", f"{MODULE}@{pinned[1]}"],
        cwd=KUBERNETES,
        env=go.environment(os.environ, {}),
        capture_output=True,
        check=True,
    )
    return Path(json.loads(downloaded.stdout)["Dir"]), pinned[2]
