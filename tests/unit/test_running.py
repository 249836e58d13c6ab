"""What a stack runs is read from its state."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.governance.context import StackState
from mlifecycle.process import ToolError
from mlifecycle.stack.running import state_of
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, MODEL_VERIFICATION

INPUTS = {
    "environment": "production",
    "manifest": {"kind": "ModelDeployment"},
    "build": "0",
    "lock": "1",
    "generator": "2",
}
IMAGE = "registry/x:2@sha256:0"
MODEL: dict[str, Any] = {
    "urn": f"urn:pulumi:dev::mlifecycle::{MODEL_DEPLOYMENT}::fraud-detector",
    "type": MODEL_DEPLOYMENT,
    "inputs": INPUTS,
    "outputs": {"version": "2.0.0", "image": IMAGE, "released": [IMAGE, "registry/x:1@sha256:1"]},
}
RELEASE: dict[str, Any] = {
    **INPUTS,
    "version": "2.0.0",
    "image": IMAGE,
    "metrics": {"accuracy": "0.95", "f1_score": "0.9"},
}


def verified(model: dict[str, Any], **release: Any) -> dict[str, Any]:
    """The resource that keeps what was verified last of a model."""
    urn = model["urn"].replace(MODEL_DEPLOYMENT, f"{MODEL_DEPLOYMENT}${MODEL_VERIFICATION}")
    inputs = {"release": {**RELEASE, **release}}
    return {"urn": urn, "type": MODEL_VERIFICATION, "parent": model["urn"], "inputs": inputs}


def export(folder: Path, state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "state.json").write_text(state if isinstance(state, str) else json.dumps(state))
    (folder / "pulumi").write_text(f"#!/bin/sh\ncat {folder}/state.json\n")
    (folder / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_model_that_runs_is_known_with_its_figures_and_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_made = {**MODEL, "urn": MODEL["urn"] + "-2", "outputs": None}
    other = {"urn": "urn:x::y", "type": "pulumi:pulumi:Stack"}
    state = {"deployment": {"resources": [other, MODEL, verified(MODEL), never_made]}}
    export(tmp_path, state, monkeypatch)
    found = state_of("dev")
    (name,) = running = found.running
    assert name == "fraud-detector"
    assert str(running[name].accuracy) == "0.95"
    assert running[name].environment == "production"
    assert running[name].manifest == {"kind": "ModelDeployment"}
    assert running[name].image == IMAGE
    assert found.released == {name: (IMAGE, "registry/x:1@sha256:1"), "fraud-detector-2": ()}


@pytest.mark.parametrize(
    ("tried", "outputs"),
    [
        ({"manifest": {"kind": "other"}}, {}),
        ({"build": "2"}, {"image": "registry/x:3@sha256:3"}),
        ({"lock": "2"}, {}),
        ({"generator": "3"}, {}),
        ({"environment": "development"}, {}),
        ({}, {"image": "registry/x:3@sha256:3"}),
        ({}, {"image": None}),
    ],
)
def test_what_was_only_tried_is_not_what_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tried: dict[str, Any],
    outputs: dict[str, Any],
) -> None:
    """Its figures are those of the release before; nothing of it stands, and it stays admitted."""
    released = [outputs.get("image") or IMAGE, "registry/x:1@sha256:1"]
    model = {
        **MODEL,
        "inputs": {**INPUTS, **tried},
        "outputs": {**MODEL["outputs"], **outputs, "released": released},
    }
    export(tmp_path, {"deployment": {"resources": [model, verified(MODEL)]}}, monkeypatch)
    found = state_of("dev")
    running = found.running["fraud-detector"]
    assert (running.version, str(running.accuracy)) == ("2.0.0", "0.95")
    assert (running.environment, running.manifest, running.build, running.image) == (None,) * 4
    assert found.released["fraud-detector"] == tuple(released)


def test_what_another_version_of_the_program_kept_less_of_does_not_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = verified(MODEL)
    del kept["inputs"]["release"]["generator"]
    export(tmp_path, {"deployment": {"resources": [MODEL, kept]}}, monkeypatch)
    running = state_of("dev").running["fraud-detector"]
    assert (running.version, running.manifest) == ("2.0.0", None)


def test_what_was_never_verified_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path, {"deployment": {"resources": [MODEL]}}, monkeypatch)
    found = state_of("dev")
    assert found.running == {}
    assert found.released["fraud-detector"][0] == IMAGE


@pytest.mark.parametrize("state", [{"deployment": None}, {"deployment": {"resources": None}}])
def test_an_empty_stack_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    export(tmp_path, state, monkeypatch)
    assert state_of("dev") == StackState(running={})


@pytest.mark.parametrize(
    "state", ["", "{", "[]", {}, {"deployment": {"resources": [{}]}}, {"deployment": []}]
)
def test_a_state_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    export(tmp_path, state, monkeypatch)
    if state == {"deployment": []}:
        assert state_of("dev") == StackState(running={})
        return
    with pytest.raises(ToolError, match="the state of stack dev cannot be read"):
        state_of("dev")


def test_its_objects_are_known_and_which_of_them_are_of_a_whole_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(name: str, parent: str, **fields: Any) -> dict[str, Any]:
        kind = "kubernetes:core/v1:ConfigMap"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        return {"urn": f"urn:x::{name}", "type": kind, "parent": parent, "inputs": body, **fields}

    stack = {"urn": "urn:x::stack", "type": "pulumi:pulumi:Stack"}
    half = {**MODEL, "urn": MODEL["urn"] + "-half", "parent": stack["urn"]}
    group = {"urn": "urn:x::group", "type": "mlifecycle:index:Group", "parent": half["urn"]}
    resources = [
        stack,
        {**MODEL, "parent": stack["urn"]},
        verified(MODEL),
        half,
        group,
        made("alone", stack["urn"]),
        made("of-a-model", MODEL["urn"]),
        made("of-half-a-release", half["urn"]),
        made("deep-in-it", group["urn"]),
        {**group, "urn": "urn:x::part", "parent": MODEL["urn"]},
        made("deep-in-a-model", "urn:x::part"),
        made("left-behind", stack["urn"], delete=True),
        made("of-others", stack["urn"], external=True),
        made("no-object", stack["urn"], type="pulumi:providers:kubernetes"),
    ]
    export(tmp_path, {"deployment": {"resources": resources}}, monkeypatch)
    found = {item.body["metadata"]["name"]: item.released_to for item in state_of("dev").objects}
    assert found == {
        "alone": None,
        "of-a-model": "production",
        "of-half-a-release": None,
        "deep-in-it": None,
        "deep-in-a-model": "production",
    }
