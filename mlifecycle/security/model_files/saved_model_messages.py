"""The messages of a SavedModel that its judge reads; field numbers are TensorFlow's.

TensorFlow's own package would be ten times the size of this program. Unknown fields are kept and
not looked at. https://github.com/tensorflow/tensorflow/tree/v2.21.0/tensorflow/core
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "mlifecycle.tensorflow"
# Message -> field -> (number, type, whether there are many). A type in lower case is a scalar; one
# that begins with "map:" maps texts to it.
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "SavedModel": {"meta_graphs": (2, "MetaGraph", True)},
    "MetaGraph": {
        "graph_def": (2, "Graph", False),
        "saver_def": (3, "Saver", False),
        "object_graph_def": (7, "ObjectGraph", False),
    },
    "Graph": {"node": (1, "Node", True), "library": (2, "Library", False)},
    "Node": {
        "name": (1, "string", False),
        "op": (2, "string", False),
        "input": (3, "string", True),
        "attr": (5, "map:Attribute", True),
    },
    "Attribute": {"list": (1, "AttributeList", False), "func": (10, "NamedFunction", False)},
    "AttributeList": {"func": (9, "NamedFunction", True)},
    "NamedFunction": {"name": (1, "string", False), "attr": (2, "map:Attribute", True)},
    "Library": {"function": (1, "Function", True)},
    "Function": {"signature": (1, "Signature", False), "node_def": (3, "Node", True)},
    "Signature": {"name": (1, "string", False)},
    "Saver": {
        "filename_tensor_name": (1, "string", False),
        "save_tensor_name": (2, "string", False),
        "restore_op_name": (3, "string", False),
    },
    "ObjectGraph": {"concrete_functions": (2, "map:ConcreteFunction", True)},
    "ConcreteFunction": {},
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="mlifecycle/saved_model.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, many) in fields.items():
            is_map = kind.startswith("map:")
            found = _add_map(message, field, kind.removeprefix("map:")) if is_map else kind
            _add_field(message, field, number, found, many)
    return file


def _add_map(message: descriptor_pb2.DescriptorProto, field: str, kind: str) -> str:
    """What protoc makes of a map: a message of its own for each entry."""
    name = f"{field.title().replace('_', '')}Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    _add_field(entry, "key", 1, "string", False)
    _add_field(entry, "value", 2, kind, False)
    return f"{message.name}.{name}"


def _add_field(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, many: bool
) -> None:
    field = message.field.add(name=name, number=number)
    field.label = _Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL
    if kind == "string":
        field.type = _Field.TYPE_STRING
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"


def _saved_model() -> type:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.SavedModel")
    return message_factory.GetMessageClass(found)


SavedModel = _saved_model()
