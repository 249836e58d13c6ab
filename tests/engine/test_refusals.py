"""Pack, gate and program each make a real preview fail, with a reason, and nothing is left."""

import json
import shutil
from pathlib import Path

import pytest

from mlifecycle.stack.settings import MODEL_DEPLOYMENT, MODEL_VERIFICATION, PROJECT
from tests.sandbox import Result, Sandbox

# A key that nobody owns, as scanners look for; in two parts, so that this file has none.
PLANTED_KEY = "AKIA" + "Z7QHWPLT3RXN5VKD"


def refused(result: Result) -> str:
    """The output of a preview that failed with a reason for the reader, not with a traceback."""
    assert result.code != 0, result.output
    assert "Traceback" not in result.output, result.output
    return result.output


def diagnosed(result: Result) -> str:
    """What a failed preview lists in the end; the engine printed the same while it ran."""
    return refused(result).split("Diagnostics:")[1]


def layouts(cache: Path) -> list[Path]:
    """The images that gates built in a cache."""
    return list(cache.rglob("index.json"))


def named_by_itself(sandbox: Sandbox) -> tuple[str, str]:
    """What makes the seed's manifest one of a model that no other test has."""
    return "name: fraud-detector", f"name: model-{sandbox.stack}"


def repositories(sandbox: Sandbox) -> list[str]:
    """What the registry holds of that model."""
    listed = sandbox.run("regctl", "repo", "ls", sandbox.platform.layout.registry).output.split()
    assert "library/python" in listed
    return [name for name in listed if name.startswith(f"model-{sandbox.stack}/")]


def test_low_accuracy_fails_the_preview_in_pack_and_gate_and_nothing_is_built(
    sandbox: Sandbox,
) -> None:
    cache = sandbox.own_cache()
    sandbox.write_manifest(("accuracy: 0.94", "accuracy: 0.78"))
    output = refused(sandbox.preview())
    assert "Model accuracy 0.78 is below minimum threshold 0.85" in output
    assert "[mandatory]" in output, "the pack must have reported it"
    file = sandbox.manifests / "model.yaml"
    assert f"error: fraud-detector ({file})\n      metrics-accuracy-minimum, line 15\n" in output
    assert "    ❌ Model failed governance check" in output
    assert layouts(cache) == []


def test_without_the_pack_the_gate_alone_refuses(sandbox: Sandbox) -> None:
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    sandbox.write_manifest(("f1_score: 0.90", "f1_score: 0.79"))
    output = refused(sandbox.preview())
    assert "Model F1 score 0.79 is below minimum threshold 0.80" in output
    assert "[mandatory]" not in output


def test_the_pack_alone_refuses(sandbox: Sandbox) -> None:
    program = sandbox.own_program()
    gate = program / "mlifecycle" / "gate.py"
    text = gate.read_text()
    assert text.count("if evaluation.refused:") == 1
    gate.write_text(text.replace("if evaluation.refused:", "if False:"))
    main = program / "__main__.py"
    text = main.read_text()
    judgement = (
        "if evaluate(item.manifest, environment, stack.gate.governance, stack.context).refused:"
    )
    assert text.count(judgement) == 1
    main.write_text(text.replace(judgement, "if False:"))
    sandbox.write_manifest(("accuracy: 0.94", "accuracy: 0.78"))
    output = refused(sandbox.preview())
    assert output.count("Model accuracy 0.78 is below minimum threshold 0.85") == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: ModelDeployment", "kind: [", "model.yaml:5:7: "),
        ("accuracy: 0.94", "acuracy: 0.94", "model.yaml:15:5: unknown field spec.metrics.acuracy"),
    ],
    ids=["unreadable", "unknown-field"],
)
def test_a_broken_manifest_is_named_with_its_line(
    sandbox: Sandbox, old: str, new: str, expected: str
) -> None:
    file = sandbox.write_manifest((old, new))
    diagnostics = diagnosed(sandbox.preview())
    assert diagnostics.count("error:") == diagnostics.count(expected) == 1
    validated = sandbox.mlifecycle("validate", str(file), "--environment", sandbox.stack)
    assert validated.code == 2
    assert expected in refused(validated)


