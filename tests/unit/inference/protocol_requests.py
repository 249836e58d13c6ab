"""Requests of the Open Inference Protocol, and the tensors that the tests send."""

import http.client
import json
from typing import Any

from local_serving import Server

INFER = "/v2/models/fraud-detector/infer"


def ask(
    server: Server, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(
            "POST", INFER, body, {"content-type": "application/json", **(headers or {})}
        )
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def infer(server: Server, document: Any) -> tuple[int, Any]:
    status, _, body = ask(server, json.dumps(document).encode())
    return status, json.loads(body)


def tensor(name: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": [2, 2], "data": data, **more}


AS_BYTES = {"name": "z", "datatype": "FP32", "shape": [2, 2]}
X, Z = tensor("x", [1, 2, 3, 4]), tensor("z", [[10, 20], [30, 40.5]])
