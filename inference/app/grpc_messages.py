"""The messages of the Open Inference Protocol over gRPC, by name, number and type of their fields.

They are told to protobuf as data, and not as code that its compiler wrote: that code is tied to one
major version of protobuf, and the runtimes of the models bring different ones.
https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.proto
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_TENSOR = {"name": (1, "string"), "datatype": (2, "string"), "shape": (3, "int64*")}
_FILLED = {**_TENSOR, "parameters": (4, "InferParameter{}"), "contents": (5, "InferTensorContents")}
# `*`: any number of them. `{}`: a map from text. A field whose type starts with `=` is one of a
# choice, of which one is there.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, "bool")},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, "bool")},
    "ModelReadyRequest": {"name": (1, "string"), "version": (2, "string")},
    "ModelReadyResponse": {"ready": (1, "bool")},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {
        "name": (1, "string"),
        "version": (2, "string"),
        "extensions": (3, "string*"),
    },
    "ModelMetadataRequest": {"name": (1, "string"), "version": (2, "string")},
    "ModelMetadataResponse.TensorMetadata": _TENSOR,
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "versions": (2, "string*"),
        "platform": (3, "string"),
        "inputs": (4, "ModelMetadataResponse.TensorMetadata*"),
        "outputs": (5, "ModelMetadataResponse.TensorMetadata*"),
        "properties": (6, "string{}"),
    },
    "InferParameter": {
        "bool_param": (1, "=bool"),
        "int64_param": (2, "=int64"),
        "string_param": (3, "=string"),
        "double_param": (4, "=double"),
        "uint64_param": (5, "=uint64"),
    },
    "InferTensorContents": {
        "bool_contents": (1, "bool*"),
        "int_contents": (2, "int32*"),
        "int64_contents": (3, "int64*"),
        "uint_contents": (4, "uint32*"),
        "uint64_contents": (5, "uint64*"),
        "fp32_contents": (6, "float*"),
        "fp64_contents": (7, "double*"),
        "bytes_contents": (8, "bytes*"),
    },
    "ModelInferRequest.InferInputTensor": _FILLED,
    "ModelInferRequest.InferRequestedOutputTensor": {
        "name": (1, "string"),
        "parameters": (2, "InferParameter{}"),
    },
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "InferParameter{}"),
        "inputs": (5, "ModelInferRequest.InferInputTensor*"),
        "outputs": (6, "ModelInferRequest.InferRequestedOutputTensor*"),
        "raw_input_contents": (7, "bytes*"),
    },
    "ModelInferResponse.InferOutputTensor": _FILLED,
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "id": (3, "string"),
        "parameters": (4, "InferParameter{}"),
        "outputs": (5, "ModelInferResponse.InferOutputTensor*"),
        "raw_output_contents": (6, "bytes*"),
    },
}

_Field = descriptor_pb2.FieldDescriptorProto
_Message = descriptor_pb2.DescriptorProto


def _message(name: str, fields: dict[str, tuple[int, str]]) -> _Message:
    """A message; `name` is whole, with those that it stands in."""
    made = _Message(name=name.rpartition(".")[2])
    for field, (number, kind) in fields.items():
        item = made.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
        if kind.startswith("="):
            if not made.oneof_decl:
                made.oneof_decl.add(name="choice")
            item.oneof_index = 0
        if kind[-1] in "*}":
            item.label = _Field.LABEL_REPEATED
        if kind.endswith("{}"):
            made.nested_type.append(_entry(field, kind[:-2]))
            _set_type(item, f"{name}.{made.nested_type[-1].name}")
        else:
            _set_type(item, kind.strip("=*"))
    return made


def _entry(field: str, kind: str) -> _Message:
    """A map is messages of key and value (https://protobuf.dev/programming-guides/proto3/#maps)."""
    name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    made = _message(name, {"key": (1, "string"), "value": (2, kind)})
    made.options.map_entry = True
    return made


def _set_type(field: _Field, kind: str) -> None:
    if kind.islower() or kind[:-2].islower():
        field.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"


def _file() -> descriptor_pb2.FileDescriptorProto:
    made = descriptor_pb2.FileDescriptorProto(
        name="open_inference_grpc.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        if "." not in name:
            outer = made.message_type.add()
            outer.CopyFrom(_message(name, fields))
            inside = [key for key in _MESSAGES if key.startswith(f"{name}.")]
            outer.nested_type.extend(_message(key, _MESSAGES[key]) for key in inside)
    return made


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def message(name: str) -> Any:
    """The class of a message of the protocol."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
