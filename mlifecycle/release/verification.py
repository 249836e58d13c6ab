"""Verification: the running release, asked through its Service, answers as its samples say."""

import asyncio
from dataclasses import dataclass
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

from mlifecycle.artifact import GoldenSamples
from mlifecycle.release.api import request

# Endpoints follow a rollout within seconds; a release that does not answer by then is not good.
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """Which Service is asked, and who must answer."""

    namespace: str
    service: str
    model: str
    version: str
    kube_context: str


@dataclass(frozen=True)
class Verification:
    """The predictions for the golden samples, each equal to what it must be within tolerance."""

    inputs: list[list[float]]
    predictions: list[float]
    expected: list[float]


class VerificationError(Exception):
    """The release does not answer, or answers wrongly; the message says what and where."""


class _NotYet(Exception):
    """An answer that the next seconds may change."""


def verify_release(target: Target, golden: GoldenSamples) -> Verification:
    """Check health, readiness with model and version, and the golden predictions.

    The API server carries the requests to the Service, so a kubeconfig is all that this needs.

    Raises:
        VerificationError: the first check that failed, with what was expected and what came.
    """
    predictions = asyncio.run(_verify(target, golden))
    return Verification(golden.inputs, predictions, golden.outputs)


def service_path(target: Target) -> str:
    """The Service's address behind the API server."""
    return f"services/http:{target.service}:http/proxy"


async def _verify(target: Target, golden: GoldenSamples) -> list[float]:
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
    return await _expect_golden(api, target, golden)


async def _expect(api: kr8s.asyncio.Api, target: Target, path: str, expected: Any) -> None:
    try:
        answer = await _request(api, target, "GET", path)
    except (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError, ValueError) as error:
        raise _NotYet(f"{_name(target)} /{path} does not answer: {error}") from error
    if answer != expected:
        raise _NotYet(f"{_name(target)} /{path} answers {answer}, expected {expected}")


async def _expect_golden(
    api: kr8s.asyncio.Api, target: Target, golden: GoldenSamples
) -> list[float]:
    try:
        answer = await _request(api, target, "POST", "predict", {"instances": golden.inputs})
        predictions = [float(number) for number in answer["predictions"]]
    except (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError) as error:
        raise VerificationError(f"{_name(target)} /predict does not answer: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(
            f"{_name(target)} /predict gives no predictions: {error}"
        ) from error
    if len(predictions) != len(golden.outputs):
        raise VerificationError(
            f"{_name(target)} gives {len(predictions)} predictions for "
            f"{len(golden.outputs)} golden samples"
        )
    for index, (got, expected) in enumerate(zip(predictions, golden.outputs, strict=True)):
        # Written so that a NaN fails.
        if not abs(got - expected) <= golden.tolerance:
            raise VerificationError(
                f"{_name(target)} gives {got} for golden sample {index}, expected {expected} "
                f"within {golden.tolerance}"
            )
    return predictions


async def _request(
    api: kr8s.asyncio.Api, target: Target, method: str, path: str, body: Any = None
) -> Any:
    return await request(api, method, target.namespace, f"{service_path(target)}/{path}", body)


def _name(target: Target) -> str:
    return f"Service {target.service} in {target.namespace}"
