"""XGBoost's and LightGBM's own formats: trees as text or as JSON, read by the libraries' parsers.

What is in front of the parsers here is that a file is of the format that its name says: each
library reads older formats too, with less careful code.
"""

import json
import re

from mlifecycle.security.model_files.archives import UnsafeError

# UBJSON (https://ubjson.org): an object whose first key has a length of 64 bits.
_UBJSON = re.compile(rb"\{L\x00{7}[\x01-\x20](learner|version|Config)")
XGBOOST = "save the model with Booster.save_model, as model.ubj or model.json"
LIGHTGBM = "save the model with Booster.save_model"


def require_xgboost(content: bytes) -> None:
    """Raise UnsafeError where bytes are no XGBoost model in UBJSON or JSON."""
    if _UBJSON.match(content):
        return
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnsafeError(f"it is no XGBoost model in UBJSON or JSON: {XGBOOST}") from error
    if not isinstance(document, dict) or "learner" not in document:
        raise UnsafeError(f"it is JSON, but no XGBoost model: {XGBOOST}")


def require_lightgbm(content: bytes) -> None:
    """Raise UnsafeError where bytes are no LightGBM model as text."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UnsafeError(f"it is no LightGBM model as text: {LIGHTGBM}") from error
    if not text.startswith("tree\nversion=") or "\0" in text:
        raise UnsafeError(f"it is no LightGBM model as text: {LIGHTGBM}")
