"""BentoML with one worker."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Fraud:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.input = self.session.get_inputs()[0].name

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> list[float]:
        rows = np.asarray(instances, np.float32)
        return self.session.run(None, {self.input: rows})[0].ravel().tolist()
