"""What the parts of a model may be, looked at before any of it is called.

scikit-learn calls what a model has by names that it has too: a method by an attribute's text, a
function that stands where a method was, a cache on disk that it unpickles. attributes.json says
which attributes are such names; the gate judges by the same.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

ATTRIBUTES = json.loads(Path(__file__).with_name("attributes.json").read_text())


def require_parts(model: Any) -> None:
    """Raise ValueError where a model holds what could be called in place of what it is."""
    seen, waiting = set(), [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype.hasobject else []
        elif type(part).__module__.startswith("sklearn."):
            for name, value in getattr(part, "__dict__", {}).items():
                if not _is_named(name, value):
                    _require_value(type(part), name, value)
                    waiting.append(value)
        elif callable(part):
            raise ValueError(f"it holds {part!r:.100} in place of a value")


def _is_named(name: str, value: Any) -> bool:
    """Whether it is a function or a type where scikit-learn asks for one, and no more than that."""
    if name in ATTRIBUTES["functions"]:
        return value is None or isinstance(value, np.ufunc)
    if name in ATTRIBUTES["types"]:
        return isinstance(value, type) and issubclass(value, np.generic | float | int | str)
    return False


def _require_value(owner: type, name: str, value: Any) -> None:
    where = f"its {owner.__name__}.{name[:100]}"
    if callable(getattr(owner, name, None)):
        raise ValueError(f"{where} stands in place of a method")
    if name in ATTRIBUTES["nothing"] and value is not None and value != {}:
        raise ValueError(f"{where} is to be nothing")
    if name in ATTRIBUTES["names_of_methods"]:
        names = value if isinstance(value, list | tuple) else [value]
        if not all(item is None or item in ATTRIBUTES["methods"] for item in names):
            raise ValueError(f"{where} names a method that does not predict")
