"""mosec with one worker process, orjson, and no wait for a batch."""

import os
from typing import Any

import numpy as np
import onnxruntime
import orjson
from mosec import Server, Worker


class Fraud(Worker):
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.input = self.session.get_inputs()[0].name

    def deserialize(self, data: bytes) -> Any:
        return orjson.loads(data)

    def serialize(self, data: Any) -> bytes:
        return orjson.dumps(data)

    def forward(self, data: Any) -> Any:
        rows = np.asarray(data["instances"], np.float32)
        return {"predictions": self.session.run(None, {self.input: rows})[0].ravel().tolist()}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Fraud, num=1)
    server.run()
