"""The edge: environment in, ASGI application out. Served as `uvicorn app.main:app`.

Loading happens in the lifespan's start-up, before uvicorn opens its port. So a process that
accepts connections is ready, a startup probe on /health waits exactly for that, and a model that
can't be served ends the process instead of leaving it half alive.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.batching import Batcher
from app.callers import read_callers
from app.errors import StartupError
from app.http import Receive, Scope, Send
from app.limits import Limits, read_limits
from app.model import Model, load_model
from app.release import Release, read_release
from app.service import Service
from app.store import StoreSettings, fetch_artifact
from app.telemetry import fall_silent, logger, use_json_logs

# Each runs one batch on one core. Scaling is by pods; a second thread keeps one large request from
# holding up the small ones behind it.
PREDICTION_THREADS = 2

# Any of these says that the platform gives this pod an identity for AWS.
_AWS_IDENTITY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)


def store_settings(environment: Mapping[str, str]) -> StoreSettings:
    """How the environment says to reach the model store. An empty variable counts as absent."""
    endpoint = environment.get("MLIFECYCLE_MODEL_STORE_ENDPOINT") or None
    credentials = environment.get("MLIFECYCLE_MODEL_STORE_CREDENTIALS") or None
    return StoreSettings(
        endpoint=endpoint,
        region=environment.get("MLIFECYCLE_MODEL_STORE_REGION") or "us-east-1",
        credentials=Path(credentials) if credentials else None,
        # A store of one's own with no identity configured is a public one. Asking the cloud's
        # metadata address instead would only end in a timeout that explains nothing.
        anonymous=endpoint is not None and not any(environment.get(key) for key in _AWS_IDENTITY),
    )


def prepare_model(release_file: Path, settings: StoreSettings) -> Model:
    """Read the release, fetch its artifact, and load and prove it. Raises StartupError."""
    release = read_release(release_file)
    return load_model(release, fetch_artifact(release.uri, _in_order(release), settings))


def service_for(environment: Mapping[str, str]) -> Service:
    """The service with the limits and callers that the environment names. Raises StartupError."""
    callers = environment.get("MLIFECYCLE_CALLERS")
    return Service(read_limits(environment), read_callers(Path(callers)) if callers else None)


def grpc_port(environment: Mapping[str, str]) -> int | None:
    """The port on which gRPC is answered; None where it is not. Raises StartupError."""
    text = environment.get("MLIFECYCLE_GRPC_PORT")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**16):
        raise StartupError(f"MLIFECYCLE_GRPC_PORT is {text!r}, not a port")
    return int(text)


class Application:
    """The application for one release. Nothing is read or fetched before its lifespan starts."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        # Says "not ready" to whoever asks before the start-up has made the real one.
        self._service = Service(Limits())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI says."""
        if scope["type"] == "http":
            await self._service(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        use_json_logs()
        file = Path(self._environment.get("MLIFECYCLE_RELEASE_FILE") or "/app/release.json")
        settings = store_settings(self._environment)
        try:
            self._service = service = service_for(self._environment)
            model = await asyncio.to_thread(prepare_model, file, settings)
            port = grpc_port(self._environment)
            calls = await _grpc_calls(service, port) if port else None
        except StartupError as error:
            # The cause is the last line on standard error, where Kubernetes and people look for it.
            print(error, file=sys.stderr, flush=True)
            fall_silent()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        except Exception:
            # Raised, it would read as an application without a lifespan, and be served.
            logger.exception("the model was not loaded, by a mistake of this program")
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        release = model.release
        proof = f"{model.verified} golden samples verified" if model.verified else "unverified"
        logger.info(
            "%s %s is loaded from %s, %s", release.name, release.version, release.uri, proof
        )
        with ThreadPoolExecutor(PREDICTION_THREADS, "prediction") as executor:
            service.open(model, Batcher(model, executor, PREDICTION_THREADS, service.metrics))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            service.close()
            if calls is not None:
                await calls()
        await send({"type": "lifespan.shutdown.complete"})


async def _grpc_calls(service: Service, port: int) -> Callable[[], Awaitable[None]]:
    """Answer gRPC too; what ends that, when what it holds is answered."""
    # Only here: it is 15 MB of memory, which most models need not have.
    from app import grpc_service  # noqa: PLC0415

    server = await grpc_service.serve(service, port)
    return lambda: server.stop(grpc_service.DRAIN_SECONDS)


def _in_order(release: Release) -> list[str]:
    """The model first: when nothing is there at all, it is what a person should hear is missing."""
    return [release.model, *(name for name in release.files if name != release.model)]


app = Application(os.environ)
