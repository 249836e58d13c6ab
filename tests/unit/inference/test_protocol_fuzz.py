"""Whatever a caller sends is answered, or refused by a RequestError, and by nothing else."""

import json
from typing import Any

import numpy as np
from app import predict, protocol
from app.binary import bytes_of_tensor, tensor_of_bytes
from app.errors import RequestError
from app.tensors import DATATYPES, TensorSpec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

INPUTS = (
    TensorSpec("x", "FP32", (-1, 2)),
    TensorSpec("words", "BYTES", (-1,)),
    TensorSpec("n", "INT8", (3,), allows_nan=True),
)
OUTPUTS = (TensorSpec("y", "FP32", (-1,)), TensorSpec("label", "BYTES", (-1,)))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
near = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "words", "n", "z"]) | anything,
        "datatype": st.sampled_from(list(DATATYPES)) | anything,
        "shape": st.lists(st.integers(-2, 5), max_size=3) | anything,
    },
    optional={
        "data": st.lists(st.floats(width=32) | st.text(max_size=3), max_size=6) | anything,
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size"]), st.integers(-1, 40) | anything
        )
        | anything,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(near | anything, max_size=4) | anything},
    optional={
        "id": anything,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["y", "label"]) | anything}) | anything
        ),
        "parameters": anything,
    },
)


def tried(body: bytes, length: bytes | None) -> None:
    try:
        found = protocol.decode(body, length, INPUTS, OUTPUTS, 1024)
    except RequestError:
        return
    for spec in INPUTS:
        assert found.tensors[spec.name].dtype == spec.dtype
        assert spec.takes(found.tensors[spec.name].shape)


@settings(max_examples=400, deadline=None)
@given(requests | anything, st.binary(max_size=64), st.booleans())
def test_no_request_raises_anything_else(document: Any, rest: bytes, is_binary: bool) -> None:
    text = json.dumps(document).encode()
    tried(text + rest if is_binary else text, str(len(text)).encode() if is_binary else None)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.none() | st.binary(max_size=12))
def test_no_bytes_raise_anything_else(body: bytes, length: bytes | None) -> None:
    tried(body, length)


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({"instances": anything}) | anything)
def test_no_instances_raise_anything_else(document: Any) -> None:
    body = json.dumps(document).encode()
    for inputs in (INPUTS, INPUTS[:1], INPUTS[1:2], INPUTS[2:]):
        try:
            predict.decode(body, inputs, 1024)
        except RequestError:
            continue


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([name for name in DATATYPES if name != "BYTES"]).flatmap(
        lambda name: st.tuples(
            st.just(name),
            arrays.arrays(
                DATATYPES[name],
                arrays.array_shapes(max_dims=3, max_side=4),
            ),
        )
    )
)
def test_numbers_come_back_as_they_went(given_tensor: tuple[str, Any]) -> None:
    name, tensor = given_tensor
    spec = TensorSpec("t", name, (-1,) * tensor.ndim)
    back = tensor_of_bytes(memoryview(bytes_of_tensor(tensor)), tensor.shape, spec, "t")
    assert np.array_equal(back, tensor, equal_nan=tensor.dtype.kind == "f")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=6), max_size=6))
def test_texts_come_back_as_they_went(words: list[str]) -> None:
    tensor = np.array(words, np.object_)
    spec = TensorSpec("t", "BYTES", (-1,))
    try:
        content = bytes_of_tensor(tensor)
    except UnicodeEncodeError:  # half a surrogate pair, which no JSON text decodes to
        return
    assert tensor_of_bytes(memoryview(content), tensor.shape, spec, "t").tolist() == words
