"""No bytes run here: each bypass that carries code is refused, and its code has not run."""

import bz2
import gzip
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import ModelProto, TensorProto, helper

from mlifecycle.security.model_files import archives
from mlifecycle.security.model_files.judgement import judge
from tests.sandbox import ROOT
from tests.unit.model_files import payloads
from tests.unit.model_files.payloads import Payload, rezipped, tarred, zipped


def refusal_of(content: bytes) -> str:
    return payloads.refusal_of(content, "onnx")


COMMITTED = (ROOT / "models" / "fraud-detector" / "2.1.0" / "model.onnx").read_bytes()


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda content: content,
    "followed by bytes": lambda content: content + b"\xff" * 20,
    "cut off": lambda content: content[:-1],
    "torch": zipped,
    "another name": lambda content: zipped(content, "model.onnx"),
    "zip behind bytes": lambda content: b"\x08\x07" + zipped(content),
    "zip in zip": lambda content: zipped(zipped(content), "inner.zip"),
    "tar": tarred,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "joblib's zlib": zlib.compress,
    "tar in gzip": lambda content: gzip.compress(tarred(content)),
    "zip in onnx": lambda content: COMMITTED + zipped(content),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_pickle_is_called_one_and_has_not_run(
    tmp_path: Path, wrapping: str, protocol: int
) -> None:
    marker = tmp_path / "ran"
    content = WRAPPINGS[wrapping](pickle.dumps(Payload(marker), protocol))
    assert "a pickle" in refusal_of(content)
    assert "export the model to ONNX" in refusal_of(content)
    assert not marker.exists()


def test_a_pickle_may_begin_with_any_instruction(tmp_path: Path) -> None:
    """A string that is thrown away, then the call."""
    marker = tmp_path / "ran"
    content = b"X\x01\x00\x00\x00a0" + pickle.dumps(Payload(marker), 0)
    assert "it is a pickle" in refusal_of(content)
    assert "a pickle" in refusal_of(zipped(content))
    assert not marker.exists()


def test_the_committed_model_may_be_served() -> None:
    assert refusal_of(COMMITTED) == ""


def onnx_with(change: Callable[[ModelProto], None]) -> bytes:
    model = ModelProto.FromString(COMMITTED)
    change(model)
    return model.SerializeToString()


def outside(place: str) -> Callable[[ModelProto], None]:
    def change(model: ModelProto) -> None:
        tensor = model.graph.initializer.add()
        tensor.name, tensor.data_location = "weights", TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)

    return change


def nested_outside(model: ModelProto) -> None:
    inner = ModelProto()
    outside("../weights")(inner)
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner.graph)
    model.graph.node.append(node)


def foreign(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Run", [], ["y"], domain="evil.ops"))


def function(model: ModelProto) -> None:
    made = model.functions.add(name="Twice", domain="local")
    made.node.append(helper.make_node("Add", ["x", "x"], ["y"]))
    model.graph.node.append(helper.make_node("Twice", ["x"], ["y"], domain="local"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (outside("../../etc/passwd"), "tensor 'weights' lies in '../../etc/passwd', which is no"),
        (outside("/etc/passwd"), "which is no file beside the model"),
        (outside(".."), "which is no file beside the model"),
        (outside("*/_ORT_MEM_ADDR_/*"), "which is no file beside the model"),
        (outside(""), "which is no file beside the model"),
        (nested_outside, "tensor 'weights' lies in '../weights'"),
        (foreign, "operator 'Run' of domain 'evil.ops' needs a library of its own"),
        (function, ""),
    ],
)
def test_an_onnx_model_brings_all_that_it_needs_and_nothing_else(
    change: Callable[[ModelProto], None], expected: str
) -> None:
    found = refusal_of(onnx_with(change))
    assert expected in found
    assert bool(expected) == bool(found)


def test_data_beside_the_model_is_named() -> None:
    judged = judge(onnx_with(outside("weights.bin")), "onnx")
    assert (judged.refusal, judged.siblings) == ("", ("weights.bin",))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "something else, not an ONNX model"),
        (b"\x08", "something else"),
        (b"\x08\x07", "something else"),
        (COMMITTED[:100], "something else"),
        (zipped(b"[]", "schema.json"), "a zip archive, as PyTorch, skops and Keras"),
        (b"\x89HDF\r\n\x1a\n" + b"0" * 64, "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        ((8).to_bytes(8, "little") + b"{}      ", "a safetensors file"),
        (tarred(b"text"), "a tar archive"),
        (zipped(b"x")[:-30] + b"PK\x05\x06" + b"0" * 18, "cannot be looked through"),
        (b"tree\nversion=v4\n", "something else"),
    ],
)
def test_another_format_is_refused_by_its_name(content: bytes, expected: str) -> None:
    assert expected in refusal_of(content)


def test_what_unpacks_to_too_much_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 1000)
    for bomb in (zipped(b"0" * 1001), gzip.compress(b"0" * 1001), zlib.compress(b"0" * 1001)):
        assert "cannot be looked through" in refusal_of(bomb)
    # Each is small enough, all of them are not.
    several = rezipped(zipped(b"0" * 600), {"more": zipped(b"0" * 600)})
    assert "cannot be looked through" in refusal_of(several)


def test_what_reads_as_a_long_pickle_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LONG_PROGRAM", 1000)
    assert "a pickle" in refusal_of(zipped(b"N" * 2000))
    assert "a pickle" not in refusal_of(zipped(b"N" * 500))


def test_archives_within_archives_end() -> None:
    content = b"text"
    for _ in range(20):
        content = zipped(content, "inner.zip")
    assert "a zip archive" in refusal_of(content)
