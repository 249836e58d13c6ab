"""SavedModel: what computes passes; a file, a network or Python in whatever place is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.security.model_files.judgement import judge
from mlifecycle.security.model_files.saved_model_messages import SavedModel
from tests.unit.model_files.payloads import refusal_of

DATA = Path(__file__).parent / "data"
CONTENT = (DATA / "saved_model" / "saved_model.pb").read_bytes()


def test_a_model_that_computes_may_be_served_with_its_folder() -> None:
    judged = judge(CONTENT, "saved_model")
    assert (judged.refusal, judged.is_folder) == ("", True)


def test_an_operator_for_files_is_found_in_a_branch_of_a_function() -> None:
    content = (DATA / "writing_model" / "saved_model.pb").read_bytes()
    assert "operator 'WriteFile' can do more than compute" in refusal_of(content, "saved_model")


def changed(change: Callable[[Any], None]) -> bytes:
    model: Any = SavedModel()
    model.ParseFromString(CONTENT)
    change(model.meta_graphs[0])
    written: bytes = model.SerializeToString()
    return written


def in_graph(operator: str) -> Callable[[Any], None]:
    return lambda graph: graph.graph_def.node.add(name="more", op=operator)


def serving(graph: Any) -> Any:
    (found,) = [
        function
        for function in graph.graph_def.library.function
        if "serve" in function.signature.name and "wrapper" not in function.signature.name
    ]
    return found


def in_function(operator: str) -> Callable[[Any], None]:
    return lambda graph: serving(graph).node_def.add(name="more", op=operator)


def unreached(graph: Any) -> None:
    function = graph.graph_def.library.function.add()
    function.signature.name = "nobody_calls_it"
    function.node_def.add(name="more", op="ReadFile")


def saving_when_asked(graph: Any) -> None:
    """The saver's own function, called by what serves."""
    saver = graph.graph_def.node.add(name="call", op="StatefulPartitionedCall")
    node = next(n for n in graph.graph_def.node if n.name == graph.saver_def.restore_op_name)
    name = node.attr["f"].func.name
    serving(graph).node_def.add(name="call", op="PartitionedCall").attr["f"].func.name = name
    saver.attr["f"].func.name = serving(graph).signature.name


def saver_function(graph: Any) -> Any:
    node = next(n for n in graph.graph_def.node if n.name == graph.saver_def.restore_op_name)
    (found,) = [
        function
        for function in graph.graph_def.library.function
        if function.signature.name == node.attr["f"].func.name
    ]
    return found


def saving_by_name(graph: Any) -> None:
    """An object that names the saver's function, in a field that is none of ours."""
    name = saver_function(graph).signature.name.encode()
    graph.object_graph_def.MergeFromString(bytes((0x7A, len(name))) + name)


def in_nested_attribute(graph: Any) -> None:
    """A function of a function's attribute, in a list."""
    function = graph.graph_def.library.function.add()
    function.signature.name = "inner"
    function.node_def.add(name="more", op="EagerPyFunc")
    node = serving(graph).node_def.add(name="case", op="Case")
    outer = node.attr["branches"].list.func.add(name=serving(graph).signature.name)
    outer.attr["g"].func.name = "inner"


def named_like_a_function(graph: Any) -> None:
    """An operator that is a function's name is a call."""
    function = graph.graph_def.library.function.add()
    function.signature.name = "MatMul2"
    function.node_def.add(name="more", op="WriteFile")
    serving(graph).node_def.add(name="call", op="MatMul2")


@pytest.mark.parametrize(
    ("change", "operator"),
    [
        *((in_graph(name), name) for name in ("ReadFile", "PyFunc", "LoadDataset", "Abort")),
        *((in_function(name), name) for name in ("WriteFile", "EagerPyFunc", "RpcCall")),
        # A file under another name, a file that is mapped, a table of a file, a printer.
        *(
            (in_function(name), name)
            for name in ("ImmutableConst", "InitializeTableFromTextFileV2")
        ),
        *(
            (in_function(name), name)
            for name in ("RestoreV2", "SaveV2", "PrintV2", "MatchingFiles")
        ),
        (unreached, "ReadFile"),
        (saving_when_asked, "RestoreV2"),
        (saving_by_name, "RestoreV2"),
        (in_nested_attribute, "EagerPyFunc"),
        (named_like_a_function, "WriteFile"),
    ],
)
def test_an_operator_that_does_more_is_refused(
    change: Callable[[Any], None], operator: str
) -> None:
    assert f"operator '{operator}' can do more" in refusal_of(changed(change), "saved_model")


def missing(graph: Any) -> None:
    graph.graph_def.node.add(name="m", op="PartitionedCall").attr["f"].func.name = "absent"


def twice(graph: Any) -> None:
    graph.graph_def.library.function.append(graph.graph_def.library.function[0])


def without_objects(graph: Any) -> None:
    graph.ClearField("object_graph_def")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (missing, "calls 'absent', which it does not hold"),
        (twice, "a name twice"),
        (without_objects, "no SavedModel of TensorFlow 2"),
    ],
)
def test_a_graph_that_cannot_be_followed_is_refused(
    change: Callable[[Any], None], reason: str
) -> None:
    assert reason in refusal_of(changed(change), "saved_model")


def test_a_function_of_the_saver_that_may_stand_for_another_is_refused() -> None:
    def swapped(graph: Any) -> None:
        # An entry of the attributes of a function: a name and what it implements.
        entry = b"\x0a\x0eapi_implements\x12\x06\x12\x04lstm"
        saver_function(graph).MergeFromString(bytes((0x2A, len(entry))) + entry)

    assert "stands for another" in refusal_of(changed(swapped), "saved_model")


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", CONTENT[:-3], CONTENT + CONTENT])
def test_what_is_no_saved_model_of_one_graph_is_refused(content: bytes) -> None:
    assert "it is no SavedModel" in refusal_of(content, "saved_model")
