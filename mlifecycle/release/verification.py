"""Verification: the running release, asked through its Service, answers as its samples say."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import kr8s
import kr8s.asyncio
from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from mlifecycle.artifact.golden import UNNAMED, GoldenSamples, flat
from mlifecycle.release.api import request

# Endpoints follow a rollout within seconds; a release that does not answer by then is not good.
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """Which Service is asked, and who must answer.

    Attributes:
        key: what callers must bring; empty where everybody may ask.
        samples: how many golden samples are asked; None for all.
        rows_at_once: the most that one request may bring; None for all of them.
    """

    namespace: str
    service: str
    model: str
    version: str
    kube_context: str
    key: str = field(default="", repr=False)
    samples: int | None = None
    rows_at_once: int | None = None


@dataclass(frozen=True)
class Verification:
    """How the running release answered.

    Attributes:
        samples: how many golden samples it answered as it must; 0 where there are none, and only
            its health and its identity are known.
        prediction: the first value of the first sample's answer, and the expected one.
    """

    samples: int = 0
    prediction: tuple[Any, Any] | None = None


class VerificationError(Exception):
    """The release does not answer, or answers wrongly; the message says what and where."""


class _NotYet(Exception):
    """An answer that the next seconds may change."""


def verify_release(target: Target, golden: GoldenSamples | None) -> Verification:
    """Check health, readiness with model and version, and the golden predictions.

    The API server carries the requests to the Service, so a kubeconfig is all that this needs.

    Raises:
        VerificationError: the first check that failed, with what was expected and what came.
    """
    return asyncio.run(_verify(target, golden))


def service_path(target: Target) -> str:
    """The Service's address behind the API server."""
    return f"services/http:{target.service}:http/proxy"


async def _verify(target: Target, golden: GoldenSamples | None) -> Verification:
    api = await kr8s.asyncio.api(context=target.kube_context or None)
    try:
        async for attempt in AsyncRetrying(
            stop=stop_after_delay(ANSWER_SECONDS),
            wait=wait_fixed(1),
            retry=retry_if_exception_type(_NotYet),
        ):
            with attempt:
                await _expect(api, target, "health", {"status": "healthy"})
                ready = {"status": "ready", "model": target.model, "version": target.version}
                await _expect(api, target, "ready", ready)
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise VerificationError(f"after {ANSWER_SECONDS} s: {cause}") from error
    prediction, count = None, 0
    for part in golden.parts(target.samples, target.rows_at_once) if golden else ():
        first = await _expect_golden(api, target, part)
        prediction, count = prediction or first, count + part.count
    return Verification(count, prediction)


async def _expect(api: kr8s.asyncio.Api, target: Target, path: str, expected: Any) -> None:
    try:
        answer = await _request(api, target, "GET", path)
    except (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError, ValueError) as error:
        raise _NotYet(f"{_name(target)} /{path} does not answer: {error}") from error
    if answer != expected:
        raise _NotYet(f"{_name(target)} /{path} answers {answer}, expected {expected}")


async def _expect_golden(
    api: kr8s.asyncio.Api, target: Target, golden: GoldenSamples
) -> tuple[Any, Any]:
    """The first value of the first answer, and the expected one.

    Raises:
        VerificationError: an answer is another.
    """
    path = "predict" if golden.is_plain else f"v2/models/{target.model}/infer"
    try:
        if golden.is_plain:
            body = {"instances": golden.inputs[UNNAMED]}
            found = {UNNAMED: (await _request(api, target, "POST", path, body))["predictions"]}
        else:
            found = await _infer(api, target, golden)
    except (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError) as error:
        raise VerificationError(f"{_name(target)} /{path} does not answer: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(f"{_name(target)} /{path} gives no predictions: {error}") from error
    pairs = [
        pair for name in golden.outputs for pair in _pairs(target, name, found.get(name), golden)
    ]
    return pairs[0]


async def _infer(
    api: kr8s.asyncio.Api, target: Target, golden: GoldenSamples
) -> dict[str, list[Any]]:
    """The outputs by name, as the Open Inference Protocol gives them."""
    model = f"v2/models/{target.model}"
    signature = await _request(api, target, "GET", model)
    specs, outputs = signature["inputs"], signature["outputs"]
    tensors = [
        {
            "name": spec["name"],
            "datatype": spec["datatype"],
            "shape": _shape(rows := golden.inputs.get(spec["name"], golden.inputs.get(UNNAMED))),
            "data": rows,
        }
        for spec in specs
    ]
    answer = await _request(api, target, "POST", f"{model}/infer", {"inputs": tensors})
    found = {output["name"]: output["data"] for output in answer["outputs"]}
    return {UNNAMED: found[outputs[0]["name"]], **found}


def _shape(rows: Any) -> list[int]:
    sizes = []
    while isinstance(rows, list):
        sizes.append(len(rows))
        rows = rows[0] if rows else None
    return sizes


def _pairs(
    target: Target, name: str, found: Any, golden: GoldenSamples
) -> Iterator[tuple[Any, Any]]:
    """Each value with the expected one.

    Raises:
        VerificationError: there are more, or fewer, or one is another.
    """
    got, expected = list(flat(found)), list(flat(golden.outputs[name]))
    each = len(expected) // golden.count
    if len(got) != len(expected):
        raise VerificationError(
            f"{_name(target)} gives {len(got)} values of {name or 'its predictions'} for "
            f"{golden.count} golden samples, expected {len(expected)}"
        )
    for index, (value, wanted) in enumerate(zip(got, expected, strict=True)):
        if not _is_equal(value, wanted, golden.tolerance):
            raise VerificationError(
                f"{_name(target)} gives {value} for golden sample {index // max(1, each)}, "
                f"expected {wanted} within {golden.tolerance}"
            )
        yield value, wanted


def _is_equal(value: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, str) or isinstance(value, str) or value is None or wanted is None:
        return bool(value == wanted)
    # Written so that a NaN fails.
    return bool(abs(float(value) - float(wanted)) <= tolerance)


async def _request(
    api: kr8s.asyncio.Api, target: Target, method: str, path: str, body: Any = None
) -> Any:
    # Not as a bearer token: that one is for the API server, which carries the request.
    headers = {"x-api-key": target.key} if target.key else {}
    url = f"{service_path(target)}/{path}"
    return await request(api, method, target.namespace, url, body=body, headers=headers)


def _name(target: Target) -> str:
    return f"Service {target.service} in {target.namespace}"
