"""Why containers do not run: they cannot be made, or end again and again."""

import re
from collections.abc import Iterator

from mlifecycle.release.last_words import crashed
from mlifecycle.release.observation import Diagnosis, Object, Observation, containers, status_of


def not_made(seen: Observation) -> Iterator[Diagnosis]:
    """Containers that cannot be made."""
    for _, container in containers(seen):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
            yield _pull(reason, _pull_error(seen) or message)
        elif reason == "CreateContainerConfigError":
            yield Diagnosis(
                reason,
                message,
                "Something that the container is configured with is not there",
                ("See that the Secret or ConfigMap that it names is in the namespace",),
                5,
            )
        elif reason in ("CreateContainerError", "RunContainerError"):
            yield _unstartable(reason, message)


def _unstartable(status: str, message: str) -> Diagnosis:
    actions = ("See the node's container runtime, and whether the image has its command",)
    return Diagnosis(status, message, "The container cannot be started", actions, 10)


def _pull_error(seen: Observation) -> str:
    """The longest message: that of a back-off does not say why."""
    found = [
        str(event.get("message", ""))
        for event in seen.events
        if event.get("reason") == "Failed" and "pull" in str(event.get("message", ""))
    ]
    return max(found, key=len, default="")


def _pull(reason: str, message: str) -> Diagnosis:
    actions: tuple[str, ...]
    if re.search(r"unauthorized|authentication|authorization failed|denied|40[13]", message):
        actions = (
            "Give the nodes, or the ServiceAccount, credentials of the registry (imagePullSecrets)",
            "See that they may read the repository",
        )
        cause = "The registry does not let the node read the image"
    elif reason == "InvalidImageName":
        actions = ("See mlifecycle:registry: a host, or a host with a path",)
        cause = "The image's name is none"
    elif re.search(r"not found|manifest unknown|404", message):
        actions = (
            "See whether the registry still has the image: regctl image digest",
            "Release once more: mlifecycle up puts it there again",
        )
        cause = "The registry does not have the image"
    else:
        actions = (
            "See that the nodes reach the registry: its name, its port, its certificate",
            "Release once more when they do",
        )
        cause = "The node does not reach the registry"
    return Diagnosis(reason, message, cause, actions, 5)


def ended(seen: Observation) -> Iterator[Diagnosis]:
    """Containers that end again and again."""
    for pod, container in containers(seen):
        last = _last_end(container)
        if last is None:
            continue
        status, log = status_of(pod), seen.logs.get(pod["metadata"]["name"], "")
        # Just started once more, which says nothing.
        status = str(last.get("reason") or status) if status == "Running" else status
        if last.get("reason") == "OOMKilled":
            yield Diagnosis(
                status,
                "the container was killed: it needs more memory than its limit (OOMKilled)",
                "The model needs more memory than it may use",
                ("Raise spec.inference.resources.limits.memory", "Serve a smaller model"),
            )
        elif last.get("reason") in ("StartError", "ContainerCannotRun"):
            yield _unstartable(status, str(last.get("message", "")))
        elif killed := _killed_by_probe(seen, pod):
            yield _probed(status, killed)
        else:
            yield crashed(status, log, last.get("exitCode"), container.get("restartCount", 0))


def _last_end(container: Object) -> Object | None:
    states = [container.get("state") or {}, container.get("lastState") or {}]
    ends = [state["terminated"] for state in states if state.get("terminated")]
    return next(iter(ends), None)


def _killed_by_probe(seen: Observation, pod: Object) -> str:
    name = pod["metadata"]["name"]
    for event in reversed(seen.events):
        about = event.get("involvedObject") or {}
        message = str(event.get("message", ""))
        if about.get("name") == name and re.search("failed (startup|liveness) probe", message):
            return message
    return ""


def _probed(status: str, message: str) -> Diagnosis:
    actions: tuple[str, ...]
    if "startup" in message:
        actions = (
            "See what takes the time: kubectl logs --previous",
            "Give it more processor time: spec.inference.resources.limits.cpu",
            "Serve a smaller model, or keep it nearer to the cluster",
        )
        return Diagnosis(status, message, "The server takes too long to start", actions)
    actions = ("See what the server does when it is asked: kubectl logs --previous",)
    return Diagnosis(status, message, "The server does not answer its liveness probe", actions)
