"""One request to the cluster's API, and its answer."""

import json
from collections.abc import Mapping
from typing import Any

import kr8s.asyncio

REQUEST_SECONDS = 10


async def ask(
    api: kr8s.asyncio.Api,
    method: str,
    path: str,
    namespace: str | None = None,
    *,
    group: str = "v1",
    parameters: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    is_text: bool = False,
) -> Any:
    """Ask for what is at a path, of a namespace if one is named; the answer as JSON gives it.

    Args:
        group: with its version, such as `apps/v1`.
        is_text: the answer is no JSON, and given as it is.

    Raises:
        kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError: refused, or no answer.
        ValueError: the answer is no JSON.
    """
    async with api.call_api(
        method,
        base="/apis" if "/" in group else "/api",
        version=group,
        namespace=namespace,
        url=path,
        timeout=REQUEST_SECONDS,
        headers=headers or {},
        params=parameters or {},
        **({} if body is None else {"json": body}),
    ) as response:
        return response.text if is_text else json.loads(response.content)
