"""A model so large that a core answers a thousand requests a second: the generator has rest."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.serving.peers import INPUT, ROW

WIDTH = 4096


def large_model() -> bytes:
    """A network of two wide layers with random weights: 34 million operations for a row."""
    random = np.random.default_rng(0)
    shapes = ((len(ROW), WIDTH), (WIDTH, WIDTH), (WIDTH, 1))
    weights = [
        numpy_helper.from_array(
            (random.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32), f"w{place}"
        )
        for place, shape in enumerate(shapes)
    ]
    nodes = [
        helper.make_node("MatMul", [INPUT, "w0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w1"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "w2"], ["score"]),
    ]
    rows, score = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])]
        for name, size in ((INPUT, len(ROW)), ("score", 1))
    )
    graph = helper.make_graph(nodes, "large", rows, score, weights)
    opset = helper.make_opsetid("", 17)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    return bytes(model.SerializeToString())
