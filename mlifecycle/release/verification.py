"""Verification: a release's pods are there, and answer as its samples say, inside and outside."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import kr8s.asyncio
from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from mlifecycle.artifact.golden import UNNAMED, GoldenSamples, flat
from mlifecycle.release.askers import NO_ANSWER, Asker, Inside, outside
from mlifecycle.release.observation import Diagnosis
from mlifecycle.release.rollout import RolloutError, await_rollout
from mlifecycle.report.rollout import failure_text

# Endpoints and proxies follow a rollout within seconds; what does not answer by then is not good.
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """What is asked, and who must answer.

    Attributes:
        rollout_seconds: how long its pods may take to become ready.
        host: from outside; empty where there is none.
        ingress_address, authority: as `mlifecycle.release.askers.outside`.
        key: what callers must bring; empty where everybody may ask.
        samples: how many golden samples are asked; None for all.
        rows_at_once: the most that one request may bring; None for all of them.
    """

    namespace: str
    service: str
    model: str
    version: str
    kube_context: str
    rollout_seconds: float
    host: str = ""
    ingress_address: str = ""
    authority: str = ""
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
    """The release is not ready, or does not answer as it must; the message says why."""


class _NotYet(Exception):
    """An answer that the next seconds may change."""


class _Wrong(Exception):
    """An answer that is wrong, and stays it."""


SERVES = "Its pods are ready, and serve callers."
_UNANSWERED = (
    "The pods are ready, and what leads to them does not reach them, or another release answers",
    (
        "See that a NetworkPolicy lets the API server reach the pods",
        "See whether the Service selects them: kubectl get endpointslices",
    ),
)
_UNREACHED = (
    "Inside the cluster it answers; from outside, it is not reached",
    (
        "See the ingress controller's log, and that the Ingress has its class: "
        "mlifecycle:ingressClass",
        "See that the host's name leads to it from here: mlifecycle:ingressAddress",
    ),
)
_UNTRUSTED = (
    "The certificate of the host is not one that this machine trusts",
    (
        "See the certificate: its names, its end, and who signed it",
        "Name a private authority's certificates: mlifecycle:ingressAuthority",
    ),
)
_OTHERWISE = (
    "The model does not answer as its golden samples say",
    (
        "See that golden.json was made with this very model",
        "Raise its tolerance where the difference is a matter of rounding",
    ),
)


def verify_release(target: Target, golden: GoldenSamples | None) -> Verification:
    """Wait for its pods; check health, readiness with model and version, and golden predictions.

    Raises:
        VerificationError: the first check that failed, with what was expected and what came.
    """
    return asyncio.run(_verify(target, golden))


async def _verify(target: Target, golden: GoldenSamples | None) -> Verification:
    api = await kr8s.asyncio.api(context=target.kube_context or None)
    try:
        await await_rollout(api, target.namespace, target.service, target.rollout_seconds)
    except RolloutError as error:
        raise VerificationError(str(error)) from error
    inside = Inside(api, target.namespace, target.service, target.key)
    verification = await _checked(inside, target, golden)
    if target.host:
        try:
            reached = outside(target.host, target.ingress_address, target.authority, target.key)
            async with reached as asker:
                await _checked(asker, target, golden)
        except OSError as error:
            raise VerificationError(f"mlifecycle:ingressAuthority: {error}") from error
    return verification


async def _checked(asker: Asker, target: Target, golden: GoldenSamples | None) -> Verification:
    """All that a release must answer, asked in one way."""
    try:
        async for attempt in AsyncRetrying(
            stop=stop_after_delay(ANSWER_SECONDS),
            wait=wait_fixed(1),
            retry=retry_if_exception_type(_NotYet),
        ):
            with attempt:
                await _expect(asker, "health", {"status": "healthy"})
                ready = {"status": "ready", "model": target.model, "version": target.version}
                await _expect(asker, "ready", ready)
                found = await _asked(asker, target, golden)
    except RetryError as error:
        words = f"after {ANSWER_SECONDS} s: {error.last_attempt.exception()}"
        cause, actions = _UNANSWERED if isinstance(asker, Inside) else _UNREACHED
        raise _failed(words, _UNTRUSTED if "CERTIFICATE" in words else (cause, actions)) from error
    except _Wrong as error:
        raise _failed(str(error), _OTHERWISE) from error
    return found


async def _asked(asker: Asker, target: Target, golden: GoldenSamples | None) -> Verification:
    prediction, count = None, 0
    try:
        for part in golden.parts(target.samples, target.rows_at_once) if golden else ():
            first = await _expect_golden(asker, target, part)
            prediction, count = prediction or first, count + part.count
    except _Wrong as error:
        if isinstance(asker, Inside):
            raise
        # Inside it answered as it must: from outside, another pod is still reached.
        raise _NotYet(str(error)) from error
    return Verification(count, prediction)


def _failed(error: str, why: tuple[str, tuple[str, ...]]) -> VerificationError:
    cause, actions = why
    return VerificationError(failure_text(Diagnosis("Running", error, cause, actions), SERVES))


async def _expect(asker: Asker, path: str, expected: Any) -> None:
    try:
        answer = await asker.ask("GET", path)
    except (*NO_ANSWER, ValueError) as error:
        raise _NotYet(f"{asker.name} /{path} does not answer: {error}") from error
    if answer != expected:
        raise _NotYet(f"{asker.name} /{path} answers {answer}, expected {expected}")


async def _expect_golden(asker: Asker, target: Target, golden: GoldenSamples) -> tuple[Any, Any]:
    """The first value of the first answer, and the expected one.

    Raises:
        _NotYet: there is none.
        _Wrong: an answer is another.
    """
    path = "predict" if golden.is_plain else f"v2/models/{target.model}/infer"
    try:
        if golden.is_plain:
            body = {"instances": golden.inputs[UNNAMED]}
            found = {UNNAMED: (await asker.ask("POST", path, body))["predictions"]}
        else:
            found = await _infer(asker, target, golden)
    except NO_ANSWER as error:
        raise _NotYet(f"{asker.name} /{path} does not answer: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _Wrong(f"{asker.name} /{path} gives no predictions: {error}") from error
    pairs = [
        pair for name in golden.outputs for pair in _pairs(asker, name, found.get(name), golden)
    ]
    return pairs[0]


async def _infer(asker: Asker, target: Target, golden: GoldenSamples) -> dict[str, list[Any]]:
    """The outputs by name, as the Open Inference Protocol gives them."""
    model = f"v2/models/{target.model}"
    signature = await asker.ask("GET", model)
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
    answer = await asker.ask("POST", f"{model}/infer", {"inputs": tensors})
    found = {output["name"]: output["data"] for output in answer["outputs"]}
    return {UNNAMED: found[outputs[0]["name"]], **found}


def _shape(rows: Any) -> list[int]:
    sizes = []
    while isinstance(rows, list):
        sizes.append(len(rows))
        rows = rows[0] if rows else None
    return sizes


def _pairs(asker: Asker, name: str, found: Any, golden: GoldenSamples) -> Iterator[tuple[Any, Any]]:
    """Each value with the expected one.

    Raises:
        _Wrong: there are more, or fewer, or one is another.
    """
    got, expected = list(flat(found)), list(flat(golden.outputs[name]))
    each = len(expected) // golden.count
    if len(got) != len(expected):
        raise _Wrong(
            f"{asker.name} gives {len(got)} values of {name or 'its predictions'} for "
            f"{golden.count} golden samples, expected {len(expected)}"
        )
    for index, (value, wanted) in enumerate(zip(got, expected, strict=True)):
        if not _is_equal(value, wanted, golden.tolerance):
            raise _Wrong(
                f"{asker.name} gives {value} for golden sample {index // max(1, each)}, "
                f"expected {wanted} within {golden.tolerance}"
            )
        yield value, wanted


def _is_equal(value: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, str) or isinstance(value, str) or value is None or wanted is None:
        return bool(value == wanted)
    # Written so that a NaN fails.
    return bool(abs(float(value) - float(wanted)) <= tolerance)
