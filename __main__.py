"""One ModelDeployment for each manifest of the stack's folders."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pulumi
from pulumi.runtime import get_config, is_config_secret

from components import cluster
from components.admission import Admission
from components.hooks import in_hook_pool
from components.model_deployment import ModelDeployment, ModelDeploymentArgs
from components.object_gate import ObjectGate
from components.outputs import ResourceRegistrationFailed
from components.pinned_model import PinnedModel
from mlifecycle.digests import folder_digest
from mlifecycle.governance.context import Context, ContextError
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import Governance, load_governance
from mlifecycle.governance.owners_file import OwnersFileError
from mlifecycle.image.build import require_builder
from mlifecycle.manifest.loading import LoadedManifest, ManifestError
from mlifecycle.process import ToolError
from mlifecycle.report.escape import line, terminal
from mlifecycle.report.remedies import with_remedy
from mlifecycle.security.repository import Repository, repository_refusal
from mlifecycle.stack.gating import (
    CACHE,
    REFUSED,
    SHIPPED_SOURCE,
    GatedStack,
    Materials,
    gated_stack,
    materials_of,
)
from mlifecycle.stack.holds import Hold, holds_of
from mlifecycle.stack.recording import ledger_of
from mlifecycle.stack.running import context_of
from mlifecycle.stack.settings import (
    PROJECT,
    SettingsError,
    StackSettings,
    manifests_of,
    read_settings,
    setting_error,
)

# pulumi-language-python-exec: "exited after showing a user actionable message".
SAID_ALL = 32
# In the place of a refusal: a part of the model was not made, and the engine has said why.
FAILED = "failed"


def main() -> None:
    """Read what decides over the release, then have it declared."""
    try:
        settings = read_settings(pulumi.get_stack(), _config, _is_encrypted)
        loaded = manifests_of(pulumi.get_stack(), settings, Path())
        governance = load_governance()
        governance.require_environment(settings.environment)
        context = context_of(pulumi.get_stack(), settings)
    except (SettingsError, ManifestError, OwnersFileError, ContextError, ToolError) as error:
        _end_with(error)
    # Before anything else: it judges every object that the program declares from here on.
    objects = ObjectGate(settings.environment, governance, context)
    pulumi.run(lambda: _declare(settings, loaded, governance, context, objects))


async def _declare(
    settings: StackSettings,
    loaded: list[LoadedManifest],
    governance: Governance,
    context: Context,
    objects: ObjectGate,
) -> dict[str, Any]:
    """Declare the release; what it gives is the stack's outputs."""
    try:
        # In threads, as all that waits: the loop answers the engine meanwhile. They are the loop's
        # own, which nothing else has yet.
        await asyncio.to_thread(_require_builder, settings.builder)
        gated = await asyncio.to_thread(
            gated_stack, pulumi.get_stack(), settings, governance, context
        )
        holds, gated = await asyncio.to_thread(_holds, loaded, gated)
        free = [item for item in loaded if item.manifest.metadata.name not in holds]
        materials = await asyncio.gather(
            *(asyncio.to_thread(_materials, item, gated) for item in free)
        )
    except (SettingsError, ToolError) as error:
        _end_with(error)
    repository = _repository(settings, governance, context)
    provider = cluster.provider(settings)
    pinned = {name: hold.release for name, hold in holds.items() if hold.release}
    owned = cluster.namespaces(
        filter(
            None,
            map(
                settings.namespace_of,
                [*(item.manifest for item in free), *(old.manifest for old in pinned.values())],
            ),
        ),
        Admission(gated.name, settings.admission_action, gated.alias),
        pulumi.ResourceOptions(provider=provider),
    )
    generator_digest = folder_digest(Path("components"))
    models: list[ModelDeployment | PinnedModel] = []
    for name, old in pinned.items():
        namespace = owned[settings.namespace_of(old.manifest)]
        options = pulumi.ResourceOptions(providers=[provider], depends_on=[namespace.closed])
        models.append(PinnedModel(name, old, gated, namespace, options))
    for item, found in zip(free, materials, strict=True):
        args = ModelDeploymentArgs(
            loaded=item,
            materials=found,
            generator_digest=generator_digest,
            stack=gated,
            namespace=owned.get(settings.namespace_of(item.manifest)),
            repository=repository,
        )
        options = pulumi.ResourceOptions(
            providers=[provider], depends_on=[args.namespace.closed] if args.namespace else []
        )
        models.append(ModelDeployment(args, options))
    for namespace in owned.values():
        namespace.released.close()
    return {
        "environment": settings.environment,
        "models": _unless_refused(models, objects, repository, owned.values()),
        "registrations": {model.pulumi_resource_name: model.registration for model in models},
    }


