"""`make generate`: writes the documents that are derived from the code."""

import json
from pathlib import Path

from mlifecycle.governance.governance import load_governance
from mlifecycle.manifest.json_schema import manifest_json_schema
from mlifecycle.report.rule_book import rule_book

ROOT = Path(__file__).parents[1]


def documents() -> dict[Path, str]:
    """Each derived file and what it should hold."""
    return {
        ROOT / "schemas" / "model-deployment.schema.json": json.dumps(
            manifest_json_schema(), indent=2
        )
        + "\n",
        ROOT / "docs" / "governance.md": rule_book(load_governance()),
    }


if __name__ == "__main__":
    for file, content in documents().items():
        file.write_text(content)
        print(f"wrote {file.relative_to(ROOT)}")
