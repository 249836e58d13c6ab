"""The edge: environment in, ASGI application out. Served as `uvicorn app.main:app`.

Loading happens in the lifespan's start-up, before uvicorn opens its port. So a process that
accepts connections is ready, a startup probe on /health waits exactly for that, and a model that
can't be served ends the process instead of leaving it half alive.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from app.api import (
    Service,
    answer_http_error,
    answer_request_error,
    answer_unexpected_error,
)
from app.errors import RequestError, StartupError
from app.model import Model, load_model
from app.release import Release, read_release
from app.store import StoreSettings, fetch_artifact

# Each runs one prediction on one core. Scaling is by pods; a few threads keep one large request
# from holding up the small ones behind it.
PREDICTION_THREADS = 4

# Any of these says that the platform gives this pod an identity for AWS.
_AWS_IDENTITY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)

# uvicorn configures this one; without it a line would go nowhere.
_logger = logging.getLogger("uvicorn.error")


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


def _in_order(release: Release) -> list[str]:
    """The model first: when nothing is there at all, it is what a person should hear is missing."""
    return [release.model, *(name for name in release.files if name != release.model)]


def create_app(release_file: Path, settings: StoreSettings) -> Starlette:
    """The application for one release. Nothing is read or fetched before its lifespan starts."""
    service = Service()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            model = await asyncio.to_thread(prepare_model, release_file, settings)
        except StartupError as error:
            _say_and_fall_silent(error)
            raise
        release = model.release
        _logger.info("Model %s %s is loaded from %s", release.name, release.version, release.uri)
        with ThreadPoolExecutor(PREDICTION_THREADS, "prediction") as executor:
            service.open(model, executor)
            try:
                yield
            finally:
                service.close()

    app = Starlette(
        routes=service.routes(),
        exception_handlers={
            RequestError: answer_request_error,
            HTTPException: answer_http_error,
            Exception: answer_unexpected_error,
        },
        lifespan=lifespan,
    )
    # /health/ is an unknown route, not a redirect.
    app.router.redirect_slashes = False
    return app


def _say_and_fall_silent(error: StartupError) -> None:
    """Make the cause the last line on stderr, where Kubernetes and people look for it.

    Starlette hands the traceback to uvicorn, which logs it with a remark of its own and exits with
    code 3. Code 3 is right, the noise is not. Other exceptions are ours and keep their traceback.
    """
    print(error, file=sys.stderr, flush=True)
    _logger.setLevel(logging.CRITICAL)


app = create_app(
    Path(os.environ.get("MLIFECYCLE_RELEASE_FILE") or "/app/release.json"),
    store_settings(os.environ),
)