def _unless_refused(
    models: list[ModelDeployment | PinnedModel],
    objects: ObjectGate,
    repository: Callable[[], str],
    owned: Iterable[cluster.OwnedNamespace],
) -> pulumi.Output[dict[str, Any]]:
    """What the stack holds; every refusal of a model as an error of it, when all gates have ended.

    Args:
        owned: what they admit is the last of what is no model's. Pulumi prints a traceback where a
            program ends while the engine still asks it something.
    """

    async def registered() -> None:
        # Whether it may be made is told by itself.
        for namespace in owned:
            with suppress(Exception):
                await namespace.released.bound.urn.future()

    async def end_if_refused(scanned: str, refusals: list[str]) -> None:
        refused = {
            model: why
            for model, why in zip(models, refusals, strict=True)
            if why not in ("", FAILED)
        }
        for model, why in refused.items():
            pulumi.log.error(why, model)
        # What is about a resource is sent by a task of its own, which has its turn here.
        await asyncio.sleep(0)
        if scanned:
            raise pulumi.RunError(scanned)
        if refused:
            are = "is" if len(refused) == 1 else "are"
            raise pulumi.RunError(f"{len(refused)} of {len(models)} models {are} refused")
        if found := objects.stack_refusals():
            raise pulumi.RunError("\n\n".join(found))
        if failed := refusals.count(FAILED):
            # The outputs stay as they were.
            raise pulumi.RunError(f"{failed} of {len(models)} models failed")

    # In a thread: the program's loop must not wait for a scanner.
    scanned: pulumi.Output[str] = pulumi.Output.from_input(in_hook_pool(repository))
    # Of all of them: a program that ends takes the hooks away that others still wait for.
    settled = (model.settled.recover(_unless_registered) for model in models)
    told = pulumi.Output.all(scanned, *settled)
    checked: pulumi.Output[None] = pulumi.Output.all(told, registered()).apply(
        lambda both: pulumi.Output.from_input(end_if_refused(both[0][0], both[0][1:]))
    )
    return checked.apply(lambda _: {model.pulumi_resource_name: model.summary for model in models})


def _unless_registered(error: Exception) -> str:
    if not isinstance(error, ResourceRegistrationFailed):
        raise error
    return FAILED


def _repository(
    settings: StackSettings, governance: Governance, context: Context
) -> Callable[[], str]:
    """Scan the checkout, once and beside all else; the answer waits for the end of it."""
    pool = ThreadPoolExecutor(max_workers=1)
    answer = pool.submit(
        repository_refusal,
        Repository(Path(), SHIPPED_SOURCE, CACHE),
        settings.environment,
        governance,
        context,
        settings.scan_timeout_seconds,
    )
    pool.shutdown(wait=False)
    return answer.result


def _require_builder(name: str) -> None:
    try:
        require_builder(name)
    except ToolError as error:
        raise setting_error(pulumi.get_stack(), "builder", error) from error


def _end_with(error: Exception) -> NoReturn:
    """Say why and end: the engine takes this exit code to mean that all is said."""
    pulumi.log.error(with_remedy(error))
    sys.exit(SAID_ALL)


def _is_encrypted(key: str) -> bool:
    return bool(is_config_secret(f"{PROJECT}:{key}"))


def _config(key: str) -> Any:
    """A key of the stack's configuration; arrays arrive as JSON."""
    value = get_config(f"{PROJECT}:{key}")
    return json.loads(value) if value and value.startswith("[") else value


def _holds(loaded: list[LoadedManifest], stack: GatedStack) -> tuple[dict[str, Hold], GatedStack]:
    """The models whose manifests are held back, each told; and the stack, which knows by what."""
    ledger = ledger_of(stack.name, stack.settings)
    found = holds_of(loaded, ledger, stack.settings, stack.context)
    for name, hold in found.items():
        runs = f"{hold.release.version} runs" if hold.release else "nothing runs"
        pulumi.log.warn(line(f"{name}: its manifest is held back, {runs}: {hold.reason}"))
    records = {name: record.tag for name, record in ledger.last().items()}
    return found, replace(stack, records=records)


def _materials(item: LoadedManifest, stack: GatedStack) -> Materials:
    """What a model is released from; only of one that governance does not refuse."""
    name, environment = item.manifest.metadata.name, stack.settings.environment
    if evaluate(item.manifest, environment, stack.gate.governance, stack.context).refused:
        return REFUSED
    for unknown in stack.settings.unknown_recipients(item.manifest):
        words = f"spec.ownership.notify: stack {stack.name} has no channel {unknown!r}"
        pulumi.log.warn(terminal(f"{name}: {words} (mlifecycle:notifyChannels): nobody is told"))
    materials = materials_of(item.manifest, stack)
    lock = materials.dependencies.lock
    if pulumi.runtime.is_dry_run() and not lock.is_kept and not lock.problem:
        words = "no lock of its dependencies is kept: this preview made one, which `up` keeps"
        pulumi.log.info(f"{name}: {words}")
    if materials.is_owed:
        words = "the registry lacks a part of what runs, or moved its tag: `up` puts it right"
        pulumi.log.warn(f"{name}: {words}")
    return materials


if __name__ == "__main__":
    main()
