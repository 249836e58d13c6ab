"""The judge of each format of a model: a new format has its line in `_JUDGES`."""

import hashlib
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from mlifecycle.process import ToolError
from mlifecycle.security.evidence import Scan
from mlifecycle.security.model_files.archives import UnsafeError
from mlifecycle.security.model_files.boosters import require_lightgbm, require_xgboost
from mlifecycle.security.model_files.onnx_model import require_onnx
from mlifecycle.security.model_files.pickles import scan_pickle
from mlifecycle.security.model_files.saved_model import require_saved_model
from mlifecycle.security.model_files.skops_archive import require_skops
from mlifecycle.security.model_files.torch_export import require_torch_export


class Judged(BaseModel):
    """What is known of one content of a file.

    Attributes:
        digest: 64 hex digits.
        refusal: why it may not be served; empty where nothing is against it.
        siblings: the files in its folder from which it takes the rest.
        is_folder: whether that is all of its folder.
        scans: what scanners found in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    refusal: str = ""
    siblings: tuple[str, ...] = ()
    is_folder: bool = False
    scans: tuple[Scan, ...] = ()


def judge(content: bytes, format_name: str | None) -> Judged:
    """Look at a file's content.

    Args:
        format_name: of the format that it must be; None where only its digest is wanted.
    """
    found = Judged(digest=hashlib.sha256(content).hexdigest())
    if format_name is None:
        return found
    try:
        return found.model_copy(update=_JUDGES[format_name](content))
    except (UnsafeError, ToolError) as error:
        return found.model_copy(update={"refusal": str(error)})


def _plain(require: Callable[[bytes], None]) -> Callable[[bytes], dict[str, object]]:
    def judged(content: bytes) -> dict[str, object]:
        require(content)
        return {}

    return judged


def _saved_model(content: bytes) -> dict[str, object]:
    require_saved_model(content)
    return {"is_folder": True}


_JUDGES: dict[str, Callable[[bytes], dict[str, object]]] = {
    "onnx": lambda content: {"siblings": require_onnx(content)},
    "skops": _plain(require_skops),
    "xgboost": _plain(require_xgboost),
    "lightgbm": _plain(require_lightgbm),
    "torch_export": _plain(require_torch_export),
    "saved_model": _saved_model,
    "pickle": lambda content: {"scans": scan_pickle(content)},
}
