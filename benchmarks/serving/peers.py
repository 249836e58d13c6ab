"""What is measured: how each server is installed, started and asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from devcluster.environments import python_with
from tests.sandbox import ROOT

PEERS = Path(__file__).with_name("peers")
INFERENCE = ROOT / "inference"
OWN_REQUIREMENTS = INFERENCE / "app" / "runtimes" / "onnx" / "requirements.txt"
MODEL = ROOT / "models" / "fraud-detector" / "2.1.0" / "model.onnx"
ARTIFACT = {name: MODEL.with_name(name).read_bytes() for name in ("model.onnx", "golden.json")}
# The model's one input.
INPUT = "features"
OURS, OURS_V2, ECHO = "mlifecycle", "mlifecycle /v2", "bare echo"
UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}")

_golden: dict[str, Any] = json.loads(ARTIFACT["golden.json"])
ROW: list[float] = _golden["inputs"][0]
EXPECTED: float = np.ravel(_golden["outputs"])[0]
INSTANCES = {"instances": [ROW]}


@dataclass(frozen=True)
class Peer:
    """One server, as it is started with `{port}` in its command, and the request that it gets.

    Attributes:
        folder: where its process runs.
        requirements: what its virtual environment holds.
        command: behind the environment's Python.
        path, body: of the request.
        ready: a path that answers 200 as soon as the model does.
    """

    name: str
    folder: Path
    requirements: Path
    command: tuple[str, ...]
    path: str
    body: Mapping[str, Any]
    ready: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def python(self) -> Path:
        """The Python of its environment, made on first use."""
        return python_with(self.requirements, f"serving-{self.requirements.parent.name}")


def _peer(name: str, title: str, **rest: Any) -> Peer:
    folder = PEERS / name
    return Peer(name=title, folder=folder, requirements=folder / "requirements.txt", **rest)


def all_peers(mlflow_folder: Path) -> list[Peer]:
    """Ours, the limit, and what one would use instead.

    Args:
        mlflow_folder: where the model lies as MLflow keeps it.
    """
    tensor = {"name": INPUT, "shape": [1, len(ROW)], "datatype": "FP32", "data": ROW}
    v2 = {"inputs": [tensor]}
    own = (*UVICORN, "app.main:app")
    # As the image has it (inference/Dockerfile); the limit is measured with the same.
    plain = {"UVICORN_ACCESS_LOG": "false", "UVICORN_PROXY_HEADERS": "false"}
    ours = Peer(OURS, INFERENCE, OWN_REQUIREMENTS, own, "/predict", INSTANCES, "/ready", plain)
    infer = "/v2/models/fraud-detector/infer"
    echo = (*UVICORN, "serve:app")
    return [
        ours,
        replace(ours, name=OURS_V2, path=infer, body=v2),
        Peer(ECHO, PEERS / "echo", OWN_REQUIREMENTS, echo, "/predict", INSTANCES, "/", plain),
        _peer(
            "fastapi",
            "FastAPI and ONNX Runtime",
            command=(*UVICORN, "--no-access-log", "serve:app"),
            path="/predict",
            body=INSTANCES,
            ready="/health",
        ),
        _peer(
            "mosec",
            "mosec",
            command=("serve.py", "--port", "{port}", "--address", "127.0.0.1"),
            path="/inference",
            body=INSTANCES,
            ready="/",
        ),
        _peer(
            "litserve",
            "LitServe",
            command=("serve.py",),
            path="/predict",
            body=INSTANCES,
            ready="/health",
        ),
        _peer(
            "bentoml",
            "BentoML",
            command=("-m", "bentoml", "serve", "serve:Fraud", "--port", "{port}"),
            path="/predict",
            body=INSTANCES,
            ready="/readyz",
        ),
        _peer(
            "mlserver",
            "MLServer",
            command=("-c", "from mlserver.cli import main; main()", "start", "."),
            path="/v2/models/fraud/infer",
            body=v2,
            ready="/v2/models/fraud/ready",
            variables={
                # In the server's own process, as is fastest on one core.
                "MLSERVER_PARALLEL_WORKERS": "0",
                "MLSERVER_HTTP_PORT": "{port}",
                "MLSERVER_GRPC_PORT": "0",
                "MLSERVER_METRICS_PORT": "0",
                "MLSERVER_DEBUG": "false",
            },
        ),
        _peer(
            "kserve",
            "KServe's server",
            command=("serve.py",),
            path="/v1/models/fraud:predict",
            body=INSTANCES,
            ready="/v1/models/fraud",
        ),
        _peer(
            "mlflow",
            "mlflow models serve",
            command=(
                *("-m", "mlflow", "models", "serve", "--env-manager", "local"),
                *("--port", "{port}", "--model-uri", str(mlflow_folder)),
            ),
            path="/invocations",
            body={"inputs": [ROW]},
            ready="/health",
        ),
    ]
