"""From YAML text to plain values that remember their lines, refusing what YAML makes ambiguous."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs hide it
from yaml.resolver import Resolver

MAXIMUM_DEPTH = 30
MAXIMUM_DOCUMENTS = 1000
# A path into a document, such as ("spec", "dependencies", 0).
Path = tuple[str | int, ...]
_CONSTRUCTOR = SafeConstructor()
MAXIMUM_DIGITS = 100
CORE = "tag:yaml.org,2002:"
PLAIN_KINDS = ("str", "bool", "null", "timestamp")
DECIMAL = re.compile(
    r"[+-]?(0|[1-9][0-9]*|(0|[1-9][0-9]*)?\.[0-9]+|(0|[1-9][0-9]*)\.)(e[+-]?[0-9]+)?"
)
NOT_FINITE = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
# How the engine marks unknown values, secrets and assets among a resource's inputs.
RESERVED = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    "4dabf18193072939515e22adb298388d",
    "1b47061264138c4ac30d75fd1eb44270",
}


@dataclass(frozen=True)
class Position:
    """Line and column in a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """One YAML document as plain values, and where each began."""

    value: Any
    positions: dict[Path, Position]

    def position(self, path: Path) -> Position:
        """Where the value at `path` is, or the nearest one above it."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]


class NodeError(Exception):
    """YAML that is refused, and where."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.position = position


def read_documents(text: str) -> list[Document]:
    """All documents of a file; numbers become Decimal or int, exactly as written.

    Raises:
        NodeError: syntax, duplicate key, alias, tag, or nesting deeper than `MAXIMUM_DEPTH`.
    """
    try:
        nodes = list(islice(_compose(text), MAXIMUM_DOCUMENTS + 1))
        if len(nodes) > MAXIMUM_DOCUMENTS:
            words = f"the file has more than {MAXIMUM_DOCUMENTS} documents"
            raise NodeError(words, _position(nodes[-1]))
        return [_document(node) for node in nodes]
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode(errors="replace").split("\n")
        words = f"unacceptable character {error.character!r}"
        raise NodeError(words, Position(len(before), len(before[-1]) + 1)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise NodeError(error.problem or "not YAML", Position(line, column)) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise NodeError(str(error).splitlines()[0], Position(1, 1)) from error


def _compose(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield node
    finally:
        loader.dispose()


class _Loader(Composer, CParser, Resolver):
    """libyaml's events, composed here: an alias or deep nesting is refused while it is read."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)
        self.depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise self._refusal("aliases are not allowed")
        if getattr(self.peek_event(), "tag", None) is not None:
            raise self._refusal("tags are not allowed")
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise self._refusal(f"nested deeper than {MAXIMUM_DEPTH}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refusal(self, problem: str) -> yaml.YAMLError:
        mark: Any = getattr(self.peek_event(), "start_mark", None)
        return yaml.composer.ComposerError(None, None, problem, mark)


def _document(node: yaml.Node) -> Document:
    positions: dict[Path, Position] = {}
    return Document(_value(node, (), positions), positions)


def _value(node: yaml.Node, path: Path, positions: dict[Path, Position]) -> Any:
    positions[path] = _position(node)
    match node:
        case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
            return _mapping(node, path, positions)
        case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
            items = enumerate(node.value)
            return tuple(_value(item, (*path, index), positions) for index, item in items)
        case yaml.ScalarNode():
            return _scalar(node)
    raise NodeError(f"tag {node.tag} is not allowed", _position(node))


def _mapping(node: yaml.MappingNode, path: Path, positions: dict[Path, Position]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag != "tag:yaml.org,2002:str":
            raise NodeError("a key must be plain text", _position(key_node))
        key = key_node.value
        if key in result:
            raise NodeError(f"duplicate key {key!r}", _position(key_node))
        result[key] = _value(value_node, (*path, key), positions)
        # An error about a field is best shown at its key.
        positions[(*path, key)] = _position(key_node)
    return result


def _scalar(node: yaml.ScalarNode) -> Any:
    if node.value in RESERVED:
        raise NodeError("a text that the engine keeps for itself", _position(node))
    kind = node.tag.removeprefix(CORE)
    # YAML 1.1 takes 5e-2 for text; YAML 1.2, JSON and their editors for a number.
    exponent = kind == "str" and not node.style and DECIMAL.fullmatch(node.value.lower())
    if kind in ("int", "float") or exponent:
        return _number(node)
    if kind in PLAIN_KINDS:
        try:
            return _CONSTRUCTOR.construct_object(node)
        except ValueError as error:
            raise NodeError(f"{node.value!r}: {error}", _position(node)) from error
    raise NodeError(f"tag {node.tag} is not allowed", _position(node))


def _number(node: yaml.ScalarNode) -> Decimal | int:
    """Exactly as written; what YAML 1.1 would read as octal, hexadecimal or base 60 is refused."""
    text = node.value.lower()
    if text in NOT_FINITE:
        return Decimal(NOT_FINITE[text])
    if len(text) > MAXIMUM_DIGITS:
        raise NodeError(f"a number longer than {MAXIMUM_DIGITS} characters", _position(node))
    if not DECIMAL.fullmatch(text):
        raise NodeError(f"{node.value!r}: write the number in decimal", _position(node))
    if text.lstrip("+-").isdigit():
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("inf")
    if not number.is_finite() or abs(number.adjusted()) > MAXIMUM_DIGITS:
        words = (
            f"{node.value!r}: a number beyond 1e{MAXIMUM_DIGITS}, or nearer to 0 than its inverse"
        )
        raise NodeError(words, _position(node))
    return number


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
