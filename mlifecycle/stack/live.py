"""What the cluster itself says that it runs."""

import asyncio
from collections.abc import Mapping
from typing import Any

import kr8s
import kr8s.asyncio

from mlifecycle.process import ToolError
from mlifecycle.release.api import ask
from mlifecycle.release.askers import NO_ANSWER

APPS = "apps/v1"
NOT_FOUND = 404


def deployments_of(namespaces: Mapping[str, str], context: str) -> dict[str, dict[str, Any]]:
    """The Deployment of each model; none for one that the cluster does not have.

    Args:
        namespaces: of each model, by its name.
        context: of the kubeconfig; the current one where empty.

    Raises:
        ToolError: there is no such kubeconfig, or the cluster does not answer, or refuses.
    """
    try:
        return asyncio.run(_deployments(namespaces, context))
    except (*NO_ANSWER, ValueError) as error:
        raise ToolError(
            f"the cluster does not say what it runs: {error or type(error).__name__}. See"
            " KUBECONFIG and mlifecycle:kubeContext, and whether you may read its deployments"
        ) from error


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
        except kr8s.ServerError as error:
            if error.response is None or error.response.status_code != NOT_FOUND:
                raise
    return found
