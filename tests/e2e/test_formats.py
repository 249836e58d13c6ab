"""Formats on a real node: a pickle by its waiver, an MLflow folder, weights beside the model."""

import json
import pickle
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.linear_model import LogisticRegression

from devcluster.environments import python_with
from mlifecycle.governance.context import CONTEXT_VARIABLE, Context
from mlifecycle.process import run_tool
from tests.policy.test_evaluation import waiver
from tests.sandbox import ROOT, Platform, Sandbox, kill_group, model_store

SEED_URI = "s3://mlifecycle-models/fraud-detector/v2.1.0"
MODELS = ROOT / "models"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def sandbox(platform: Platform, tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(platform, tmp_path)
    try:
        yield made
    finally:
        made.remove()
        shutil.rmtree(model_store(platform.layout) / made.stack, ignore_errors=True)


def stored(sandbox: Sandbox, name: str) -> Path:
    """The folder in the store of a model of the sandbox's own, which a manifest names."""
    sandbox.write_manifest(
        ("name: fraud-detector", f"name: {name}"),
        (SEED_URI, f"s3://mlifecycle-models/{sandbox.stack}/{name}"),
        name=f"{name}.yaml",
    )
    folder = model_store(sandbox.platform.layout) / sandbox.stack / name
    folder.mkdir(parents=True)
    return folder


def put_pickle(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3))
    model = LogisticRegression().fit(rows, (rows[:, 0] > 0).astype(int))
    (folder / "model.pkl").write_bytes(pickle.dumps(model, protocol=4))
    golden = {
        "inputs": {"features": rows[:4].tolist()},
        "outputs": {"predict_proba": model.predict_proba(rows[:4]).tolist()},
        "tolerance": 1e-6,
    }
    (folder / "golden.json").write_text(json.dumps(golden))


def put_mlflow(folder: Path) -> None:
    (folder / "MLmodel").write_text(
        "flavors:\n  xgboost:\n    data: model.ubj\n    model_class: xgboost.core.Booster\n"
    )
    for name in ("model.ubj", "golden.json"):
        shutil.copy(MODELS / "credit-scorer" / "1.3.0" / name, folder)


def put_outside(folder: Path) -> None:
    """The seed's model, with its weights beside it and without golden samples."""
    model = onnx.load(MODELS / "fraud-detector" / "2.1.0" / "model.onnx")
    onnx.save(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=512,
        convert_attribute=False,
    )


EXPORT = """
import json, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(1)).eval()
rows = torch.randn(8, 4)
program = torch.export.export(model, (rows,), dynamic_shapes=({0: torch.export.Dim("rows")},))
for node in program.graph.nodes:
    node.meta.pop("stack_trace", None)
program.example_inputs = None
torch.export.save(program, "model.pt2")
golden = {"inputs": rows.tolist(), "outputs": model(rows).tolist(), "tolerance": 1e-5}
open("golden.json", "w").write(json.dumps(golden))
"""


def put_exported(folder: Path) -> None:
    """A network as PyTorch exports it, with its own answers; its packages are the server's."""
    requirements = ROOT / "inference" / "app" / "runtimes" / "torch" / "requirements.txt"
    python = python_with(requirements, "torch")
    run_tool([python, "-c", EXPORT], timeout=300, directory=folder)


# Of gigabytes, which are built, scanned, pushed and pulled.
LARGE_SECONDS = 3000


@pytest.mark.full
@pytest.mark.timeout(LARGE_SECONDS + 100)
def test_the_large_runtimes_are_released_and_answer(sandbox: Sandbox) -> None:
    """PyTorch and TensorFlow on the node; what their images weigh is printed."""
    put_exported(stored(sandbox, "exported"))
    data = ROOT / "tests" / "unit" / "model_files" / "data"
    shutil.copytree(data / "saved_model", stored(sandbox, "saved"), dirs_exist_ok=True)
    for name in ("exported", "saved"):
        file = sandbox.manifests / f"{name}.yaml"
        limits = "spec:\n  inference: {resources: {limits: {memory: 2Gi}}}\n"
        file.write_text(file.read_text().replace("spec:\n", limits, 1))
    sandbox.configure(rolloutTimeoutSeconds="1500", scanTimeoutSeconds="1500")
    sandbox.initialise()
    process = sandbox.start("mlifecycle", "up", "--stack", sandbox.stack)
    try:
        output, _ = process.communicate(timeout=LARGE_SECONDS)
    finally:
        kill_group(process)
    assert process.returncode == 0, output
    outputs = json.loads(sandbox.pulumi("stack", "output", "--json").output)
    for name in ("exported", "saved"):
        assert f"Model {name} v2.1.0" in output
        image = outputs["models"][name]["image"]
        shown = sandbox.run("regctl", "manifest", "get", "--format", "raw-body", image)
        layers = json.loads(shown.output)["layers"]
        print(f"{name}: {sum(layer['size'] for layer in layers) / 1e6:.0f} MB compressed")
    assert "all 8 golden samples" in output


def test_each_is_released_verified_and_a_pickle_by_its_waiver_only(sandbox: Sandbox) -> None:
    put_pickle(stored(sandbox, "pickled"))
    put_mlflow(stored(sandbox, "logged"))
    put_outside(stored(sandbox, "outside"))
    refused = sandbox.up()
    assert refused.code != 0
    assert "- the model file is a pickle, a program that runs when it is loaded" in refused.output
    assert "1. Save the model with skops.io.dump" in refused.output
    held = waiver(
        finding="model-pickle",
        model="pickled",
        created=TODAY - timedelta(days=1),
        expires=TODAY + timedelta(days=20),
    )
    context = Context(
        date=TODAY,
        waivers=(held,),
        running={},
        registries=(sandbox.platform.layout.registry,),
        namespace=f"{{namespace}}-{sandbox.stack}",
    )
    file = sandbox.folder / "context.json"
    file.write_text(context.model_dump_json())
    sandbox.variables[CONTEXT_VARIABLE] = str(file)
    result = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    assert result.code == 0, result.output
    assert "RISK-1" in result.output
    models = result.output.split("Model ")[1:]
    assert [text.split()[0] for text in models] == ["logged", "outside", "pickled"]
    assert "all 8 golden samples" in models[0]
    assert "predictions unverified, without golden.json" in models[1]
    assert "all 4 golden samples" in models[2]
