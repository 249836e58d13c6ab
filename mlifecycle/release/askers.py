"""The two ways to a released model: its Service behind the API server, and its external host."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import kr8s
import kr8s.asyncio

from mlifecycle.release.api import REQUEST_SECONDS, ask

NO_ANSWER = (kr8s.ServerError, kr8s.APITimeoutError, httpx.HTTPError)


class Asker(Protocol):
    """Asks a model."""

    @property
    def name(self) -> str:
        """What is asked, for messages."""

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, as JSON gives it. Raises one of NO_ANSWER, or ValueError for no JSON."""


@dataclass(frozen=True)
class Inside:
    """Through the API server, so a kubeconfig is all that it needs."""

    api: kr8s.asyncio.Api
    namespace: str
    service: str
    key: str = field(repr=False)

    @property
    def name(self) -> str:
        """The Service, and where it is."""
        return f"Service {self.service} in {self.namespace}"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As `Asker`."""
        url = f"services/http:{self.service}:http/proxy/{path}"
        return await ask(
            self.api, method, url, self.namespace, body=body, headers=_headers(self.key)
        )


@dataclass(frozen=True)
class Outside:
    """As callers outside the cluster do, by https.

    Attributes:
        host: of the model.
        address: of the ingress controller, where DNS does not know the host.
    """

    client: httpx.AsyncClient
    host: str
    address: str

    @property
    def name(self) -> str:
        """The host."""
        return f"https://{self.host}"

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As `Asker`."""
        response = await self.client.request(
            method,
            f"https://{self.address or self.host}/{path}",
            headers={"host": self.host},
            extensions={"sni_hostname": self.host},
            **({} if body is None else {"json": body}),
        )
        response.raise_for_status()
        return response.json()


@asynccontextmanager
async def outside(host: str, address: str, authority: str, key: str) -> AsyncIterator[Outside]:
    """A way in from outside.

    Args:
        authority: a file of certificates to trust; empty for the system's.

    Raises:
        OSError: the file cannot be read, or holds none.
    """
    trusted = ssl.create_default_context(cafile=authority or None)
    async with httpx.AsyncClient(
        verify=trusted, timeout=REQUEST_SECONDS, headers=_headers(key), trust_env=not address
    ) as client:
        yield Outside(client, host, address)


def _headers(key: str) -> Mapping[str, str]:
    # Not as a bearer token: inside, that one is for the API server, which carries the request.
    return {"x-api-key": key} if key else {}
