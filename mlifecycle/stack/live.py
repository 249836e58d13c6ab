"""What the cluster itself says that it runs."""

import asyncio
from collections.abc import Mapping
from typing import Any

import kr8s
import kr8s.asyncio

from mlifecycle.release.api import ask
from mlifecycle.release.askers import NO_ANSWER

APPS = "apps/v1"


def deployments_of(namespaces: Mapping[str, str], context: str) -> dict[str, dict[str, Any]]:
    """The Deployment of each model; none for one that the cluster does not have, or does not show.

    Args:
        namespaces: of each model, by its name.
        context: of the kubeconfig; the current one where empty.
    """
    return asyncio.run(_deployments(namespaces, context))


def image_of(deployment: Mapping[str, Any]) -> str:
    """What its pods run; empty where there is none."""
    template = (deployment.get("spec") or {}).get("template") or {}
    containers = (template.get("spec") or {}).get("containers") or ()
    return next((str(item["image"]) for item in containers), "")


async def _deployments(namespaces: Mapping[str, str], context: str) -> dict[str, dict[str, Any]]:
    api = await kr8s.asyncio.api(context=context or None)
    found = {}
    for name, namespace in namespaces.items():
        try:
            found[name] = dict(await ask(api, "GET", f"deployments/{name}", namespace, group=APPS))
        except NO_ANSWER:
            continue
    return found
