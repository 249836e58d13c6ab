"""Model files, judged by their bytes: nothing of one is loaded or run here.

What is served is ONNX, which is data. Every other format is refused by name, and what could run
code when it is loaded (a pickle, also within archives) is called so.
"""

import bz2
import gzip
import io
import lzma
import pickletools
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import uses_external_data

# Domains whose operators ONNX Runtime itself has; another's come from a library, which is code.
BUILT_IN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
# How deep archives are opened and how much comes out of them: beyond, nobody's model is.
DEPTH = 4
UNPACKED_BYTES = 64 * 1024 * 1024
# What readers of archives raise for damaged, cut off and encrypted bytes, each its own: gzip and
# bzip2 OSError, a zip with a password RuntimeError. What cannot be read is refused.
UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)
# What a pickle can begin with: an instruction that takes nothing from the empty stack. One
# that asks for a persistent id ends plain unpickling; `PK` of a zip archive would read as one.
STARTS = frozenset(
    instruction.code.encode("latin-1")
    for instruction in pickletools.opcodes
    if not instruction.stack_before and instruction.name != "PERSID"
)
SAFE = "export the model to ONNX, with torch.onnx.export or skl2onnx"
_NAMED = (
    (b"PK", "a zip archive, as PyTorch, skops and Keras write them"),
    (b"\x89HDF\r\n", "an HDF5 file, as Keras writes them"),
    (b"ustar", "a tar archive"),
    (b"\x93NUMPY", "a NumPy array"),
)


def refusal_of(content: bytes) -> str:
    """Why bytes may not be served as an ONNX model; empty where nothing is against them."""
    if where := _pickle_in(content):
        return f"it is {where}, which runs code when it is loaded: {SAFE}"
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return f"it is {_name_of(content)}, not an ONNX model: {SAFE}"
    if not model.ir_version or not model.graph.node:
        return f"it is {_name_of(content)}, not an ONNX model: {SAFE}"
    return _refusal_of_onnx(model)


def _refusal_of_onnx(model: ModelProto) -> str:
    known = {*BUILT_IN_DOMAINS, *(function.domain for function in model.functions)}
    for message in _messages(model):
        if isinstance(message, TensorProto) and uses_external_data(message):
            return (
                f"tensor {message.name[:100]!r} lies in another file, which no digest covers:"
                " export the model into one file"
            )
        if isinstance(message, NodeProto) and message.domain not in known:
            return (
                f"operator {message.op_type[:100]!r} of domain {message.domain[:100]!r} needs a"
                " library of its own, which is code: use operators of ONNX"
            )
    return ""


def _messages(model: Message) -> Iterator[Message]:
    """A message and all within it; a list, not recursion, for its author decides how deep."""
    waiting = [model]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [value] if isinstance(value, Message) else list(value)


def _name_of(content: bytes) -> str:
    for magic, name in _NAMED:
        if content.startswith(magic) or (magic == b"ustar" and content[257:262] == magic):
            return name
    # https://huggingface.co/docs/safetensors: eight bytes of length, then JSON.
    return "a safetensors file" if content[8:9] == b"{" else "something else"


def _pickle_in(content: bytes, depth: int = 0) -> str:
    """What kind of pickle bytes are, or hold; empty where they are and hold none."""
    if _is_pickle(content):
        return "a pickle"
    if depth == DEPTH:
        return ""
    for name, inner in _members(content):
        if inner is None:
            return f"an archive that cannot be looked through ({name[:100]})"
        if found := _pickle_in(inner, depth + 1):
            return f"an archive with {found} ({name[:100]})" if depth == 0 else found
    return ""


def _is_pickle(content: bytes) -> bool:
    """Whether bytes are a program for the pickle machine that names something to call."""
    if content[:1] not in STARTS:
        return False
    calls = False
    try:
        for opcode, _, _ in pickletools.genops(content):
            calls = calls or opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST", "REDUCE", "OBJ")
    except ValueError:
        # Cut off, or followed by something else: what came before would have run.
        return calls
    return calls or content[:1] == b"\x80"


def _members(content: bytes) -> Iterator[tuple[str, bytes | None]]:
    """What an archive holds; None for what is too large or cannot be read."""
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist():
                    yield entry.filename, _read(archive.open(entry))
        elif content[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    yield member.name, _read(file) if file else b""
        elif stream := _decompressed(content):
            yield "compressed", _read(stream)
    except UNREADABLE:
        yield "damaged or encrypted", None


def _decompressed(content: bytes) -> IO[bytes] | None:
    """What compressed bytes hold, by the magic numbers that joblib knows."""
    source = io.BytesIO(content)
    if content.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=source))
    if content.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(source))
    if content.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return cast(IO[bytes], lzma.LZMAFile(source))
    if content.startswith((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return io.BytesIO(zlib.decompressobj().decompress(content, UNPACKED_BYTES + 1))
    return None


def _read(stream: IO[bytes]) -> bytes | None:
    content = stream.read(UNPACKED_BYTES + 1)
    return content if len(content) <= UNPACKED_BYTES else None
