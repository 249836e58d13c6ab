"""The types that scikit-learn's models are made of, from the server's own folder: one list."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "inference" / "app" / "runtimes" / "sklearn"
TYPES = _FOLDER / "types.txt"
# What only pickles name: how NumPy's and scikit-learn's compiled types are made.
PICKLE_GLOBALS = _FOLDER / "pickle_globals.txt"


@cache
def known_types() -> frozenset[str]:
    """Each as `module.Type`."""
    return frozenset(TYPES.read_text().split())


@cache
def pickle_globals() -> frozenset[str]:
    """What a pickle may name: the types, and what makes some of them."""
    return known_types() | frozenset(PICKLE_GLOBALS.read_text().split())
