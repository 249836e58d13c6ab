"""Find weights that an ONNX file keeps outside itself.

A model that is loaded from bytes may still name files, which ONNX Runtime then looks up in the
working directory. Only files of the release may be named, whose digests are known. The check reads
the file's Protocol Buffers itself: it needs seven message types and no copy of the weights, where
the onnx package would add a dependency and parse everything twice.
"""

from collections.abc import Iterator

# What can lead to a tensor: message type -> field number -> type of the message in that field.
# Numbers are those of onnx.proto (IR version 13).
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def find_external_files(model: bytes) -> list[str]:
    """The names of the files in which tensors' data lie, as the model writes them, sorted.

    Raises ValueError when `model` is not well-formed Protocol Buffers, or a tensor lies outside of
    it in no file.
    """
    found: set[str] = set()
    # A list, not recursion: how deep a file nests graphs is its author's choice.
    open_messages = [("model", memoryview(model))]
    while open_messages:
        kind, message = open_messages.pop()
        if kind == "tensor":
            found |= _locations(message)
            continue
        for number, value in _fields(message):
            part = _PARTS[kind].get(number)
            if part is not None and isinstance(value, memoryview):
                open_messages.append((part, value))
    return sorted(found)


def _locations(tensor: memoryview) -> set[str]:
    named, external = set(), False
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL_DATA and isinstance(value, memoryview):
            external = True
            entry = {key: part for key, part in _fields(value) if isinstance(part, memoryview)}
            if bytes(entry.get(_ENTRY_KEY, b"")) == b"location":
                named.add(bytes(entry.get(_ENTRY_VALUE, b"")).decode(errors="replace"))
        elif number == _TENSOR_DATA_LOCATION and value != 0:
            external = True
    if external and not named:
        raise ValueError("a tensor lies in another file, which is not named")
    return named


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value (an int, or the bytes of a string or message), in file order."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = _varint(message, position)
        elif wire_type in (_FIXED_64, _FIXED_32):
            length = 8 if wire_type == _FIXED_64 else 4
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if length > end - position:
            raise ValueError("a field runs past the end of its message")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The integer of at most ten bytes at `position`, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("the file ends inside a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number has more than ten bytes")