def test_a_missing_folder_is_named(sandbox: Sandbox) -> None:
    shutil.rmtree(sandbox.manifests)
    expected = f"Pulumi.{sandbox.stack}.yaml: {PROJECT}:manifestFolders: no folder "
    diagnostics = diagnosed(sandbox.preview())
    assert diagnostics.count("error:") == diagnostics.count(expected) == 1
    released = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    assert (released.code, expected in released.output) == (2, True)
    environment = ("--environment", sandbox.stack)
    validated = sandbox.mlifecycle("validate", str(sandbox.manifests), *environment)
    assert validated.code == 2
    assert f"{sandbox.manifests}:1:1: no such file or folder" in validated.output


def test_a_builder_that_is_not_there_is_named_with_key_and_file(sandbox: Sandbox) -> None:
    """Also where the image was built before, so that `up` cannot be the first to need it."""
    sandbox.write_manifest()
    assert sandbox.preview().code == 0
    sandbox.configure(builder="nowhere")
    diagnostics = diagnosed(sandbox.preview())
    assert f"Pulumi.{sandbox.stack}.yaml: {PROJECT}:builder: buildx failed" in diagnostics
    assert 'no builder "nowhere" found' in diagnostics


def test_unusable_settings_are_named_with_key_and_file(sandbox: Sandbox) -> None:
    sandbox.write_manifest()
    sandbox.configure(memory="much", replicas="0")
    output = refused(sandbox.preview())
    for key in ("memory", "replicas"):
        assert f"Pulumi.{sandbox.stack}.yaml: {PROJECT}:{key}: " in output


@pytest.mark.parametrize("name", ["app/settings.py", "app/tests/example.py", ".env"])
def test_a_planted_secret_fails_the_preview_and_nothing_is_pushed(
    sandbox: Sandbox, name: str
) -> None:
    planted = sandbox.own_program() / "inference" / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f'AWS_ACCESS_KEY_ID = "{PLANTED_KEY}"\n')
    sandbox.write_manifest(named_by_itself(sandbox))
    output = refused(sandbox.preview())
    assert "❌ Security scan failed" in output
    assert f"secret (aws-access-token) in inference/{name}, line 1" in output
    assert PLANTED_KEY not in output
    hooked = refused(sandbox.pulumi("up", "--yes", "--skip-preview"))
    assert f"secret (aws-access-token) in inference/{name}, line 1" in hooked
    assert not repositories(sandbox)


def test_a_planted_secret_refuses_a_stack_without_a_model(sandbox: Sandbox) -> None:
    """What is pushed is looked at, whether there is a model or not."""
    assert sandbox.preview().code == 0
    planted = sandbox.own_program() / "inference" / "app" / "settings.py"
    planted.write_text(f'AWS_ACCESS_KEY_ID = "{PLANTED_KEY}"\n')
    output = refused(sandbox.preview())
    assert "secret (aws-access-token) in inference/app/settings.py, line 1" in output


SCANNER_FAULTS = {
    "crashes": ("kill -SEGV $$", "trivy failed with exit code"),
    "hangs": ("sleep 300", "trivy did not end within 8 s"),
    "prints-nothing": ("exit 0", "trivy printed nothing"),
    "prints-half": ('printf \'{"SchemaVersion": 2, "Art\' > "$output"', "half a document"),
}


def hide_trivy(sandbox: Sandbox, tmp_path: Path) -> None:
    """Leave every tool on the stack's PATH but Trivy."""
    hidden = tmp_path / "bin"
    hidden.mkdir()
    for tool in sandbox.platform.toolchain.bin_dir.iterdir():
        if tool.name != "trivy":
            (hidden / tool.name).symlink_to(tool)
    path, bin_dir = sandbox.environment["PATH"], str(sandbox.platform.toolchain.bin_dir)
    assert bin_dir in path
    sandbox.variables["PATH"] = path.replace(bin_dir, str(hidden))


