"""Command line, component, pack in preview and pack on state find the same, for any manifest.

In batches of a hundred models to an engine run. The models' artifacts do not exist, so that a gate
which governance lets pass ends at the missing artifact and builds nothing.
"""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pulumi import automation
from pulumi.automation.events import EngineEvent

from mlifecycle.governance.context import CONTEXT_VARIABLE, Context, RunningRelease
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.governance.waivers import Waiver
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.plain import lines_to_text, to_plain
from mlifecycle.stack.settings import MODEL_DEPLOYMENT
from tests.engine.any_manifest import edits
from tests.policy.manifests import Edits, plain
from tests.sandbox import ROOT, Platform, Sandbox

MODELS = 100
TODAY = date(2026, 6, 1)
# A finding as all moments print it: its level, its words, its rule and its line.
Found = tuple[str, str, str]
Findings = dict[str, list[Found]]
# How the program lists its models' refusals, at its end; a missing artifact is one too.
REFUSAL = re.compile(r"^(m\d+) \([^\n]*\)\n(.*?)(?=\n\nm\d+ \(|\Z)", re.MULTILINE | re.DOTALL)
# What a piece of advice has behind its message.
REMEDIES = [f". {rule.remediation}" for rule in MANIFEST_RULES] + [
    ". Remove the waiver, or have a new one approved"
]


def context() -> Context:
    """Some models run already, some are waived."""
    waiver = {
        "owner": "ada",
        "approver": "grace",
        "reason": "The new data is being labelled",
        "created": "2026-05-01",
        "ticket": "RISK-1",
        "version": "2.1.0",
    }
    return Context(
        date=TODAY,
        experiments=("exp-fraud-2025-001",),
        running={
            f"m{index}": RunningRelease(version="2.0.0", accuracy=Decimal("0.95"))
            for index in range(0, MODELS, 3)
        },
        waivers=tuple(
            Waiver.model_validate(
                {
                    **waiver,
                    "finding": "metrics-accuracy-minimum",
                    "model": f"m{index}",
                    "expires": "2026-05-20" if index % 2 else "2026-06-20",
                }
            )
            for index in range(0, MODELS, 5)
        ),
    )


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("moments"))
    file = sandbox.folder / "context.json"
    file.write_text(context().model_dump_json())
    sandbox.variables[CONTEXT_VARIABLE] = str(file)
    sandbox.initialise()
    return sandbox


@pytest.mark.parametrize("committed", ["dev", "prod"])
def test_all_four_moments_find_the_same(stack: Sandbox, committed: str) -> None:
    compare_batches(stack, committed, settings(max_examples=1, derandomize=True))


@pytest.mark.full
@pytest.mark.parametrize("committed", ["dev", "prod"])
def test_all_four_moments_find_the_same_in_many_batches(stack: Sandbox, committed: str) -> None:
    compare_batches(stack, committed, settings(max_examples=10))


