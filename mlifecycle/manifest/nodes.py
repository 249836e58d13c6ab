"""From YAML text to plain values that remember their lines, refusing what YAML makes ambiguous."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs hide it
from yaml.resolver import Resolver

MAXIMUM_DEPTH = 30
# A path into a document, such as ("spec", "dependencies", 0).
Path = tuple[str | int, ...]
_CONSTRUCTOR = SafeConstructor()
PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "null", "timestamp")}


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
        return [_document(node) for node in _compose(text)]
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
    match node.tag:
        case "tag:yaml.org,2002:float":
            return _decimal(node)
        case "tag:yaml.org,2002:int":
            try:
                return _CONSTRUCTOR.construct_yaml_int(node)
            except ValueError as error:
                raise NodeError("not a number that can be read", _position(node)) from error
        case tag if tag in PLAIN_TAGS:
            try:
                return _CONSTRUCTOR.construct_object(node)
            except ValueError as error:
                raise NodeError(f"{node.value!r}: {error}", _position(node)) from error
    raise NodeError(f"tag {node.tag} is not allowed", _position(node))


def _decimal(node: yaml.ScalarNode) -> Decimal:
    text = node.value.replace("_", "").lower()
    try:
        return Decimal({".inf": "inf", "-.inf": "-inf", ".nan": "nan"}.get(text, text))
    except InvalidOperation as error:
        raise NodeError(f"{node.value!r} is not a decimal number", _position(node)) from error


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
