"""Write the model as an MLflow folder, which `mlflow models serve` then serves."""

import sys

import mlflow.onnx
import onnx

mlflow.onnx.save_model(onnx.load(sys.argv[1]), sys.argv[2])
