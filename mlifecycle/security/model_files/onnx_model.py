"""ONNX: data, as long as no tensor lies in an unknown file and no operator in a library."""

from collections.abc import Iterator

from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import uses_external_data

from mlifecycle.security.model_files.archives import UnsafeError, pickle_in

# Domains whose operators ONNX Runtime itself has; another's come from a library, which is code.
BUILT_IN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
SAFE = "export the model to ONNX, with torch.onnx.export or skl2onnx"
_NAMED = (
    (b"PK", "a zip archive, as PyTorch, skops and Keras write them"),
    (b"\x89HDF\r\n", "an HDF5 file, as Keras writes them"),
    (b"ustar", "a tar archive"),
    (b"\x93NUMPY", "a NumPy array"),
)


def require_onnx(content: bytes) -> tuple[str, ...]:
    """The files beside the model in which it keeps tensors.

    Raises:
        UnsafeError: it may not be served.
    """
    if where := pickle_in(content):
        raise UnsafeError(f"it is {where}, which runs code when it is loaded: {SAFE}")
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise UnsafeError(f"it is {_name_of(content)}, not an ONNX model: {SAFE}") from error
    if not model.ir_version or not model.graph.node:
        raise UnsafeError(f"it is {_name_of(content)}, not an ONNX model: {SAFE}")
    return tuple(sorted(_siblings(model)))


def _siblings(model: ModelProto) -> set[str]:
    known = {*BUILT_IN_DOMAINS, *(function.domain for function in model.functions)}
    named = set()
    for message in _messages(model):
        if isinstance(message, TensorProto) and uses_external_data(message):
            named |= _locations(message)
        if isinstance(message, NodeProto) and message.domain not in known:
            raise UnsafeError(
                f"operator {message.op_type[:100]!r} of domain {message.domain[:100]!r} needs a"
                " library of its own, which is code: use operators of ONNX"
            )
    return named


def _locations(tensor: TensorProto) -> set[str]:
    named = {entry.value for entry in tensor.external_data if entry.key == "location"}
    if not named or any("/" in name or "\\" in name or name in ("", "..") for name in named):
        raise UnsafeError(
            f"tensor {tensor.name[:100]!r} lies in {', '.join(sorted(named))[:100]!r}, which is no"
            " file beside the model: export the model with its data in the same folder"
        )
    return named


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