def test_a_missing_scanner_stops_an_unchanged_stack_without_a_traceback(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """No hook runs where nothing changes; what the gate refuses then is said all the same."""
    sandbox.write_manifest()
    result = sandbox.up()
    assert result.code == 0, result.output
    hide_trivy(sandbox, tmp_path)
    output = refused(sandbox.preview())
    assert "fraud-detector" in output
    assert "trivy cannot be started" in output


@pytest.mark.parametrize("fault", [*SCANNER_FAULTS, "missing"])
def test_a_scanner_that_fails_fails_the_preview(
    sandbox: Sandbox, tmp_path: Path, fault: str
) -> None:
    """The real Trivy answers its version and fetches its database; the scan itself misbehaves."""
    real = shutil.which("trivy", path=sandbox.environment["PATH"])
    sandbox.own_cache()
    sandbox.configure(scanTimeoutSeconds="8")
    # A model that nobody has released: for others the registry may hold evidence.
    sandbox.write_manifest(named_by_itself(sandbox))
    if fault == "missing":
        hide_trivy(sandbox, tmp_path)
        expected = "trivy cannot be started"
    else:
        body, expected = SCANNER_FAULTS[fault]
        fake = tmp_path / "trivy"
        fake.write_text(
            f"""#!/bin/bash
            case " $* " in *" version "*|*" --download-db-only "*) exec {real} "$@";; esac
            args=("$@")
            for i in "${{!args[@]}}"; do
              if [ "${{args[$i]}}" = --output ]; then output="${{args[$((i+1))]}}"; fi
            done
            {body}
            """
        )
        fake.chmod(0o755)
        sandbox.variables["PATH"] = f"{tmp_path}:{sandbox.environment['PATH']}"
    assert expected in refused(sandbox.preview())
    assert not repositories(sandbox)


def test_the_command_line_says_once_what_pack_and_gate_both_say(sandbox: Sandbox) -> None:
    sandbox.write_manifest(("accuracy: 0.94", "accuracy: 0.78"))
    result = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    assert result.code == 1
    assert result.output == (
        f"previewing stack {sandbox.stack} (development): fraud-detector 2.1.0\n"
        f"error: fraud-detector ({sandbox.manifests / 'model.yaml'})\n"
        "  metrics-accuracy-minimum, line 15\n"
        "❌ Model failed governance check\n"
        "\n"
        "Violations:\n"
        "- Model accuracy 0.78 is below minimum threshold 0.85\n"
        "\n"
        "Action Required:\n"
        "1. Retrain model to improve accuracy\n"
        "2. Update manifest with new metrics\n"
    )


def test_a_stack_that_is_not_there_is_named_with_the_remedy(sandbox: Sandbox) -> None:
    result = sandbox.mlifecycle("up", "--stack", "nowhere")
    assert result.code == 1
    assert result.output == "error: no stack nowhere: make it with `pulumi stack init nowhere`\n"


def test_a_model_worse_than_the_one_that_runs_is_refused_by_pulumi_itself(sandbox: Sandbox) -> None:
    """In pack and gate, with no more than the stack's own state to go by."""
    sandbox.initialise()
    sandbox.write_manifest()
    file = sandbox.folder / "state.json"
    stack = ("--stack", sandbox.stack)
    exported = sandbox.run("pulumi", "stack", "export", *stack, "--file", str(file))
    assert exported.code == 0, exported.output
    state = json.loads(file.read_text())
    prefix = f"urn:pulumi:{sandbox.stack}::mlifecycle"
    root = f"{prefix}::pulumi:pulumi:Stack::mlifecycle-{sandbox.stack}"
    metrics = {"accuracy": "0.97", "f1_score": "0.90"}
    state["deployment"] |= {
        "resources": [
            {"urn": root, "custom": False, "type": "pulumi:pulumi:Stack"},
            {
                "urn": f"{prefix}::{MODEL_DEPLOYMENT}::fraud-detector",
                "custom": False,
                "type": MODEL_DEPLOYMENT,
                "parent": root,
                "inputs": {},
                "outputs": {},
            },
            {
                "urn": f"{prefix}::{MODEL_DEPLOYMENT}${MODEL_VERIFICATION}::fraud-detector",
                "custom": False,
                "type": MODEL_VERIFICATION,
                "parent": f"{prefix}::{MODEL_DEPLOYMENT}::fraud-detector",
                "inputs": {"release": {"version": "2.0.0", "image": "x", "metrics": metrics}},
                "outputs": {},
            },
        ]
    }
    file.write_text(json.dumps(state))
    imported = sandbox.run("pulumi", "stack", "import", *stack, "--file", str(file))
    assert imported.code == 0, imported.output
    words = "accuracy 0.94 is more than 0.02 below"
    output = refused(sandbox.preview())
    assert "[mandatory]" in output
    assert output.count(words) >= 2, output
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    assert words in refused(sandbox.preview())
