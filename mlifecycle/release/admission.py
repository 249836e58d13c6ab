"""What a cluster admits: the names of released images, and waiting until it knows a new one."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import kr8s
import kr8s.asyncio
from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from mlifecycle.image import names

# The ConfigMap that lists them, in each namespace of a stack.
RELEASED_IMAGES = "mlifecycle-released-images"
# As many as the Deployment keeps revisions, and the one that runs.
KEPT_RELEASES = 11
# An API server hears of a changed list within a second or two.
LEARNING_SECONDS = 10
REQUEST_SECONDS = 10
FORBIDDEN = 403


class AdmissionError(Exception):
    """The cluster still refuses what was released."""


@dataclass(frozen=True)
class Candidate:
    """An image that a Deployment is about to run.

    Attributes:
        image: `name:tag@sha256:...`.
    """

    namespace: str
    model: str
    image: str
    kube_context: str


def kept_releases(image: str, earlier: Iterable[str]) -> list[str]:
    """The image that is released now, then those that may be returned to, the newest first."""
    return list(dict.fromkeys([image, *earlier]))[:KEPT_RELEASES]


def admitted_names(images: Iterable[str], stack: str, environment: str) -> list[str]:
    """Every name by which a pod may run the images, `name:tag@sha256:...`.

    By tag and digest, as the program writes it; by digest; and by version, as people write it.
    """
    admitted: dict[str, None] = {}
    for image in images:
        name, _, digest = image.partition("@")
        repository, _, tag = name.rpartition(":")
        version = tag.rpartition("-")[0]
        alias = names.alias(version, stack, environment)
        admitted |= dict.fromkeys(
            [
                image,
                f"{repository}@{digest}",
                f"{repository}:{alias}",
                f"{repository}:{alias}@{digest}",
            ]
        )
    return list(admitted)


def await_admission(candidate: Candidate) -> None:
    """Wait until the API server admits an image that was just put on the list.

    It is asked by an object that runs nothing and is removed at once: a dry run would not do,
    since the policy leaves those alone.

    Raises:
        AdmissionError: it still refuses, or does not answer.
    """
    try:
        asyncio.run(_await_admission(candidate))
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise AdmissionError(
            f"the cluster still refuses {candidate.image} after {LEARNING_SECONDS} s: {cause}"
        ) from error


class _Refused(Exception):
    """A denial that the next seconds may change."""


async def _await_admission(candidate: Candidate) -> None:
    api = await kr8s.asyncio.api(context=candidate.kube_context or None)
    async for attempt in AsyncRetrying(
        stop=stop_after_delay(LEARNING_SECONDS),
        wait=wait_fixed(0.25),
        retry=retry_if_exception_type(_Refused),
    ):
        with attempt:
            await _ask(api, candidate)


async def _ask(api: kr8s.asyncio.Api, candidate: Candidate) -> None:
    name = f"{candidate.model}-admission"
    body = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": {"spec": {"containers": [{"name": "x", "image": candidate.image}]}},
    }
    try:
        await _request(api, "POST", candidate.namespace, "podtemplates", body)
    except kr8s.ServerError as error:
        status = error.response.status_code if error.response is not None else None
        if status == FORBIDDEN:
            raise _Refused(str(error)) from error
        raise AdmissionError(f"the cluster does not say whether it admits: {error}") from error
    await _request(api, "DELETE", candidate.namespace, f"podtemplates/{name}", None)


async def _request(api: kr8s.asyncio.Api, method: str, namespace: str, url: str, body: Any) -> Any:
    async with api.call_api(
        method,
        base="/api",
        version="v1",
        namespace=namespace,
        url=url,
        timeout=REQUEST_SECONDS,
        **({} if body is None else {"json": body}),
    ) as response:
        return json.loads(response.content)
