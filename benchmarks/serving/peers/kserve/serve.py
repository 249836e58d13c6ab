"""KServe's Python server, its own protocol (v1)."""

import os
from typing import Any

import kserve
import numpy as np
import onnxruntime


class Fraud(kserve.Model):
    def __init__(self) -> None:
        super().__init__("fraud")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.input = self.session.get_inputs()[0].name
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        rows = np.asarray(payload["instances"], np.float32)
        return {"predictions": self.session.run(None, {self.input: rows})[0].ravel().tolist()}


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    server = kserve.ModelServer(
        http_port=port, workers=1, enable_grpc=False, access_log_format=None
    )
    server.start([Fraud()])
