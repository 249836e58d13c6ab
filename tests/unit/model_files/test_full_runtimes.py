"""PyTorch and TensorFlow themselves: what the gate refuses does run there, and what it lets through
is served as they answer. Their packages have 5 GB, so this is for `make test-full`.
"""

import json
import pickle
import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pytest

from devcluster.environments import python_with
from mlifecycle.security.model_files import torch_export
from tests.sandbox import ROOT
from tests.unit.model_files.payloads import Payload, refusal_of, rezipped
from tests.unit.model_files.test_torch_export import (
    DATA,
    GRAPH,
    INPUTS,
    MODEL,
    guard,
    size,
    with_json,
)

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

RUNTIMES = ROOT / "inference" / "app" / "runtimes"


def python_of(runtime: str) -> Path:
    return python_with(RUNTIMES / runtime / "requirements.txt", runtime)


def run(python: Path, program: str, folder: Path, *arguments: Path) -> str:
    result = subprocess.run(
        [python, "-c", textwrap.dedent(program), *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "inference"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return result.stdout + result.stderr


RUN = "__import__('os').system('touch ran')"
# PyTorch reads guards where there are sample inputs. That an operator is no path from `torch` to
# something else, it checks by itself.
WITH_INPUTS = (DATA / "with_inputs.pt2").read_bytes()
ATTACKS = {
    "guard": with_json(GRAPH, guard(f"{RUN} == 0"), WITH_INPUTS),
    "size": with_json(GRAPH, size(RUN)),
}


@pytest.mark.parametrize("name", [*ATTACKS, "sample inputs"])
def test_what_the_gate_refuses_runs_in_pytorch(name: str, tmp_path: Path) -> None:
    content = ATTACKS.get(name)
    if content is None:
        content = rezipped(MODEL, {INPUTS: pickle.dumps(Payload(tmp_path / "ran"))})
    assert refusal_of(content, "torch_export")
    (tmp_path / "model.pt2").write_bytes(content)
    output = run(
        python_of("torch"),
        """
        import torch
        torch.export.load("model.pt2").module()(torch.ones(8, 4))
        """,
        tmp_path,
    )
    assert (tmp_path / "ran").exists(), output


def test_a_served_program_answers_as_pytorch_does(tmp_path: Path) -> None:
    output = run(
        python_of("torch"),
        """
        import sys, pathlib, json, torch, app
        from app.runtimes.torch.torch_export import load
        rows = torch.randn(64, 4)
        file = pathlib.Path(sys.argv[1])
        served = load({"model.pt2": file.read_bytes()}, "model.pt2")
        assert served.inputs[0].takes((64, 4)) and not served.inputs[0].takes((64, 3))
        own = torch.export.load(file).module()(rows).detach().numpy()
        found = served.infer({served.inputs[0].name: rows.numpy()})[0]
        print(json.dumps([found.tolist(), own.tolist()]))
        """,
        tmp_path,
        DATA / "model.pt2",
    )
    served, own = json.loads(next(line for line in output.splitlines() if line.startswith("[[")))
    assert np.asarray(served) == pytest.approx(np.asarray(own), abs=1e-6)


def test_each_operator_that_is_let_through_is_one_of_pytorch(tmp_path: Path) -> None:
    output = run(
        python_of("torch"),
        """
        import sys, pathlib, torch
        names = pathlib.Path(sys.argv[1]).read_text().split()
        print([name for name in names if not hasattr(torch.ops.aten, name)])
        """,
        tmp_path,
        torch_export.OPERATORS,
    )
    assert output == "[]\n"


def test_what_the_gate_refuses_runs_in_tensorflow(tmp_path: Path) -> None:
    folder = DATA / "writing_model"
    assert refusal_of((folder / "saved_model.pb").read_bytes(), "saved_model")
    output = run(
        python_of("tensorflow"),
        """
        import sys, tensorflow as tf
        model = tf.saved_model.load(sys.argv[1])
        model.signatures["serving_default"](x=tf.ones((2, 4)))
        """,
        tmp_path,
        folder,
    )
    assert (tmp_path / "ran").exists(), output


def test_a_served_saved_model_answers_as_tensorflow_does(tmp_path: Path) -> None:
    output = run(
        python_of("tensorflow"),
        """
        import sys, pathlib, json, app, numpy as np
        from app.runtimes.tensorflow.saved_model import load, tensorflow
        rows = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        folder = pathlib.Path(sys.argv[1])
        files = {str(f.relative_to(folder.parent)): f.read_bytes()
                 for f in folder.rglob("*") if f.is_file()}
        served = load(files, "saved_model/saved_model.pb")
        assert served.inputs[0].takes((64, 4)) and not served.inputs[0].takes((64, 3))
        own = tensorflow.saved_model.load(folder).signatures["serving_default"]
        expected = own(x=tensorflow.constant(rows))["score"].numpy()
        found = served.infer({"x": rows})[0]
        print(json.dumps([found.tolist(), expected.tolist()]))
        """,
        tmp_path,
        DATA / "saved_model",
    )
    served, own = json.loads(next(line for line in output.splitlines() if line.startswith("[[")))
    assert np.asarray(served) == pytest.approx(np.asarray(own), abs=1e-6)