def compare_batches(stack: Sandbox, committed: str, number: settings) -> None:
    stack.committed = committed
    stack.configure()

    @given(batch=st.lists(edits(), min_size=MODELS, max_size=MODELS))
    # No shrinking: each try is an engine run, and a difference names its model.
    @settings(
        number, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def compare(batch: list[Edits]) -> None:
        compare_moments(stack, batch)

    compare()


def compare_moments(stack: Sandbox, batch: list[Edits]) -> None:
    # Hypothesis begins with the plainest batch, a hundred times the same model.
    assume(len({json.dumps(edit, sort_keys=True) for edit in batch}) > MODELS / 2)
    for file in stack.manifests.iterdir():
        file.unlink()
    for index, edit in enumerate(batch):
        document = plain(edit)
        document["metadata"]["name"] = document["spec"]["model"]["name"] = f"m{index}"
        (stack.manifests / f"m{index}.yaml").write_text(_as_yaml(document))
    validated = by_command_line(stack)
    assert len(validated) == MODELS
    assert any(validated.values())
    previewed, gated = by_preview(stack)
    assert differences(previewed, validated) == {}
    refused = {
        model: [finding for finding in found if finding[0] == "mandatory"]
        for model, found in validated.items()
    }
    assert differences(gated, refused) == {}
    assert differences(by_state(stack), validated) == {}


def differences(one: Findings, other: Findings) -> dict[str, object]:
    """What only one of two moments found, by model; or violations whose order differs."""
    found: dict[str, object] = {}
    for model in one.keys() | other.keys():
        here, there = one.get(model, []), other.get(model, [])
        if set(here) != set(there):
            found[model] = set(here) ^ set(there)
        elif _violations_of(here) != _violations_of(there):
            found[model] = (_violations_of(here), _violations_of(there))
    return found


def _violations_of(found: list[Found]) -> list[Found]:
    """Each once: the engine gives every policy's event twice."""
    return list(dict.fromkeys(finding for finding in found if finding[0] == "mandatory"))


def _as_yaml(document: dict[str, Any]) -> str:
    """Numbers as numbers again, exactly as written."""

    def typed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: typed(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [typed(item) for item in value]
        if isinstance(value, str) and key not in TEXT:
            return Number(value)
        return value

    return yaml.dump(typed(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


TEXT = {
    *("", "apiVersion", "kind", "name", "namespace", "version", "uri", "framework", "method"),
    *("experiment_id", "reference_date", "source", "memory", "auth"),
}


class Number(str):
    """A number's text, to be written without quotes."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    Number, lambda dumper, value: dumper.represent_scalar(_tag(value), str(value))
)


def _tag(value: str) -> str:
    return f"tag:yaml.org,2002:{'float' if '.' in value else 'int'}"


def by_command_line(stack: Sandbox) -> Findings:
    arguments = ("--environment", stack.stack, "--format", "json")
    result = stack.run("mlifecycle", "validate", str(stack.manifests), *arguments)
    assert result.code in {0, 1}, result.output[:3000]
    manifests = json.loads(result.output)["manifests"]
    return {
        item["model"]: [
            (
                "waived" if finding["waiver"] else finding["level"],
                finding["message"],
                finding["rule"] + (f", line {finding['line']}" if finding["line"] else ""),
            )
            for finding in item["findings"]
        ]
        for item in manifests
    }


def by_preview(stack: Sandbox) -> tuple[Findings, Findings]:
    """What the pack reports, and what each model's gate refuses for."""
    events: list[EngineEvent] = []
    with pytest.MonkeyPatch.context() as patch:
        # The library looks for the engine, and runs it, in this process's own environment.
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        engine = automation.select_stack(stack.stack, work_dir=str(stack.folder))
        with pytest.raises(automation.CommandError):
            engine.preview(policy_packs=[str(ROOT / "policy_pack")], on_event=events.append)
    reported: Findings = {f"m{index}": [] for index in range(MODELS)}
    gated: Findings = {}
    for event in events:
        if event.policy_event and "model-governance" in event.policy_event.policy_name:
            _add(reported, event.policy_event.message)
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            for model, refusal in REFUSAL.findall(event.diagnostic_event.message):
                gated[model] = _violations(refusal)
    return reported, gated


def by_state(stack: Sandbox) -> Findings:
    """`pulumi policy analyze` on a state file that holds the same models."""
    environment = yaml.safe_load((stack.folder / f"Pulumi.{stack.stack}.yaml").read_text())[
        "config"
    ]["mlifecycle:environment"]
    prefix = f"urn:pulumi:{stack.stack}::mlifecycle::"
    root = f"{prefix}pulumi:pulumi:Stack::mlifecycle-{stack.stack}"
    resources: list[dict[str, Any]] = [
        {"urn": root, "custom": False, "type": "pulumi:pulumi:Stack"}
    ]
    for item in load_paths([stack.manifests]):
        inputs = {
            "environment": environment,
            "manifest": to_plain(item.manifest),
            "source": {"file": str(item.file), "lines": lines_to_text(item.lines())},
        }
        resources.append(
            {
                "urn": f"{prefix}{MODEL_DEPLOYMENT}::{item.manifest.metadata.name}",
                "custom": False,
                "type": MODEL_DEPLOYMENT,
                "parent": root,
                "inputs": inputs,
                "outputs": {},
            }
        )
    file = stack.folder / "state.json"
    manifest = {"time": "2026-06-01T00:00:00Z", "magic": "", "version": "v3.255.0"}
    deployment = {"manifest": manifest, "resources": resources}
    file.write_text(json.dumps({"version": 3, "deployment": deployment}))
    pack = ("--policy-pack", str(ROOT / "policy_pack"))
    result = stack.run("pulumi", "policy", "analyze", "--file", str(file), *pack, "--json")
    reported: Findings = {f"m{index}": [] for index in range(MODELS)}
    for line in result.output.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        policy = event.get("policyEvent")
        if policy and "model-governance" in policy["policyName"]:
            _add(reported, policy["message"])
    return reported


def _add(reported: Findings, message: str) -> None:
    """One event of the pack: all violations of a model, or one piece of advice."""
    text = message.split("\n", 1)[1].strip()
    if "\n" in text:
        model = text.split(" (", 1)[0]
        reported[model] += _violations(text)
        return
    model, _, advice = text.partition(": ")
    words, _, place = advice.removesuffix("]").rpartition(" [")
    level = "waived" if ": waived until " in words else "advisory"
    words = words.partition(": waived until ")[0]
    for remedy in REMEDIES:
        words = words.removesuffix(remedy)
    reported[model].append((level, words, place))


def _violations(text: str) -> list[Found]:
    # Above the refusal stand the rules and lines of its violations.
    places = [
        line.strip()
        for line in text.split("❌", maxsplit=1)[0].splitlines()
        if line.startswith("  ")
    ]
    violations = _items(text, "Violations:")
    return [
        ("mandatory", violation, place) for violation, place in zip(violations, places, strict=True)
    ]


def _items(text: str, title: str) -> list[str]:
    block = text.partition(f"{title}\n")[2].partition("\n\n")[0]
    return [line.removeprefix("- ") for line in block.splitlines()]
