"""The inference service: one model, fetched by digest, proven before it is ready."""

import os

# ONNX Runtime's wheels (1.29 and later) start an uploader and write a device id when imported.
# Only this variable, set before the first import, keeps all of that from existing
# (microsoft/onnxruntime#27379). It is set here so that no way of starting the app can miss it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# gRPC's core writes lines of its own, which are no JSON; what fails is told by who calls it.
os.environ["GRPC_VERBOSITY"] = "NONE"
