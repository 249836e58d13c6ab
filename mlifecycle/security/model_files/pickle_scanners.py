"""One scanner over one pickle, as a program: `pickle_scanners picklescan|fickling FILE`.

Prints JSON: the scanner's version, how many instructions or names it saw, and what is not known to
be harmless. Neither scanner's own verdict decides: each knows what is dangerous, and not what a
model needs.
"""

import io
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fickling.analysis
from fickling.fickle import Pickled
from picklescan.scanner import SafetyLevel, scan_pickle_bytes

from mlifecycle.security.model_files.known_types import pickle_globals

Finding = dict[str, Any]
# What fickling says of every pickle with a class that is not Python's own: the names decide.
_OF_NAMES = (
    *("NonStandardImports", "UnsafeImports", "UnsafeImportsML", "OvertlyBadEval"),
    "UnusedVariables",
)


def main() -> None:
    """Arguments: the scanner and the file."""
    scanner, file = sys.argv[1], Path(sys.argv[2])
    scan = {"picklescan": _picklescan, "fickling": _fickling}[scanner]
    try:
        inspected, found = scan(file.read_bytes())
        findings = list(found)
    except Exception as error:  # each scanner has its own for what it cannot read
        sys.exit(f"{scanner} cannot read the pickle ({error!r}): is it one, of protocol 4?")
    document = {"version": version(scanner), "inspected": inspected, "findings": findings}
    print(json.dumps(document))


def _picklescan(content: bytes) -> tuple[int, Iterator[Finding]]:
    result = scan_pickle_bytes(io.BytesIO(content), "model.pkl")

    def found() -> Iterator[Finding]:
        if result.scan_err:
            yield _finding("unreadable", "the pickle cannot be read to its end")
        for item in result.globals:
            name = f"{item.module}.{item.name}"
            if item.safety is SafetyLevel.Dangerous or name not in pickle_globals():
                yield _finding("global", f"it calls {name}")

    return len(result.globals), found()


def _fickling(content: bytes) -> tuple[int, Iterator[Finding]]:
    pickled = Pickled.load(io.BytesIO(content))
    results = fickling.analysis.check_safety(pickled).results

    def found() -> Iterator[Finding]:
        for node in pickled.properties.imports:
            for alias in node.names:
                name = f"{getattr(node, 'module', '')}.{alias.name}"
                if name not in pickle_globals():
                    yield _finding("import", f"it imports {name}")
        for item in results:
            if item.analysis_name not in _OF_NAMES:
                yield _finding(str(item.analysis_name), str(item.message))
        if content[len(pickled.dumps()) :]:
            yield _finding("trailing", "bytes follow the pickle")

    return len(pickled), found()


def _finding(rule: str, message: str) -> Finding:
    return {"rule": rule, "position": 0, "message": message}


if __name__ == "__main__":
    main()
