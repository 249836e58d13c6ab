"""Wait until a release's pods are all there and ready, and say why not as soon as that is certain.

The engine's own waiting cannot be cut short, and says what a Deployment says of itself: so the
objects are not awaited by it (`pulumi.com/skipAwait`), and this waits for them.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import kr8s
import kr8s.asyncio

from mlifecycle.release.api import ask
from mlifecycle.release.diagnosis import diagnose, undecided
from mlifecycle.release.observation import Diagnosis, Observation, is_complete
from mlifecycle.report.rollout import failure_text

REVISION = "deployment.kubernetes.io/revision"
POLL_SECONDS = 1
LOG_LINES = 20
APPS = "apps/v1"
_NO_ANSWER = (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError, ValueError)


class RolloutError(Exception):
    """A release's pods do not become ready; the message says why and what helps."""

    def __init__(self, diagnosis: Diagnosis, serving: str) -> None:
        super().__init__(failure_text(diagnosis, serving))
        self.diagnosis = diagnosis


async def await_rollout(api: kr8s.asyncio.Api, namespace: str, name: str, seconds: float) -> None:
    """Wait for a Deployment's newest revision.

    Raises:
        RolloutError: it does not become ready, for a cause that does not pass or in that time.
    """
    ends, since = time.monotonic() + seconds, dict[str, float]()
    seen, problem = Observation({}), ""
    while time.monotonic() < ends:
        try:
            deployment = await _get(api, namespace, f"deployments/{name}", APPS)
            seen = await _observe(api, namespace, deployment)
            # Until they are gone, what leads to them may still do so.
            if is_complete(deployment) and not seen.older:
                return
        except _NO_ANSWER as error:
            problem = str(error)
        else:
            found, now = diagnose(seen), time.monotonic()
            # A cause that is not seen any more has passed.
            since = {found.cause: since.get(found.cause, now)} if found else {}
            if found and now - since[found.cause] >= found.patience:
                raise RolloutError(found, _serving(seen))
        await asyncio.sleep(POLL_SECONDS)
    found = diagnose(seen) if seen.deployment else _unreachable(problem)
    raise RolloutError(found or undecided(seen, seconds), _serving(seen))


def _unreachable(problem: str) -> Diagnosis:
    actions = ("See that this machine reaches the cluster: kubectl get --raw /readyz",)
    return Diagnosis("unknown", problem, "The cluster's API does not answer", actions)


def _serving(seen: Observation) -> str:
    status = seen.deployment.get("status") or {}
    older = status.get("availableReplicas", 0) - sum(map(_is_ready, seen.pods))
    if older > 0:
        return f"The release before it serves on, with {older} pods."
    return "No pod of an earlier release serves."


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


async def _observe(
    api: kr8s.asyncio.Api, namespace: str, deployment: Mapping[str, Any]
) -> Observation:
    sets = await _list(api, namespace, "replicasets", APPS)
    own = [item for item in sets if _is_of(item, deployment)]
    if not own:
        return Observation(deployment)
    newest = max(own, key=lambda item: int(item["metadata"]["annotations"].get(REVISION, 0)))
    there = await _list(api, namespace, "pods")
    pods = [item for item in there if _is_of(item, newest)]
    older = [pod for pod in there if any(_is_of(pod, item) for item in own if item is not newest)]
    if is_complete(deployment):
        return Observation(deployment, newest, pods, older)
    names = {item["metadata"]["name"] for item in (deployment, newest, *pods)}
    events = [
        event
        for event in await _list(api, namespace, "events")
        if event["involvedObject"].get("name") in names
    ]
    nodes = {pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")}
    return Observation(
        deployment=deployment,
        replica_set=newest,
        pods=pods,
        older=older,
        events=sorted(events, key=lambda event: event["metadata"]["creationTimestamp"]),
        logs={
            pod["metadata"]["name"]: await _last_lines(api, namespace, pod)
            for pod in pods
            if _has_ended(pod)
        },
        nodes={name: await _node(api, name) for name in nodes},
    )


def _is_of(item: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    owners = item["metadata"].get("ownerReferences") or ()
    return any(one["uid"] == owner["metadata"]["uid"] for one in owners)


def _has_ended(pod: Mapping[str, Any]) -> bool:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return any("terminated" in item["state"] or item["restartCount"] for item in found)


async def _last_lines(api: kr8s.asyncio.Api, namespace: str, pod: Mapping[str, Any]) -> str:
    (container, *_) = pod["status"]["containerStatuses"]
    # One that has just ended is not yet the previous one.
    previous = "terminated" not in container["state"]
    path = f"pods/{pod['metadata']['name']}/log"
    asked = {"container": container["name"], "tailLines": LOG_LINES, "previous": previous}
    try:
        return str(await ask(api, "GET", path, namespace, parameters=asked, is_text=True))
    except _NO_ANSWER:
        # A pod that goes takes its log with it.
        return ""


async def _node(api: kr8s.asyncio.Api, name: str) -> dict[str, Any]:
    try:
        return dict(await ask(api, "GET", f"nodes/{name}"))
    except _NO_ANSWER:
        # Whoever releases models need not be allowed to see nodes.
        return {}


async def _get(
    api: kr8s.asyncio.Api, namespace: str, path: str, group: str = "v1"
) -> dict[str, Any]:
    return dict(await ask(api, "GET", path, namespace, group=group))


async def _list(
    api: kr8s.asyncio.Api, namespace: str, kind: str, group: str = "v1"
) -> list[dict[str, Any]]:
    return list((await _get(api, namespace, kind, group))["items"])
