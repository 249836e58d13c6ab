"""The types that models may need: `python -m tests.unit.model_files.skops_types` writes the list.

They are those that skops trusts, of this version of scikit-learn, but for SciPy's functions and
what nothing checks; the containers; parts of models that hold numbers only; and trees, whose nodes
the gate looks at itself.
"""

import importlib

import skops.io._sklearn as sklearn_nodes
import skops.io._trusted_types as trusted
from skops.io._utils import get_module

from mlifecycle.security.model_files.known_types import METHODS, TYPES

CONTAINERS = (
    *("builtins.bytearray", "builtins.bytes", "builtins.dict"),
    *("builtins.list", "builtins.set", "builtins.slice", "builtins.tuple"),
    *("collections.OrderedDict", "collections.defaultdict"),
    *("numpy.dtype", "numpy.ma.MaskedArray", "numpy.ndarray"),
    *("numpy.random._generator.Generator", "numpy.random.mtrand.RandomState"),
)
PARTS = (
    *("sklearn._loss.loss.HalfTweedieLoss", "sklearn._loss.loss.HalfTweedieLossIdentity"),
    *("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"),
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    *(
        f"sklearn.gaussian_process.kernels.{name}"
        for name in (
            *("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation"),
            *("Matern", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
        )
    ),
    *("sklearn.metrics._scorer._PassthroughScorer", "sklearn.multiclass._ConstantPredictor"),
    *("sklearn.model_selection._split.KFold", "sklearn.model_selection._split.StratifiedKFold"),
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
)
TREES = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
# libsvm takes the sizes of arrays from each other; texts are no input of the server.
# Functions of one type, and values of another.
ATTRIBUTES = frozenset(("copy", "link", "loss", "values"))
LEFT_OUT = frozenset(
    (
        *(
            f"sklearn.svm._classes.{name}"
            for name in ("NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR")
        ),
        *(
            f"sklearn.feature_extraction.text.{name}"
            for name in ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")
        ),
    )
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
        - LEFT_OUT
    )


def methods() -> list[str]:
    """What functions of these types are called, sorted."""
    names = set()
    for name in types():
        module, _, own = name.rpartition(".")
        if module.startswith("sklearn."):
            made = getattr(importlib.import_module(module), own)
            names |= {item for item in dir(made) if callable(getattr(made, item, None))}
    return sorted(name for name in names - ATTRIBUTES if not name.startswith("__"))


if __name__ == "__main__":
    for file, names in ((TYPES, types()), (METHODS, methods())):
        file.write_text("\n".join(names) + "\n")
