"""What is derived from the code is as the code says, and the JSON Schema judges as the loader."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from mlifecycle.generate import ROOT, documents
from mlifecycle.manifest.json_schema import manifest_json_schema
from tests.unit.test_examples import ADVISORY, INVALID, named

# What a shape can't say: YAML's own mistakes, and two fields or words compared.
BEYOND = {
    *("alias", "tag", "duplicate-key", "unfinished-list", "two-names", "no-such-day"),
    *("not-a-number", "not-utf-8", "nested-too-deeply", "no-documents", "empty-document"),
    *("two-models-of-one-name",),
}


@pytest.mark.parametrize("file", documents(), ids=lambda file: file.name)
def test_a_derived_document_is_current(file: Path) -> None:
    assert file.read_text() == documents()[file], "run `make generate`"


def valid(file: Path) -> bool:
    # Dates stay text, as an editor has them.
    document = yaml.load(file.read_text(), Loader=yaml.BaseLoader)
    numbers = yaml.safe_load(file.read_text())
    numbers["spec"].get("drift", {})["reference_date"] = "2026-06-01"
    assert document.keys() == numbers.keys()
    return bool(jsonschema.Draft202012Validator(manifest_json_schema()).is_valid(numbers))


@pytest.mark.parametrize(
    "file",
    [file for file in INVALID if named(file) == ["schema"] and file.stem not in BEYOND],
    ids=lambda file: file.stem,
)
def test_an_editor_marks_what_the_loader_refuses(file: Path) -> None:
    assert not valid(file)


@pytest.mark.parametrize(
    "file",
    [file for file in (*INVALID, *ADVISORY) if named(file) != ["schema"]]
    + list((ROOT / "examples" / "valid").glob("*.yaml")),
    ids=lambda file: file.stem,
)
def test_an_editor_accepts_what_the_loader_accepts(file: Path) -> None:
    assert valid(file)


def test_every_field_is_described_for_the_editor() -> None:
    schema = manifest_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert '"type": "null"' not in text
    for name, section in schema["$defs"].items():
        assert section["description"], name
        assert section["additionalProperties"] is False, name
