"""What makes an object of a part of a skops schema, and of which types it may.

skops asks only for each type by itself; a type that is harmless made in one way may not be in
another. Here is no way of calling something: no partial, no method, no operator, no constructor.
"""

from typing import Any

import numpy as np

from mlifecycle.security.model_files.archives import UnsafeError
from mlifecycle.security.model_files.known_types import known_types

SAFE = "export the model to ONNX with skl2onnx"
# Compiled, and made by a call with numbers.
_LOSSES = ("sklearn._loss._loss.", "sklearn.linear_model._sgd_fast.")
_TREE = "sklearn.tree._tree.Tree"
# In skops' own words; what is not here makes nothing that a model needs.
_MAKES = {
    "BytearrayNode": {"builtins.bytearray"},
    "BytesNode": {"builtins.bytes"},
    "DTypeNode": {"numpy.dtype"},
    "DefaultDictNode": {"collections.defaultdict"},
    "DictNode": {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"},
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "MaskedArrayNode": {"numpy.ma.MaskedArray"},
    "RandomGeneratorNode": {"numpy.random._generator.Generator"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "SetNode": {"builtins.set"},
    "SliceNode": {"builtins.slice"},
    "TreeNode": {_TREE},
    "TupleNode": {"builtins.tuple"},
}
_TYPES = {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"}


def require_known(part: dict[str, Any]) -> None:
    """Raise UnsafeError where a part of a schema makes more than a part of a model."""
    loader = str(part.get("__loader__"))
    name = f"{part.get('__module__')}.{part.get('__class__')}"
    if loader not in _MAKES and loader not in _JUDGED:
        raise UnsafeError(f"it is to make a {loader[:100]!r}, which can call what it likes: {SAFE}")
    known = name in _MAKES[loader] if loader in _MAKES else _JUDGED[loader](name)
    if not known:
        raise UnsafeError(
            f"it needs {name[:100]} as {loader}, which is no type that is trusted: {SAFE}"
        )
    file = str(part.get("file", ""))
    if file and not file.endswith(".npy" if loader == "NdArrayNode" else ".bin"):
        raise UnsafeError(f"it holds a {loader} in {file[:100]!r}")
    if loader == "DictNode":
        _require_keys(part)
    if loader == "ObjectNode":
        _require_attributes(part)


def attribute(part: dict[str, Any], name: str) -> Any:
    """A part of an object's attributes."""
    attributes = part.get("content")
    inner = attributes.get("content") if isinstance(attributes, dict) else None
    return inner.get(name) if isinstance(inner, dict) else None


def number(part: Any) -> int | None:
    """A part that is a natural number."""
    if not isinstance(part, dict) or part.get("__loader__") != "JsonNode":
        return None
    content = part.get("content")
    return int(content) if isinstance(content, str) and content.isdecimal() else None


def _is_object(name: str) -> bool:
    compiled = name.startswith(_LOSSES) or name == _TREE
    return name.startswith("sklearn.") and name in known_types() and not compiled


def _is_loss(name: str) -> bool:
    return name.startswith(_LOSSES) and name in known_types()


def _numpys(name: str) -> Any:
    module, _, own = name.rpartition(".")
    return getattr(np, own, None) if module == "numpy" else None


def _is_function(name: str) -> bool:
    return isinstance(_numpys(name), np.ufunc)


def _is_scalar(name: str) -> bool:
    found = _numpys(name)
    return isinstance(found, type) and issubclass(found, np.generic)


def _is_array(name: str) -> bool:
    return name == "numpy.ndarray" or _is_scalar(name)


def _is_type(name: str) -> bool:
    return name in _TYPES or _is_scalar(name)


_JUDGED = {
    "FunctionNode": _is_function,
    "LossNode": _is_loss,
    "NdArrayNode": _is_array,
    "ObjectNode": _is_object,
    "TypeNode": _is_type,
}


def _require_keys(part: dict[str, Any]) -> None:
    """A type for each key: skops leaves out the entries behind the last one."""
    entries, types = part.get("content"), _key_types(part)
    if not isinstance(entries, dict) or len(entries) != len(types) or None in types:
        raise UnsafeError("it holds a dictionary with more entries than it makes")


def _require_attributes(part: dict[str, Any]) -> None:
    """Texts as names: what is read here by its name is what the object has."""
    attributes = part.get("content")
    if attributes is None:
        return
    loader = attributes.get("__loader__") if isinstance(attributes, dict) else None
    is_none = loader == "JsonNode" and attributes.get("content") == "null"
    if not is_none and (loader != "DictNode" or set(_key_types(attributes)) - {"builtins.str"}):
        raise UnsafeError(f"it holds an object whose attributes have no names: {SAFE}")


def _key_types(part: dict[str, Any]) -> list[str | None]:
    """The names of the types of a dictionary's keys; None where one is none."""
    made = part.get("key_types")
    types = made.get("content") if isinstance(made, dict) else None
    if not isinstance(types, list) or made is None or made.get("__loader__") != "ListNode":
        return [None]
    return [
        f"{item.get('__module__')}.{item.get('__class__')}"
        if isinstance(item, dict) and item.get("__loader__") == "TypeNode"
        else None
        for item in types
    ]
