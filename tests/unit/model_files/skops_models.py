"""Models as skops files, and changes of what a file says."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import skops.io

from tests.unit.model_files.payloads import rezipped

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(80, 4))
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)


def dumped(model: Any) -> bytes:
    rows = ROWS.copy()
    rows[:, 3] = rows[:, 3].round().clip(0, 3)
    content: bytes = skops.io.dumps(model.fit(rows, LABELS))
    return content


def with_schema(content: bytes, change: Callable[[Any], None]) -> bytes:
    schema = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("schema.json"))
    change(schema)
    return rezipped(content, {"schema.json": json.dumps(schema).encode()})


def parts_of(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all within it."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
