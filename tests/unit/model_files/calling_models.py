"""Models of known types alone, which have scikit-learn call what a model does not need."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.unit.model_files.skops_models import LABELS, ROWS


def stacked(_: Path) -> Any:
    """The array writes the path that the rows say."""
    model = StackingClassifier([("a", LogisticRegression())]).fit(ROWS, LABELS)
    model.estimators_, model.stack_method_ = [np.zeros(3)], ["tofile"]
    return model


def chained(_: Path) -> Any:
    model = ClassifierChain(LogisticRegression()).fit(ROWS, np.c_[LABELS, LABELS])
    model.chain_method_ = "fit"
    return model


def thresholded(_: Path) -> Any:
    model = FixedThresholdClassifier(LogisticRegression()).fit(ROWS, LABELS)
    model.response_method = "fit"
    return model


def cached(folder: Path) -> Any:
    """joblib writes pickles there, and reads them."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    model.memory = str(folder)
    return model


def with_arguments(_: Path) -> Any:
    model = make_pipeline(FunctionTransformer(np.exp), LogisticRegression()).fit(ROWS, LABELS)
    model.steps[0][1].kw_args = {"out": np.zeros(3)}
    return model


def calling_a_type(_: Path) -> Any:
    model = make_pipeline(FunctionTransformer(), LogisticRegression()).fit(ROWS, LABELS)
    model.steps[0][1].func = str
    return model


def holding_a_type(_: Path) -> Any:
    model = LogisticRegression().fit(ROWS, LABELS)
    model.extra_ = [np.float32]
    return model


def holding_a_function(_: Path) -> Any:
    model = LogisticRegression().fit(ROWS, LABELS)
    model.coef_ = np.absolute
    return model


def unchecked(_: Path) -> Any:
    """Its own look at how many columns there are is another function."""
    model = RandomForestClassifier(2).fit(ROWS, LABELS)
    model._validate_X_predict = LogisticRegression()
    return model


CALLING = {
    stacked: "stack_method_ names a method",
    chained: "chain_method_ names a method",
    thresholded: "response_method names a method",
    cached: "memory is to be nothing",
    with_arguments: "kw_args is to be nothing",
    calling_a_type: "",
    holding_a_type: "in place of a value",
    holding_a_function: "in place of a value",
    unchecked: "_validate_X_predict stands in place of a method",
}
