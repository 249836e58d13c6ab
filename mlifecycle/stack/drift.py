"""Images that somebody put into the cluster, and that do not stand there: they are put right."""

from collections.abc import Iterable

from mlifecycle.governance.context import Context
from mlifecycle.stack.by_hand import changed_by_hand
from mlifecycle.stack.recording import DEPLOYMENT
from mlifecycle.stack.run import StackRun
from mlifecycle.stack.running import model_of, name_of, resources_of


def refresh_what_drifted(models: Iterable[str], run: StackRun, context: Context) -> None:
    """Have the engine see it: it compares a program with its state, which knows nothing of that.

    Raises:
        EngineError: the cluster does not answer.
        ToolError: the state cannot be read.
    """
    drifted = changed_by_hand(models, run.settings, context)
    if not drifted:
        return
    for name, image in sorted(drifted.items()):
        run.report(f"{name} runs {image}, which was put there by hand: it is put right")
    resources = resources_of(run.stack)
    urns = [
        resource["urn"]
        for resource in resources.values()
        if resource["type"] == DEPLOYMENT
        and (model := model_of(resource, resources))
        and name_of(model) in drifted
    ]
    run.engine.refresh(urns)
