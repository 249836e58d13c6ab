"""torch.export: a zip archive of weights and a graph as JSON.

PyTorch's reader unpickles some members, evaluates the guards and the sizes of a graph as Python,
and looks an operator up along a path from the module `torch`. So each of these is held to
what an export of a model has.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from mlifecycle.security.model_files.archives import UnsafeError, read_member, strict_zip
from mlifecycle.security.model_files.torch_expressions import is_guard, is_size, is_spec

# Below the archive's own folder; https://docs.pytorch.org/docs/stable/export/pt2_archive.html.
_MEMBERS = re.compile(
    r"data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt|models/model\.json"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id|alignment)"
)
_GRAPH = "models/model.json"
_SAMPLE_INPUTS = "data/sample_inputs/model.pt"
_CONFIGURATIONS = (
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
)
# PyTorch's operators that compute from tensors alone, and stay within them (torch_ops.txt): others
# read or write files, leave memory as it was, or take sizes and places as they are told.
OPERATORS = Path(__file__).with_name("torch_ops.txt")
_OPERATOR = re.compile(r"torch\.ops\.aten\.(\w+)\.\w+", re.ASCII)
# Those of Python that sizes need.
_TARGET = re.compile(
    r"torch\.sym_(float|int|ite|max|min|not|sqrt)"
    r"|_operator\.(abs|add|and_|eq|floordiv|ge|getitem|gt|le|lt|mod|lshift|mul|ne|neg|not_|or_|pow|rshift|sub|truediv)"
    r"|math\.(ceil|floor|trunc)"
)
# No operator: what PyTorch has between them (the gradient mode, a condition, an assertion).
_HIGHER_ORDER = re.compile(
    r"torch\.ops\.higher_order\.(cond|map_impl|scan|while_loop|wrap_with_set_grad_enabled)"
)
# What stands for a tensor, a parameter or an argument; and what such names may be.
_NAMED = frozenset(
    {
        *("name", "as_name", "arg_name", "parameter_name", "buffer_name", "tensor_constant_name"),
        *("user_input_name", "custom_obj_name", "fqn", "forward_arg_names"),
    }
)
_KEY = re.compile(r"[\w.]+", re.ASCII)
SAFE = "export the model to ONNX with torch.onnx.export"


def require_torch_export(content: bytes) -> None:
    """Raise UnsafeError where bytes are no exported program, or one that could run code."""
    archive = strict_zip(content)
    folders = {name.partition("/")[0] for name in archive.namelist()}
    if len(folders) != 1:
        raise UnsafeError(f"it is no exported program: use torch.export.save, or {SAFE}")
    folder = f"{folders.pop()}/"
    names = {name.removeprefix(folder) for name in archive.namelist()}
    for name in sorted(names):
        if not _MEMBERS.fullmatch(name):
            raise UnsafeError(
                f"its archive holds {name[:100]!r}, which a plain torch.export.save does not"
                f" write: {SAFE}"
            )
    if _SAMPLE_INPUTS in names and archive.getinfo(folder + _SAMPLE_INPUTS).file_size:
        raise UnsafeError(
            f"its {_SAMPLE_INPUTS} is a pickle, which runs code when it is loaded: set"
            " exported_program.example_inputs = None before torch.export.save"
        )
    for name in _CONFIGURATIONS:
        if name in names:
            _require_raw(_json(read_member(archive, folder + name), name), name)
    _require_graph(_json(read_member(archive, folder + _GRAPH), _GRAPH))


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnsafeError(f"its {name} cannot be read: {error}") from error


def _require_raw(configuration: Any, name: str) -> None:
    """Each tensor as its plain bytes, never as a pickle."""
    entries = configuration.get("config") if isinstance(configuration, dict) else None
    if not isinstance(entries, dict):
        raise UnsafeError(f"its {name} has no entries")
    for key, entry in entries.items():
        if not _KEY.fullmatch(key):
            raise UnsafeError(f"its tensor {key[:100]!r} has no name that is one")
        path = entry.get("path_name") if isinstance(entry, dict) else None
        plain = isinstance(path, str) and re.fullmatch(r"(weight|tensor)_\d+", path)
        if not plain or entry.get("use_pickle") is not False:
            raise UnsafeError(f"its tensor {key[:100]!r} is a pickle: {SAFE}")


def _require_graph(graph: Any) -> None:
    if not isinstance(graph, dict):
        raise UnsafeError(f"its {_GRAPH} is no graph")
    guards = graph.get("guards_code") or []
    if not isinstance(guards, list):
        raise UnsafeError("its guards are no list")
    for guard in guards:
        if not is_guard(guard):
            raise UnsafeError(f"its guard {str(guard)[:100]!r} is more than a comparison of sizes")
    # A list, not recursion: how deep a file nests graphs is its author's choice.
    waiting = [graph]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            _require_part(part)


def _require_part(part: dict[str, Any]) -> None:
    # PyTorch writes them into Python, as they are.
    for key, value in part.items():
        names = value if key == "forward_arg_names" and isinstance(value, list) else [value]
        if key in _NAMED and not all(_is_name(name) for name in names):
            raise UnsafeError(f"its {key} {str(value)[:100]!r} is no name")
        if not _KEY.fullmatch(key):
            raise UnsafeError(f"its graph has a part called {key[:100]!r}")
    for key in ("target", "as_operator"):
        name = part.get(key)
        if name is not None and not _is_operator(name):
            raise UnsafeError(f"its operator {str(name)[:100]!r} can do more than compute: {SAFE}")
    if "expr_str" in part and not is_size(part["expr_str"]):
        raise UnsafeError(f"its size {str(part['expr_str'])[:100]!r} is more than arithmetic")
    for key in ("in_spec", "out_spec"):
        if part.get(key) and not is_spec(part[key]):
            raise UnsafeError(f"its {key} is more than tuples, lists and dictionaries: {SAFE}")
    if part.get("as_custom_obj") is not None:
        raise UnsafeError(f"its graph holds an object: {SAFE}")


def _is_name(name: object) -> bool:
    if isinstance(name, str):
        return not name or _KEY.fullmatch(name) is not None
    # A name of something else stands in a part of its own, which is looked at by itself.
    return name is None or isinstance(name, dict)


def _is_operator(name: object) -> bool:
    if not isinstance(name, str):
        return False
    if own := _OPERATOR.fullmatch(name):
        return own[1] in _operators()
    return bool(_TARGET.fullmatch(name) or _HIGHER_ORDER.fullmatch(name))


@cache
def _operators() -> frozenset[str]:
    return frozenset(OPERATORS.read_text().split())
