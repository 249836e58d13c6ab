"""LitServe with one worker."""

import os
from typing import Any

import litserve
import numpy as np
import onnxruntime


class Fraud(litserve.LitAPI):
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.input = self.session.get_inputs()[0].name

    # Without a type: LitServe takes one for the shape of the request.
    def decode_request(self, request):
        return np.asarray(request["instances"], np.float32)

    def predict(self, rows: Any) -> Any:
        return self.session.run(None, {self.input: rows})[0]

    def encode_response(self, output: Any) -> Any:
        return {"predictions": output.ravel().tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Fraud(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
