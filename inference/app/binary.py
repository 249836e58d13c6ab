"""Tensors as bytes: the binary data extension of the Open Inference Protocol.

Numbers are little-endian, in row-major order; each element of BYTES follows its length, in four
bytes. https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
import struct

import numpy as np

from app.errors import RequestError
from app.tensors import Array, TensorSpec

_LENGTH = struct.Struct("<I")
HEADER = b"inference-header-content-length"


def split_body(body: bytes, length: bytes) -> tuple[bytes, memoryview]:
    """The JSON and the bytes behind it, by the header that says how long the JSON is.

    Raises RequestError where it says nothing that can be.
    """
    if not length.isdigit() or len(length) > 10 or int(length) > len(body):
        raise RequestError(
            f"Inference-Header-Content-Length must be a number of bytes, of the body's {len(body)}"
        )
    return body[: int(length)], memoryview(body)[int(length) :]


def tensor_of_bytes(
    content: memoryview, shape: tuple[int, ...], spec: TensorSpec, label: str
) -> Array:
    """A tensor of that shape. Raises RequestError where the bytes are more, or fewer."""
    count = math.prod(shape)
    if spec.datatype == "BYTES":
        return np.array(_texts(content, count, label), np.object_).reshape(shape)
    wanted = count * spec.dtype.itemsize
    if len(content) != wanted:
        raise RequestError(
            f"{label} has {len(content)} bytes; its shape {list(shape)} needs {wanted}"
        )
    if spec.datatype == "BOOL" and not set(content.tobytes()) <= {0, 1}:
        raise RequestError(f"{label} has a byte that is neither 0 nor 1")
    tensor: Array = np.frombuffer(content, spec.dtype.newbyteorder("<"))
    return tensor.astype(spec.dtype, copy=False).reshape(shape)


def bytes_of_tensor(tensor: Array) -> bytes:
    """The other way round."""
    if tensor.dtype.kind not in "OUS":
        return tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes()
    parts = []
    for value in tensor.ravel():
        text = value if isinstance(value, bytes) else str(value).encode()
        parts += [_LENGTH.pack(len(text)), text]
    return b"".join(parts)


def _texts(content: memoryview, count: int, label: str) -> list[str]:
    found: list[str] = []
    position = 0
    while len(found) < count:
        start = position + _LENGTH.size
        if start > len(content):
            break
        end = start + _LENGTH.unpack_from(content, position)[0]
        if end > len(content):
            break
        try:
            found.append(str(content[start:end], "utf-8"))
        except UnicodeDecodeError as error:
            raise RequestError(f"{label}: element {len(found)} is no text in UTF-8") from error
        position = end
    if len(found) < count or position != len(content):
        raise RequestError(f"{label} does not hold {count} elements with their lengths")
    return found
