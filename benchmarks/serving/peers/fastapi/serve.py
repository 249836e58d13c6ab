"""FastAPI and ONNX Runtime, as their tutorials put them together."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
name = session.get_inputs()[0].name
app = FastAPI()


class Rows(BaseModel):
    instances: list[list[float]]


class Predictions(BaseModel):
    predictions: list[float]


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/predict")
async def predict(rows: Rows) -> Predictions:
    outputs = session.run(None, {name: np.asarray(rows.instances, np.float32)})
    return Predictions(predictions=outputs[0].ravel().tolist())
