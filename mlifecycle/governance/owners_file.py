"""Reading a governance owner's YAML file: strict, every mistake with file and line."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mlifecycle.manifest.nodes import NodeError, read_documents

POLICY_PACK = Path(__file__).parents[2] / "policy_pack"
T = TypeVar("T")


class OwnersFileError(Exception):
    """A file of the policy pack cannot be used; nothing may be judged without it."""


def read_owners_file(file: Path, shape: Any) -> Any:
    """The file's one document as `shape`.

    Args:
        shape: a type that pydantic can validate.

    Raises:
        OwnersFileError: it is not there, not YAML, not one document, or not of that shape.
    """
    try:
        if not file.is_file():
            raise OwnersFileError(f"{file}:1: cannot be read: it is no file")
        documents = read_documents(file.read_text(encoding="utf-8"))
    except NodeError as error:
        raise OwnersFileError(f"{file}:{error.position.line}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise OwnersFileError(f"{file}:1: cannot be read: {error}") from error
    if len(documents) != 1:
        raise OwnersFileError(f"{file}:1: holds {len(documents)} documents, not one")
    (document,) = documents
    try:
        return TypeAdapter(shape).validate_python(document.value)
    except ValidationError as error:
        lines = [
            f"{file}:{document.position(item['loc']).line}: "
            f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise OwnersFileError("\n".join(lines)) from error
