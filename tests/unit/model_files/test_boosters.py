"""XGBoost and LightGBM: their own formats pass, and nothing else under their names."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from tests.unit.model_files.payloads import Payload, refusal_of, zipped

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(80, 4))
LABELS = (ROWS[:, 0] > 0).astype(int)


def xgboost_model(name: str, **parameters: Any) -> bytes:
    booster = xgboost.train(parameters, xgboost.DMatrix(ROWS, LABELS), 3)
    return bytes(booster.save_raw(name))


def lightgbm_model() -> bytes:
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(ROWS, LABELS), 3)
    return booster.model_to_string().encode()


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("name", ["ubj", "json"])
def test_what_xgboost_writes_may_be_served(name: str, booster: str) -> None:
    assert refusal_of(xgboost_model(name, booster=booster), "xgboost") == ""


def test_what_lightgbm_writes_may_be_served() -> None:
    assert refusal_of(lightgbm_model(), "lightgbm") == ""


@pytest.mark.parametrize("format_name", ["xgboost", "lightgbm"])
def test_a_pickle_under_their_names_is_refused_and_has_not_run(
    format_name: str, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    program = pickle.dumps(Payload(marker))
    for content in (program, zipped(program), gzip.compress(program), b"tree\nversion=" + program):
        assert "it is no" in refusal_of(content, format_name)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"version": [1]}',
        b"[" * 100_000,
        b"binf\0\0",
        b"{L\0\0\0\0\0\0\0\x04evil",
    ],
)
def test_what_is_no_xgboost_model_is_refused(content: bytes) -> None:
    assert "XGBoost model" in refusal_of(content, "xgboost")


@pytest.mark.parametrize("content", [b"", b"tree", b"treeX\nversion=v4", b"tree\nversion=v4\0"])
def test_what_is_no_lightgbm_model_is_refused(content: bytes) -> None:
    assert "no LightGBM model as text" in refusal_of(content, "lightgbm")
