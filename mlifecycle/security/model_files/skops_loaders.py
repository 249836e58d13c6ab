"""What makes an object of a part of a skops schema, and of which types it may.

skops asks only for each type by itself; a type that is harmless made in one way may not be in
another. Here is no way of calling something: no partial, no method, no operator, no constructor.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from mlifecycle.security.model_files.archives import UnsafeError
from mlifecycle.security.model_files.known_types import ATTRIBUTES, known_types, method_names

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
FUNCTION, TYPE = "FunctionNode", "TypeNode"
_TYPES = {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"}


class Place(NamedTuple):
    """Where a part stands: all attributes of an object, one of that name, or a key's type."""

    is_attributes: bool = False
    attribute: str = ""
    is_of_key: bool = False


NOWHERE = Place()


def require_known(part: dict[str, Any], place: Place) -> None:
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
    _require_place(loader, name, place)
    file = str(part.get("file", ""))
    if file and not file.endswith(".npy" if loader == "NdArrayNode" else ".bin"):
        raise UnsafeError(f"it holds a {loader} in {file[:100]!r}")
    if loader == "DictNode":
        _require_keys(part)
    if loader in ("ObjectNode", "TreeNode"):
        _require_attributes(part, is_tree=loader == "TreeNode")


def attribute(part: dict[str, Any], name: str) -> Any:
    """A part of an object's attributes."""
    attributes: Any = part.get("content")
    inner = attributes.get("content") if _loader(attributes) == "DictNode" else None
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


def _require_attributes(part: dict[str, Any], *, is_tree: bool) -> None:
    """Texts as names: what is read here by its name is what the object has."""
    attributes: Any = part.get("content")
    if attributes is None and not is_tree:
        return
    is_none = _is_null(attributes) and not is_tree
    if not is_none and (
        _loader(attributes) != "DictNode" or set(_key_types(attributes)) - {"builtins.str"}
    ):
        raise UnsafeError(f"it holds an object whose attributes have no names: {SAFE}")
    entries = {} if is_none else attributes.get("content")
    for name, value in entries.items() if isinstance(entries, dict) and not is_tree else ():
        _require_value(name, value)


def _require_value(name: str, value: Any) -> None:
    """No attribute by which scikit-learn would call what a model does not need."""
    if name in method_names():
        raise UnsafeError(f"its {name[:100]} stands in place of a method: {SAFE}")
    if name in ATTRIBUTES["nothing"] and not _is_nothing(value):
        raise UnsafeError(f"its {name} is to be nothing: save the model without it")
    if name in ATTRIBUTES["functions"] and not (_is_null(value) or _loader(value) == FUNCTION):
        raise UnsafeError(f"its {name} is no function of NumPy's: {SAFE}")
    if name in ATTRIBUTES["names_of_methods"]:
        is_list = _loader(value) in ("ListNode", "TupleNode")
        items: list[Any] = value["content"] if is_list else [value]
        for item in items:
            text = json.loads(item["content"]) if _loader(item) == "JsonNode" else item
            if text is not None and text not in ATTRIBUTES["methods"]:
                raise UnsafeError(f"its {name} names a method that does not predict: {SAFE}")


def _require_place(loader: str, name: str, place: Place) -> None:
    """A function or a type where scikit-learn asks for one: elsewhere, it may call it."""
    if loader == FUNCTION and place.attribute not in ATTRIBUTES["functions"]:
        raise UnsafeError(f"it holds {name[:100]} in place of a value: {SAFE}")
    if loader == TYPE and not place.is_of_key and place.attribute not in ATTRIBUTES["types"]:
        raise UnsafeError(f"it holds {name[:100]} in place of a value: {SAFE}")


def _loader(part: Any) -> Any:
    return part.get("__loader__") if isinstance(part, dict) else None


def _is_null(part: Any) -> bool:
    return bool(_loader(part) == "JsonNode" and part.get("content") == "null")


def _is_nothing(part: Any) -> bool:
    return _is_null(part) or (_loader(part) == "DictNode" and part.get("content") == {})


def _key_types(part: dict[str, Any]) -> list[str | None]:
    """The names of the types of a dictionary's keys; None where one is none."""
    made: Any = part.get("key_types")
    types = made.get("content") if isinstance(made, dict) else None
    if not isinstance(types, list) or made is None or made.get("__loader__") != "ListNode":
        return [None]
    return [
        f"{item.get('__module__')}.{item.get('__class__')}"
        if isinstance(item, dict) and item.get("__loader__") == "TypeNode"
        else None
        for item in types
    ]
