"""TensorFlow's SavedModel: a graph, which is a program with operators for files and for Python.

Only operators that compute are let through (tensorflow_ops.txt), wherever a call or a load can
lead. What writes and reads checkpoints is in every SavedModel: it is let through where nothing but
the saver leads to it, which serving never asks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from mlifecycle.security.model_files.archives import UnsafeError
from mlifecycle.security.model_files.saved_model_messages import SavedModel

OPERATORS = Path(__file__).with_name("tensorflow_ops.txt")
SAVER_OPERATORS = frozenset(
    ("DisableCopyOnRead", "MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename")
)
_SWAPPED = b"api_implements"
SAFE = "export the model to ONNX with tf2onnx, or without this operator"


@dataclass
class _Reach:
    """The operators and functions that some nodes lead to."""

    operators: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


def require_saved_model(content: bytes) -> None:
    """Raise UnsafeError where bytes are no SavedModel, or one that does more than compute."""
    model: Any = SavedModel()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise UnsafeError("it is no SavedModel: save one with model.export") from error
    # TensorFlow 2 makes what serves from the objects' functions, and never runs the graph itself.
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].object_graph_def.concrete_functions:
        raise UnsafeError("it is no SavedModel of TensorFlow 2: save one with model.export")
    _require_computing(model.meta_graphs[0])


def _require_computing(graph: Any) -> None:
    functions, main = graph.graph_def.library.function, graph.graph_def.node
    library = {item.signature.name: item for item in functions}
    nodes = {node.name: node for node in main}
    if len(library) < len(functions) or len(nodes) < len(main):
        raise UnsafeError("its graph holds a name twice")
    saving = _behind(graph.saver_def, nodes)
    saver = _reached((nodes[name] for name in saving), library)
    asked = _reached((node for name, node in nodes.items() if name not in saving), library)
    # A load runs some of the functions that the objects name, in whatever field; the others might
    # be called by name.
    objects = graph.object_graph_def.SerializeToString()
    for name, function in library.items():
        if name in saver.functions and name.encode() not in objects:
            continue
        found = _reached(function.node_def, library)
        asked.operators |= found.operators
        asked.functions |= {name} | found.functions
    _require_known(asked.operators, _operators())
    for name in saver.functions - asked.functions:
        # TensorFlow takes one function for another where both say that they do the same.
        if _SWAPPED in library[name].SerializeToString():
            raise UnsafeError(f"its saver's function {name[:100]!r} stands for another: {SAFE}")
    _require_known(saver.operators, _operators() | SAVER_OPERATORS)


def _behind(saver: Any, nodes: dict[str, Any]) -> set[str]:
    """The nodes that only the saver asks for."""
    wanted = [saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name]
    return {name for name in (text.partition(":")[0] for text in wanted) if name in nodes}


def _reached(nodes: Iterable[Any], library: dict[str, Any]) -> _Reach:
    reach, waiting = _Reach(), list(nodes)
    while waiting:
        node = waiting.pop()
        called = {name for value in node.attr.values() for name in _functions(value)}
        if node.op in library:
            called.add(node.op)
        else:
            reach.operators.add(node.op)
        for name in called - reach.functions:
            reach.functions.add(name)
            if name not in library:
                raise UnsafeError(f"its graph calls {name[:100]!r}, which it does not hold")
            waiting += library[name].node_def
    return reach


def _functions(value: Any) -> Iterator[str]:
    """The functions that an attribute of a node names."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        for function in ([part.func] if part.HasField("func") else []) + list(part.list.func):
            yield function.name
            waiting += function.attr.values()


def _require_known(operators: set[str], known: frozenset[str]) -> None:
    for name in sorted(operators - known):
        raise UnsafeError(f"its operator {name[:100]!r} can do more than compute: {SAFE}")


@cache
def _operators() -> frozenset[str]:
    return frozenset(OPERATORS.read_text().split())
