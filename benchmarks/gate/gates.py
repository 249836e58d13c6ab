"""Pass the gate of every manifest of a stack, as its program does, in one fresh process.

Only what the gate itself takes is timed: reading the stack's configuration and manifests is not.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlifecycle.gate import pass_gate
from mlifecycle.governance.context import read_context
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import load_governance
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.security.repository import Repository, repository_refusal
from mlifecycle.stack.engine import Engine
from mlifecycle.stack.gating import CACHE, SHIPPED_SOURCE, gated_stack, materials_of
from mlifecycle.stack.release import settings_of
from mlifecycle.stack.settings import manifests_of

# As many as the program passes at once (components/hooks.py).
GATES_AT_ONCE = 4


def main() -> None:
    """Arguments: the stack's name, the folder of its project. Prints what it took in seconds."""
    stack, project = sys.argv[1], Path(sys.argv[2])
    root = Path(__file__).parents[2]
    os.chdir(root)
    settings = settings_of(stack, Engine(stack, project=project, policy_pack=root / "policy_pack"))
    loaded = manifests_of(stack, settings, root)
    started = time.perf_counter()
    governance, context = load_governance(), read_context()
    gated = gated_stack(stack, settings, governance, context)

    def gate(item: LoadedManifest) -> None:
        judged = evaluate(item.manifest, settings.environment, governance, context, item.lines())
        found = materials_of(item.manifest, gated)
        pass_gate(found.candidate(judged), context, gated.gate)

    with ThreadPoolExecutor(GATES_AT_ONCE) as pool, ThreadPoolExecutor(1) as beside:
        repository = beside.submit(
            repository_refusal,
            Repository(Path(), SHIPPED_SOURCE, CACHE),
            settings.environment,
            governance,
            context,
            settings.scan_timeout_seconds,
        )
        list(pool.map(gate, loaded))
        if refusal := repository.result():
            sys.exit(refusal)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
