"""The field's own clients, unchanged, in an environment of their own: for `make test-full`."""

import json
import subprocess
import textwrap
from pathlib import Path

import pytest
from local_serving import Server

from devcluster.environments import python_with
from tests.sandbox import ROOT

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]


def output_of(command: str, *arguments: str, folder: Path) -> str:
    """What a command of that environment prints; it must succeed."""
    python = python_with(ROOT / "tests" / "clients" / "requirements.txt", "clients")
    result = subprocess.run(
        [python.with_name(command), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def told(program: str, server: Server, tmp_path: Path) -> object:
    addresses = (f"127.0.0.1:{server.port}", f"127.0.0.1:{server.grpc_port}")
    arguments = ("-c", textwrap.dedent(program), *addresses)
    return json.loads(output_of("python", *arguments, folder=tmp_path).splitlines()[-1])


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient(binary: bool, sums: Server, tmp_path: Path) -> None:
    program = f"""
        import sys, json, numpy as np
        import tritonclient.http as triton
        client = triton.InferenceServerClient(sys.argv[1])
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("fraud-detector")
        assert client.is_model_ready("fraud-detector", "2.1.0")
        assert client.get_server_metadata()["name"] == "mlifecycle"
        metadata = client.get_model_metadata("fraud-detector")
        inputs = []
        for name, rows in (("x", [[1, 2]]), ("z", [[10, 20.5]])):
            tensor = triton.InferInput(name, [1, 2], "FP32")
            tensor.set_data_from_numpy(np.array(rows, np.float32), binary_data={binary})
            inputs.append(tensor)
        wanted = [triton.InferRequestedOutput(o["name"], binary_data={binary})
                  for o in metadata["outputs"]]
        answer = client.infer("fraud-detector", inputs, outputs=wanted, request_id="7")
        refusal = ""
        try:
            client.infer("fraud-detector", inputs[:1])
        except triton.InferenceServerException as error:
            refusal = error.message()
        print(json.dumps([answer.get_response()["id"], answer.as_numpy("y").tolist(),
                          answer.as_numpy("same").tolist(), refusal]))
    """
    assert told(program, sums, tmp_path) == [
        *("7", [[11, 22.5]], [[10, 20.5]]),
        "the model also needs input 'z'",
    ]


def test_tritonclient_over_grpc(sums: Server, tmp_path: Path) -> None:
    program = """
        import sys, json, numpy as np
        import tritonclient.grpc as triton
        client = triton.InferenceServerClient(sys.argv[2])
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("fraud-detector", "2.1.0")
        assert client.get_model_metadata("fraud-detector").inputs[0].name == "x"
        inputs = []
        for name, rows in (("x", [[1, 2]]), ("z", [[10, 20.5]])):
            tensor = triton.InferInput(name, [1, 2], "FP32")
            tensor.set_data_from_numpy(np.array(rows, np.float32))
            inputs.append(tensor)
        answer = client.infer("fraud-detector", inputs, request_id="7")
        refusal = ""
        try:
            client.infer("fraud-detector", inputs[:1])
        except triton.InferenceServerException as error:
            refusal = error.message()
        print(json.dumps([answer.get_response().id, answer.as_numpy("y").tolist(), refusal]))
    """
    assert told(program, sums, tmp_path) == ["7", [[11, 22.5]], "the model also needs input 'z'"]


def test_kserves_client_over_grpc(sums: Server, tmp_path: Path) -> None:
    program = """
        import sys, json, asyncio, numpy as np
        from kserve import InferenceGRPCClient, InferInput, InferRequest

        async def main():
            client = InferenceGRPCClient(sys.argv[2], timeout=30)
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("fraud-detector")
            inputs = []
            for name, rows in (("x", [[1, 2]]), ("z", [[10, 20.5]])):
                tensor = InferInput(name, [1, 2], "FP32")
                tensor.set_data_from_numpy(np.array(rows, np.float32), binary_data=False)
                inputs.append(tensor)
            answer = await client.infer(InferRequest("fraud-detector", inputs))
            print(json.dumps([output.as_numpy().tolist() for output in answer.outputs]))

        asyncio.run(main())
    """
    assert told(program, sums, tmp_path) == [[[11, 22.5]], [[10, 20.5]]]


def test_kserves_client(sums: Server, tmp_path: Path) -> None:
    program = """
        import sys, json, asyncio, numpy as np
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

        async def main():
            client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
            url = f"http://{sys.argv[1]}"
            assert await client.is_server_live(url) and await client.is_server_ready(url)
            assert await client.is_model_ready(url, "fraud-detector")
            inputs = []
            for name, rows in (("x", [[1, 2]]), ("z", [[10, 20.5]])):
                tensor = InferInput(name, [1, 2], "FP32")
                tensor.set_data_from_numpy(np.array(rows, np.float32), binary_data=False)
                inputs.append(tensor)
            request = InferRequest("fraud-detector", inputs)
            answer = await client.infer(url, request, model_name="fraud-detector")
            print(json.dumps([output.as_numpy().tolist() for output in answer.outputs]))

        asyncio.run(main())
    """
    assert told(program, sums, tmp_path) == [[[11, 22.5]], [[10, 20.5]]]


@pytest.mark.parametrize("model", ["sums", "texts"])
def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    model: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Hundreds of requests that the OpenAPI document allows, and that it does not."""
    # What a document cannot say: that a tensor's shape and its data belong together.
    (tmp_path / "schemathesis.toml").write_text(
        """
        [checks]
        negative_data_rejection.expected-statuses = [400, 404, 405, 413, 415]
        [[operations]]
        include-name = "POST /v2/models/fraud-detector/infer"
        checks.positive_data_acceptance.enabled = false
        """
    )
    server: Server = request.getfixturevalue(model)
    output_of(
        "schemathesis",
        *("run", "--seed", "7", "--max-examples", "150", "--no-color", "--workers", "1"),
        *("--phases", "examples,coverage,fuzzing", "--mode", "all"),
        f"http://127.0.0.1:{server.port}/openapi.json",
        folder=tmp_path,
    )
