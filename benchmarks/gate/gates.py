"""Pass the gate of every manifest of a stack, as its program does, in one fresh process.

Only what the gate itself takes is timed: reading the stack's configuration and manifests is not.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from mlifecycle.gate import Passed, pass_gate
from mlifecycle.governance.context import RunningRelease, read_context
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import load_governance
from mlifecycle.image import names
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import to_plain
from mlifecycle.release.publication import publish, push_scanned
from mlifecycle.security.image_scan import layout_of
from mlifecycle.security.repository import Repository, repository_refusal
from mlifecycle.stack.engine import Engine
from mlifecycle.stack.gating import (
    CACHE,
    SHIPPED_SOURCE,
    GatedStack,
    Materials,
    gated_stack,
    materials_of,
)
from mlifecycle.stack.run import settings_of
from mlifecycle.stack.settings import manifests_of

_READER = TypeAdapter(dict[str, RunningRelease])
# As many as the program passes at once (components/hooks.py).
GATES_AT_ONCE = 4


@dataclass(frozen=True)
class Released:
    """A model whose gate is passed."""

    loaded: LoadedManifest
    materials: Materials
    passed: Passed


def main() -> None:
    """Arguments: stack, its project's folder, a file. Prints what it took in seconds.

    The file holds what the stack runs: read if it is there, written if `release` follows, when all
    that has passed is published as a release publishes it.
    """
    stack, project, running = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    root = Path(__file__).parents[2]
    os.chdir(root)
    settings = settings_of(stack, Engine(stack, project=project, policy_pack=root / "policy_pack"))
    loaded = manifests_of(stack, settings, root)
    started = time.perf_counter()
    context = read_context()
    if running.exists():
        known = _READER.validate_json(running.read_bytes())
        context = context.model_copy(update={"running": known})
    governance = load_governance()
    gated = gated_stack(stack, settings, governance, context)

    def gate(item: LoadedManifest) -> Released:
        judged = evaluate(item.manifest, settings.environment, governance, context, item.lines())
        found = materials_of(item.manifest, gated)
        return Released(item, found, pass_gate(found.candidate(judged), context, gated.gate))

    with ThreadPoolExecutor(GATES_AT_ONCE) as pool, ThreadPoolExecutor(1) as beside:
        repository = beside.submit(
            repository_refusal,
            Repository(Path(), SHIPPED_SOURCE, CACHE),
            settings.environment,
            governance,
            context,
            settings.scan_timeout_seconds,
        )
        passed = list(pool.map(gate, loaded))
        if refusal := repository.result():
            sys.exit(refusal)
    print(json.dumps({"seconds": time.perf_counter() - started}))
    if "release" in sys.argv:
        releases = {item.loaded.manifest.spec.model.name: _release(item, gated) for item in passed}
        running.write_bytes(_READER.dump_json(releases))


def _release(released: Released, gated: GatedStack) -> RunningRelease:
    manifest, inputs = released.loaded.manifest, released.materials.inputs
    if isinstance(inputs, str):
        sys.exit(inputs)
    digest, destination = released.passed.evidence.image_digest, gated.destination(inputs)
    push_scanned(layout_of(inputs, gated.gate.scanners), digest, destination)
    gated.locks.keep(manifest.spec.dependencies, released.materials.dependencies.lock)
    gated.base_images.keep(gated.base_image)
    publish(released.passed.evidence, inputs, manifest, destination)
    return RunningRelease(
        version=inputs.version,
        environment=gated.settings.environment,
        manifest=to_plain(manifest),
        build=inputs.digest(),
        lock=released.materials.dependencies.lock.digest,
        image=names.reference(gated.settings.registry, inputs, digest),
    )


if __name__ == "__main__":
    main()
