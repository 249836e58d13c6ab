"""What a verdict depends on beside manifest and rules: the day, what runs, what is known, waivers.

One reader makes it (`read_context`); a recorded one fixes it for every moment. It is recorded with
the verdict and is never an input of a resource: else every day would be a change.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mlifecycle.governance.waivers import Day, Waiver, load_waivers
from mlifecycle.manifest.plain import manifest_digest

# Of a recorded one: all objects of a stack of ten thousand models are in it.
MAXIMUM_BYTES = 200_000_000
# Names a file that fixes the context, for the command line, the program and the policy pack alike.
CONTEXT_VARIABLE = "MLIFECYCLE_CONTEXT"


class _Recorded(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_text(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("write the number as text, so that it stays exact")
    return value


Exact = Annotated[Decimal, BeforeValidator(_as_text)]


class RunningRelease(_Recorded):
    """The release of a model that a stack runs, verified.

    Attributes:
        environment: by whose levels it was judged.
        manifest: as `to_plain` gives it; a finding on an unchanged one is `standing`.
        build: 64 hex digits over all that its image is made of.
        lock: 64 hex digits over what its dependencies are locked to.
        image: what runs, `name:tag@sha256:...`.
        deployed_at: when it was released, in UTC, `2025-01-02T12:00:00Z`.

    All but version and figures are None where something else was tried since, and did not end well.
    """

    version: str
    accuracy: Exact | None = None
    f1_score: Exact | None = None
    environment: str | None = None
    manifest: dict[str, Any] | None = None
    build: str | None = None
    lock: str | None = None
    image: str | None = None
    deployed_at: str | None = None


class MadeObject(_Recorded):
    """A Kubernetes object that a stack has made.

    Attributes:
        body: as it was given to the cluster; a Secret's data is encrypted.
        released_to: the environment to which its model is released, verified; None where it is
            no part of such a release.
    """

    body: dict[str, Any]
    released_to: str | None = None


class StackState(_Recorded):
    """What a stack has made.

    Attributes:
        running: the running release of each model.
        released: the images that each model may run, `name:tag@sha256:...`: what passed the gate
            last, whether it ended well or not, then what may be returned to.
        judged: the manifests of each model that were released and ran verified, as `judged_as` has
            them.
        records: the newest record of each model in the ledger that the stack has followed, by tag.
    """

    running: dict[str, RunningRelease]
    released: dict[str, tuple[str, ...]] = {}
    judged: dict[str, tuple[str, ...]] = {}
    records: dict[str, str] = {}
    objects: tuple[MadeObject, ...] = ()


class Context(_Recorded):
    """What a verdict depends on, and what the program and the policy pack of one run share.

    Attributes:
        date: today, in UTC.
        running: as `StackState` has it; None where there is no stack to ask.
        released, judged, records: as `StackState` has them.
        pinned: the models that stay as they are in this run, whatever their manifests say; each
            with the reason.
        objects: as `StackState` has them; a finding on an equal one can be `standing`.
        experiments: ids and names that the tracking server knows; None where none is configured.
        registries: hosts, or hosts with a path, that the stack's configuration accepts in addition.
        namespace: how the stack's configuration names namespaces, `{namespace}` for a manifest's.
        waivers: as the file holds them, the expired ones too.
    """

    date: Day
    running: dict[str, RunningRelease] | None = None
    released: dict[str, tuple[str, ...]] = {}
    judged: dict[str, tuple[str, ...]] = {}
    records: dict[str, str] = {}
    pinned: dict[str, str] = {}
    objects: tuple[MadeObject, ...] = ()
    experiments: tuple[str, ...] | None = None
    registries: tuple[str, ...] = ()
    namespace: str = "{namespace}"
    waivers: tuple[Waiver, ...] = ()


def judged_as(manifest: Mapping[str, Any], environment: str) -> str:
    """A manifest, as `to_plain` gives it, and by whose levels it was judged."""
    return f"{environment} {manifest_digest(manifest)}"


class ContextError(Exception):
    """The recorded context cannot be used."""


def read_context(
    registries: tuple[str, ...] = (),
    namespace: str = "{namespace}",
    *,
    state: Callable[[], StackState | None] | None = None,
    recorded: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Context:
    """The context of this run: the recorded one if there is any, else today's.

    Args:
        registries: what the stack's configuration accepts.
        namespace: how it names namespaces.
        state: asks the stack what it has made; None where there is no stack.
        recorded: a file that fixes the context; the variable MLIFECYCLE_CONTEXT names one too.

    Raises:
        ContextError: the recorded one cannot be read.
        OwnersFileError: `waivers.yaml` is unusable.
    """
    named = environment.get(CONTEXT_VARIABLE)
    if named and not Path(named).is_absolute():
        # The program and the pack run in other folders than the shell.
        raise ContextError(f"{CONTEXT_VARIABLE} must be an absolute path, not {named!r}")
    file = recorded or (Path(named) if named else None)
    if file is None:
        made = state() if state else None
        return Context(
            date=datetime.now(UTC).date(),
            registries=registries,
            namespace=namespace,
            running=made.running if made else None,
            released=made.released if made else {},
            judged=made.judged if made else {},
            records=made.records if made else {},
            objects=made.objects if made else (),
            waivers=load_waivers(),
        )
    try:
        if not file.is_file() or file.stat().st_size > MAXIMUM_BYTES:
            raise ContextError(
                f"{file}: cannot be read: no file, or more than {MAXIMUM_BYTES} bytes"
            )
        return Context.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ContextError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        raise ContextError(f"{file}: {reasons}") from error
