"""torch.export: a real export passes; each way of running code in one is refused.

None of this can run here, for nothing is loaded. That each of them does run in PyTorch's own reader
is shown by test_full_runtimes.py.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.security.model_files.torch_expressions import is_guard, is_size
from tests.unit.model_files.payloads import Payload, refusal_of, rezipped, zipped

DATA = Path(__file__).parent / "data"
MODEL = (DATA / "model.pt2").read_bytes()
GRAPH, WEIGHTS = "model/models/model.json", "model/data/weights/model_weights_config.json"
INPUTS = "model/data/sample_inputs/model.pt"


def test_an_export_without_its_sample_inputs_may_be_served() -> None:
    assert refusal_of(MODEL, "torch_export") == ""
    assert json.loads(zipfile.ZipFile(io.BytesIO(MODEL)).read(GRAPH))["guards_code"]


def test_an_export_with_its_sample_inputs_is_refused_with_the_line_that_helps() -> None:
    found = refusal_of((DATA / "with_inputs.pt2").read_bytes(), "torch_export")
    assert "is a pickle, which runs code when it is loaded" in found
    assert "set exported_program.example_inputs = None before torch.export.save" in found


def with_json(name: str, change: Callable[[Any], None], content: bytes = MODEL) -> bytes:
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    (own,) = [found for found in names if found.partition("/")[2] == name.partition("/")[2]]
    document = json.loads(zipfile.ZipFile(io.BytesIO(content)).read(own))
    change(document)
    return rezipped(content, {own: json.dumps(document).encode()})


def target(name: object) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph["graph_module"]["graph"]["nodes"][0]["target"] = name

    return change


def size(text: object) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        values = graph["graph_module"]["graph"]["tensor_values"]
        values["x"]["sizes"][0] = {"as_expr": {"expr_str": text, "hint": {"as_int": 2}}}

    return change


def guard(*texts: object) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph["guards_code"] = list(texts)

    return change


def argument(value: dict[str, Any]) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"] = value

    return change


def specification(text: str, key: str = "in_spec") -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph["graph_module"]["module_call_graph"][0]["signature"][key] = text

    return change


def container(kind: str, context: str) -> str:
    leaf = {"type": None, "context": None, "children_spec": []}
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [leaf]}])


ENUM = '{"__enum__": true, "fqn": "antigravity:X", "name": "A"}'
FACTORY = '{"default_factory_module": "antigravity", "default_factory_name": "x"}'
# PyTorch puts the names of arguments into a text of Python, between quotation marks.
KEY = "x':0}\n__import__('os').system('touch ran')\n#"
RUN = "__import__('os').system('touch ran')"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (target("torch.hub.load"), "operator 'torch.hub.load'"),
        (target("torch.serialization.load"), "can do more than compute"),
        (target("torch.ops.aten.from_file.default"), "can do more than compute"),
        (target("torch.ops.aten.save.default"), "can do more than compute"),
        (target("torch.ops.aten.set_.source_Storage"), "can do more than compute"),
        (target("torch.ops.aten.empty.memory_format"), "can do more than compute"),
        (target("torch.ops.aten._sparse_coo_tensor_unsafe.default"), "can do more than compute"),
        (target("torch.ops.prims.resize.default"), "can do more than compute"),
        (target("torch.ops.evil.run.default"), "can do more than compute"),
        (target("torch.ops.aten.add.Tensor.__class__"), "can do more than compute"),
        (target("torch.ops.load_library"), "can do more than compute"),
        (target("_operator.attrgetter"), "can do more than compute"),
        (target("_operator.methodcaller"), "can do more than compute"),
        (target("math.inf"), "can do more than compute"),
        (target("#extension:x"), "can do more than compute"),
        (target("torch.ops.higher_order.triton_kernel_wrapper_functional"), "can do more"),
        (target(["torch.ops.aten.add.Tensor"]), "can do more than compute"),
        (argument({"as_operator": "torch.hub.load"}), "operator 'torch.hub.load'"),
        (argument({"as_custom_obj": {"name": "x", "class_fqn": "y"}}), "holds an object"),
        (argument({"as_graph": {"graph": {"nodes": [{"target": "os"}]}}}), "operator 'os'"),
        (size(RUN), "more than arithmetic"),
        (size("().__class__.__bases__[0]"), "more than arithmetic"),
        (size("s0.__class__"), "more than arithmetic"),
        (size("sympify('1')"), "more than arithmetic"),
        (size("[x for x in (1,)]"), "more than arithmetic"),
        (size("lambda: 0"), "more than arithmetic"),
        (size("9**9**9**9"), "more than arithmetic"),
        (size("1<<999999999"), "more than arithmetic"),
        (size("Symbol('x.y', positive=True)"), "more than arithmetic"),
        (size("Symbol('s0', cls=Symbol)"), "more than arithmetic"),
        (size("(" * 900), "more than arithmetic"),
        (size("+".join("1" * 60)), "more than arithmetic"),
        (size(7), "more than arithmetic"),
        (guard(RUN), "more than a comparison"),
        (guard("L['x'].size()[0] == 1", RUN), "more than a comparison"),
        (guard(f"L['x'].size()[0] == 1 #\", {RUN}, \""), "more than a comparison"),
        (guard("L['x'].size()[0] == 1\nimport os"), "more than a comparison"),
        (guard("L['x'].storage()[0] == 1"), "more than a comparison"),
        (guard("L['x'].size(9)[0] == 1"), "more than a comparison"),
        (guard("L['a b'].size()[0] == 1"), "more than a comparison"),
        (guard("G['x'].size()[0] == 1"), "more than a comparison"),
        (guard("L['x'].size()[0]**9 == 1"), "more than a comparison"),
        (guard({"code": RUN}), "more than a comparison"),
        (lambda graph: graph.update(guards_code=RUN), "guards are no list"),
        (specification(container("builtins.dict", ENUM)), "in_spec is more than"),
        (specification(container("builtins.dict", f"[{ENUM}]")), "in_spec is more than"),
        (
            specification(container("builtins.dict", ENUM.replace("__e", "\\u005f_e"))),
            "in_spec is more than",
        ),
        (
            specification(container("collections.defaultdict", FACTORY), "out_spec"),
            "out_spec is more than",
        ),
        (specification(container("collections.namedtuple", "null")), "in_spec is more than"),
        (specification(container("builtins.dict", json.dumps([KEY]))), "in_spec is more than"),
        (specification(container("builtins.dict", '["a b"]')), "in_spec is more than"),
        (specification("[1]"), "in_spec is more than"),
        (argument({"as_tensor": {"name": f"x={RUN}"}}), "is no name"),
        (argument({"as_tensor": {"name": "x\\nimport os"}}), "is no name"),
        (argument({"as_tensor": {"name": ["x"]}}), "is no name"),
        (lambda graph: graph.update({f"x={RUN}": 1}), "has a part called"),
        (specification("[1, 2]"), "in_spec is more than"),
        (specification("[" * 100_000), "in_spec is more than"),
    ],
)
def test_a_graph_that_would_run_python_is_refused(
    change: Callable[[Any], None], reason: str
) -> None:
    assert reason in refusal_of(with_json(GRAPH, change), "torch_export")


def unpickled(configuration: Any) -> None:
    next(iter(configuration["config"].values()))["use_pickle"] = True


def unsaid(configuration: Any) -> None:
    next(iter(configuration["config"].values())).pop("use_pickle")


def elsewhere(configuration: Any) -> None:
    next(iter(configuration["config"].values()))["path_name"] = "custom_obj_0"


@pytest.mark.parametrize("change", [unpickled, unsaid, elsewhere])
def test_a_weight_that_is_not_plain_bytes_is_refused(change: Callable[[Any], None]) -> None:
    found = refusal_of(with_json(WEIGHTS, change), "torch_export")
    assert found.startswith("its tensor 'layer.")


@pytest.mark.parametrize(
    ("wrap", "reason"),
    [
        (lambda content: content, "no zip archive"),
        (lambda content: zipped(content, "archive/data.pkl"), "which a plain torch.export.save"),
        (lambda content: rezipped(MODEL, {INPUTS: content}), "is a pickle"),
        (lambda content: rezipped(MODEL, {"model/data.pkl": content}), "which a plain"),
        (lambda content: rezipped(MODEL, {"other/data.pkl": content}), "no exported program"),
        (lambda content: rezipped(MODEL, {"model/data/constants/custom_obj_0": content}), "plain"),
        (lambda content: rezipped(MODEL, {"model/data/aotinductor/a.so": content}), "plain"),
        (lambda content: rezipped(MODEL, {"model/extra/code.py": content}), "which a plain"),
        (lambda content: MODEL + content, "bytes follow"),
        (lambda content: content + MODEL, "no zip archive"),
        # The form of PyTorch 2.7, of which all is pickled.
        (
            lambda content: rezipped(
                zipped(b"1", "version"), {"serialized_state_dict.pt": content}
            ),
            "no exported program",
        ),
    ],
)
def test_a_pickle_in_whatever_place_is_refused_and_has_not_run(
    wrap: Callable[[bytes], bytes], reason: str, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    assert reason in refusal_of(wrap(pickle.dumps(Payload(marker))), "torch_export")
    assert not marker.exists()


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_part_that_cannot_be_read_is_refused(name: str) -> None:
    for content in (b"", b"{", b"[]", b"[" * 100_000):
        assert refusal_of(rezipped(MODEL, {name: content}), "torch_export")


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s77', positive=True, integer=True)",
        "Mul(Integer(24), Max(Integer(1), Add(Symbol('s53', positive=True), Integer(-2))))",
        "FloorDiv(Mul(Symbol('s53'), Symbol('u0')), Integer(2))",
        "Eq(Symbol('u3', integer=True), 1)",
        "2*s0 + 1",
        "oo",
    ],
)
def test_what_pytorch_writes_of_sizes_is_arithmetic(text: str) -> None:
    assert is_size(text)


@pytest.mark.parametrize(
    "text",
    [
        "L['x'].size()[1] == 5",
        "((-2) + L['x'].size()[2]) != 1",
        "L['args'][0].size()[0] <= 64 and L['args'][0].size()[0] % 2 == 0",
        "not L['x'].size()[0] == 1",
    ],
)
def test_what_pytorch_writes_of_guards_is_a_comparison(text: str) -> None:
    assert is_guard(text)
