"""The types that skops files may need: `python -m tests.unit.skops_types` writes the gate's list.

They are those that skops trusts, of this version of scikit-learn, but for SciPy's functions; the
containers; parts of models that hold numbers only; and trees, whose nodes the gate looks at itself.
"""

from pathlib import Path

import skops.io._sklearn as sklearn_nodes
import skops.io._trusted_types as trusted
from skops.io._utils import get_module

from mlifecycle.security.model_files.known_types import TYPES

CONTAINERS = (
    *("builtins.NoneType", "builtins.bytearray", "builtins.bytes", "builtins.dict"),
    *("builtins.list", "builtins.set", "builtins.slice", "builtins.tuple"),
    *("collections.OrderedDict", "collections.defaultdict"),
    *("numpy.dtype", "numpy.ma.MaskedArray", "numpy.ndarray"),
    *("numpy.random._generator.Generator", "numpy.random.mtrand.RandomState"),
    *("scipy.sparse._csc.csc_matrix", "scipy.sparse._csr.csr_matrix"),
    *("scipy.sparse._csc.csc_array", "scipy.sparse._csr.csr_array"),
)
PARTS = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
)
TREES = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def types() -> list[str]:
    """All of them, sorted."""
    losses = (f"{get_module(item)}.{item.__name__}" for item in sklearn_nodes.ALLOWED_LOSSES)
    return sorted(
        {
            *CONTAINERS,
            *PARTS,
            *TREES,
            *losses,
            *trusted.PRIMITIVE_TYPE_NAMES,
            *trusted.NUMPY_DTYPE_TYPE_NAMES,
            *trusted.NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES,
            *trusted.NUMPY_UFUNC_TYPE_NAMES,
            *trusted.SKLEARN_ESTIMATOR_TYPE_NAMES,
            *trusted.SKLEARN_INTERNAL_TYPE_NAMES,
        }
    )


if __name__ == "__main__":
    Path(TYPES).write_text("\n".join(types()) + "\n")
