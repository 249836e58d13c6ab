"""scikit-learn models in skops' format, which names types instead of running a program."""

import warnings
from collections.abc import Mapping
from pathlib import Path

from skops.io import get_untrusted_types, loads

from app.runtimes.sklearn.estimator import Estimator

# Our own list, which the gate judges by too; beyond it, nothing is trusted.
TYPES = tuple(Path(__file__).with_name("types.txt").read_text().split())


def load(files: Mapping[str, bytes], model: str) -> Estimator:
    """The model in `files[model]`. Raises ValueError where it names a type beyond the known."""
    content = files[model]
    # skops, too, opens an archive that begins somewhere else.
    if not content.startswith(b"PK\x03\x04"):
        raise ValueError("not a skops file")
    unknown = set(get_untrusted_types(data=content)) - set(TYPES)
    if unknown:
        raise ValueError(f"it needs {min(unknown)}, which is not trusted")
    with warnings.catch_warnings():
        # Another version of scikit-learn is judged by the golden samples.
        warnings.simplefilter("ignore")
        return Estimator(loads(content, trusted=list(TYPES)))
