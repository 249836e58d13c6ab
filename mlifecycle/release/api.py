"""One request to a namespace of the cluster, and its answer."""

import json
from collections.abc import Mapping
from typing import Any

import kr8s.asyncio

REQUEST_SECONDS = 10


async def request(
    api: kr8s.asyncio.Api,
    method: str,
    namespace: str,
    url: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Ask the core API of a namespace; the answer as JSON gives it.

    Raises:
        kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError: refused, or no answer.
        ValueError: the answer is no JSON.
    """
    async with api.call_api(
        method,
        base="/api",
        version="v1",
        namespace=namespace,
        url=url,
        timeout=REQUEST_SECONDS,
        headers=headers or {},
        **({} if body is None else {"json": body}),
    ) as response:
        return json.loads(response.content)
