"""The judge of each format of a model: a new format has its line in `_JUDGES`."""

import hashlib
import resource
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mlifecycle.formats import PICKLE
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.evidence import Scan
from mlifecycle.security.model_files.archives import UnsafeError
from mlifecycle.security.model_files.boosters import require_lightgbm, require_xgboost
from mlifecycle.security.model_files.onnx_model import require_onnx
from mlifecycle.security.model_files.pickles import scan_pickle
from mlifecycle.security.model_files.saved_model import require_saved_model
from mlifecycle.security.model_files.skops_archive import require_skops
from mlifecycle.security.model_files.torch_export import require_torch_export

# What a model of the largest size takes, several times over.
JUDGE_SECONDS = 300
JUDGE_BYTES = 12 * 1024**3


class Judged(BaseModel):
    """What is known of one content of a file.

    Attributes:
        digest: 64 hex digits.
        refusal: why it may not be served; empty where nothing is against it.
        siblings: the files in its folder from which it takes the rest.
        is_folder: whether that is all of its folder.
        scans: what scanners found in it.
        is_final: whether another look would find the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    refusal: str = ""
    siblings: tuple[str, ...] = ()
    is_folder: bool = False
    scans: tuple[Scan, ...] = ()
    is_final: bool = True


def digest_of(content: bytes) -> Judged:
    """A file of which only the digest is wanted."""
    return Judged(digest=hashlib.sha256(content).hexdigest())


def judge(content: bytes, format_name: str) -> Judged:
    """Look at a file's content, which must be of that format."""
    found = digest_of(content)
    try:
        return found.model_copy(update=_JUDGES[format_name](content))
    except UnsafeError as error:
        return found.model_copy(update={"refusal": str(error)})
    except ToolError as error:
        return found.model_copy(update={"refusal": str(error), "is_final": False})
    except Exception as error:  # what nobody thought of is no reason to let it pass
        refusal = f"it could not be looked at: {type(error).__name__} {str(error)[:200]}"
        return found.model_copy(update={"refusal": refusal})


def judge_apart(content: bytes, format_name: str) -> Judged:
    """The same in a process of its own: a hostile file may take all of its time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model"
        file.write_bytes(content)
        command: list[str | Path] = [sys.executable, "-m", __name__, file, format_name]
        try:
            return Judged.model_validate_json(run_tool(command, timeout=JUDGE_SECONDS))
        except (ToolError, ValidationError) as error:
            refusal = f"it could not be looked at: {str(error)[-500:]}"
            return digest_of(content).model_copy(update={"refusal": refusal, "is_final": False})


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
    PICKLE: lambda content: {"scans": scan_pickle(content)},
}


def main() -> None:
    """Arguments: a file and its format. Prints what is known of it."""
    resource.setrlimit(resource.RLIMIT_AS, (JUDGE_BYTES, JUDGE_BYTES))
    # Where several files together take all of the machine's memory, a judge goes first.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    print(judge(Path(sys.argv[1]).read_bytes(), sys.argv[2]).model_dump_json())


if __name__ == "__main__":
    main()
