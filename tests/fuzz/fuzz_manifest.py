"""Coverage-guided fuzzing of all that `validate` does with a file: run by test_manifest_atheris.py.

Anything raised is a crash; an input that takes longer than `-timeout` seconds is one too.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mlifecycle", "yaml", "packaging"]):
    from mlifecycle.governance.context import Context
    from mlifecycle.governance.evaluation import evaluate
    from mlifecycle.governance.governance import load_governance
    from mlifecycle.manifest.loading import read_paths
    from mlifecycle.report.markdown import as_markdown
    from mlifecycle.report.sarif import as_sarif
    from mlifecycle.report.validation import Judged, Validation, as_json, as_text

FILE = Path(tempfile.mkdtemp()) / "m.yaml"
CONTEXT = Context(date=date(2026, 1, 1))
GOVERNANCE = load_governance()


def validate(content: bytes) -> None:
    """One input, through reader, schema, rules and every report."""
    FILE.write_bytes(content)
    loading = read_paths([FILE])
    judged = tuple(
        Judged(
            item.file,
            1,
            item.manifest.spec.model.name,
            item.manifest.spec.model.version,
            evaluate(item.manifest, "production", GOVERNANCE, CONTEXT, item.lines()),
        )
        for item in loading.loaded
    )
    validation = Validation("prod", CONTEXT.date, judged, tuple(loading.problems))
    for report in (as_text, as_json, as_markdown, as_sarif):
        report(validation)


atheris.Setup(sys.argv, validate)
atheris.Fuzz()
