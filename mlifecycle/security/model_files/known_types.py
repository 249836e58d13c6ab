"""The types that scikit-learn's models are made of, from the server's own folder: one list."""

import json
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "inference" / "app" / "runtimes" / "sklearn"
TYPES = _FOLDER / "types.txt"
# Attributes by which scikit-learn calls something.
ATTRIBUTES: dict[str, list[str]] = json.loads((_FOLDER / "attributes.json").read_text())
METHODS = Path(__file__).with_name("sklearn_methods.txt")
# What only pickles name: how NumPy's and scikit-learn's compiled types are made.
PICKLE_GLOBALS = _FOLDER / "pickle_globals.txt"


@cache
def known_types() -> frozenset[str]:
    """Each as `module.Type`."""
    return frozenset(TYPES.read_text().split())


@cache
def method_names() -> frozenset[str]:
    """What the types' own functions are called."""
    return frozenset(METHODS.read_text().split())


@cache
def pickle_globals() -> frozenset[str]:
    """What a pickle may name: the types, and what makes some of them."""
    return known_types() | frozenset(PICKLE_GLOBALS.read_text().split())
