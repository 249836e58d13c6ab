"""What a cluster admits: the names of released images, and waiting until it knows a new one."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import kr8s
import kr8s.asyncio
from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from mlifecycle.release.api import request

# The ConfigMap that lists them, in each namespace of a stack.
RELEASED_IMAGES = "mlifecycle-released-images"
# As many as the Deployment keeps revisions, and the one that runs.
KEPT_RELEASES = 11
# An API server hears of a changed list within a second or two.
LEARNING_SECONDS = 10
# Not on the list; and no list yet, which an API server calls an invalid object.
DENIALS = (403, 422)


class AdmissionError(Exception):
    """The cluster still refuses what was released."""


@dataclass(frozen=True)
class NewImage:
    """An image that a Deployment is about to run.

    Attributes:
        image: `name:tag@sha256:...`.
    """

    namespace: str
    image: str
    kube_context: str


def kept_releases(image: str, earlier: Iterable[str]) -> list[str]:
    """The image that is released now, then those that may be returned to, the newest first."""
    return list(dict.fromkeys([image, *earlier]))[:KEPT_RELEASES]


def admitted_names(images: Iterable[str], alias: Callable[[str], str]) -> list[str]:
    """Every name by which a pod may run the images, `name:tag@sha256:...`.

    By tag and digest, as the program writes it; by digest; and by version, as people write it.

    Args:
        alias: what a version's own tag is; empty where the program sets none, and so anybody may.
    """
    admitted: dict[str, None] = {}
    for image in images:
        name, _, digest = image.partition("@")
        repository, _, tag = name.rpartition(":")
        version = tag.rpartition("-")[0]
        admitted |= dict.fromkeys([image, f"{repository}@{digest}"])
        if own := alias(version):
            admitted |= dict.fromkeys([f"{repository}:{own}", f"{repository}:{own}@{digest}"])
    return list(admitted)


def await_admission(new: NewImage) -> None:
    """Wait until the API server admits an image that was just put on the list.

    It is asked by an object that runs nothing and is removed at once: a dry run would not do,
    since the policy leaves those alone.

    Raises:
        AdmissionError: it still refuses, or does not answer.
    """
    try:
        asyncio.run(_await_admission(new))
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise AdmissionError(
            f"the cluster still refuses {new.image} after {LEARNING_SECONDS} s: {cause}"
        ) from error


class _Refused(Exception):
    """A denial that the next seconds may change."""


async def _await_admission(new: NewImage) -> None:
    api = await kr8s.asyncio.api(context=new.kube_context or None)
    async for attempt in AsyncRetrying(
        stop=stop_after_delay(LEARNING_SECONDS),
        wait=wait_fixed(0.25),
        retry=retry_if_exception_type(_Refused),
    ):
        with attempt:
            await _ask(api, new)


async def _ask(api: kr8s.asyncio.Api, new: NewImage) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        # A name of its own each time: one that a killed run left is in nobody's way.
        "metadata": {"generateName": "admission-"},
        "template": {"spec": {"containers": [{"name": "x", "image": new.image}]}},
    }
    try:
        made = await request(api, "POST", new.namespace, "podtemplates", body)
    except kr8s.ServerError as error:
        status = error.response.status_code if error.response is not None else None
        if status in DENIALS:
            raise _Refused(str(error)) from error
        raise AdmissionError(f"the cluster does not say whether it admits: {error}") from error
    await request(api, "DELETE", new.namespace, f"podtemplates/{made['metadata']['name']}")
