"""Write small ONNX files by hand, the hostile ones too, without the onnx package.

Field numbers are those of onnx.proto.
"""

import struct


def number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def block(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def tensor(name: str, values: list[float]) -> bytes:
    """TensorProto: float32 [len(values)], data inside."""
    raw = struct.pack(f"<{len(values)}f", *values)
    return number(1, len(values)) + number(2, 1) + block(8, name) + block(9, raw)


def integer_tensor(name: str, values: list[int]) -> bytes:
    """TensorProto: int64 [len(values)], data inside."""
    raw = struct.pack(f"<{len(values)}q", *values)
    return number(1, len(values)) + number(2, 7) + block(8, name) + block(9, raw)


def external_tensor(name: str, length: int, location: str) -> bytes:
    """TensorProto: float32 [length], data in the file `location`."""
    entries = block(13, block(1, "location") + block(2, location))
    entries += block(13, block(1, "length") + block(2, str(4 * length)))
    return number(1, length) + number(2, 1) + block(8, name) + entries + number(14, 1)


def value_info(name: str, dimensions: list[int | str], element_type: int = 1) -> bytes:
    """ValueInfoProto of a tensor: float32 unless told otherwise; a text dimension is free."""
    shape = b"".join(
        block(1, block(2, size) if isinstance(size, str) else number(1, size))
        for size in dimensions
    )
    return block(1, name) + block(2, block(1, number(1, element_type) + block(2, shape)))


def node(
    operator: str,
    inputs: list[str],
    outputs: list[str],
    attributes: list[bytes] | None = None,
    domain: str = "",
) -> bytes:
    """NodeProto; each attribute is an AttributeProto."""
    content = b"".join(block(1, name) for name in inputs)
    content += b"".join(block(2, name) for name in outputs)
    content += block(4, operator)
    content += b"".join(block(5, attribute) for attribute in attributes or [])
    return content + (block(7, domain) if domain else b"")


def tensor_attribute(name: str, value: bytes) -> bytes:
    """AttributeProto that holds one tensor."""
    return block(1, name) + block(5, value) + number(20, 4)


def integer_attribute(name: str, value: int) -> bytes:
    """AttributeProto that holds one integer."""
    return block(1, name) + number(3, value) + number(20, 2)


def graph_attribute(name: str, value: bytes) -> bytes:
    """AttributeProto that holds one graph."""
    return block(1, name) + block(6, value) + number(20, 5)


def graph(
    nodes: list[bytes],
    inputs: list[bytes],
    outputs: list[bytes],
    initializers: list[bytes] | None = None,
) -> bytes:
    """GraphProto."""
    content = b"".join(block(1, part) for part in nodes) + block(2, "g")
    content += b"".join(block(5, part) for part in initializers or [])
    content += b"".join(block(11, part) for part in inputs)
    return content + b"".join(block(12, part) for part in outputs)


def model(content: bytes, domains: tuple[str, ...] = ()) -> bytes:
    """ModelProto of a GraphProto: IR version 8, opset 17, and version 1 of other domains."""
    imports = block(8, block(1, "") + number(2, 17))
    imports += b"".join(block(8, block(1, domain) + number(2, 1)) for domain in domains)
    return number(1, 8) + imports + block(7, content)


def failing_model() -> bytes:
    """ModelProto that loads and then fails on every input: it gathers a column that is not there.

    The column's number is computed, so that no check before the first run can see it.
    """
    nodes = [
        node("Shape", ["x"], ["size"]),
        node("Mul", ["size", "size"], ["far"]),
        node("Gather", ["x", "far"], ["y"], [integer_attribute("axis", 1)]),
    ]
    return model(graph(nodes, [value_info("x", ["N", 10])], [value_info("y", ["N", "M"])]))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
