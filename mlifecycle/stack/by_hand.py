"""What somebody changed in the cluster itself: `kubectl rollout undo`, `kubectl set image`."""

from collections.abc import Iterable, Mapping

from mlifecycle.governance.context import Context
from mlifecycle.ledger.record import Record
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import from_plain, to_plain
from mlifecycle.release.admission import admitted_names
from mlifecycle.stack.live import deployments_of, image_of
from mlifecycle.stack.settings import StackSettings

BY_HAND = "rolled back by hand in the cluster"


def returned_by_hand(
    loaded: Iterable[LoadedManifest], ledger: Ledger, settings: StackSettings, context: Context
) -> dict[str, Record]:
    """The models that run an earlier release than the stack's state says, by the record of that.

    One whose manifest has changed since is not among them: it is a release of its own.

    Raises:
        ToolError: the cluster or the registry does not answer.
    """
    running = context.running or {}
    unchanged = [
        name
        for item in loaded
        if (name := item.manifest.metadata.name) in running
        and running[name].manifest == to_plain(item.manifest)
    ]
    changed = changed_by_hand(unchanged, settings, context)
    if not changed:
        return {}
    found: dict[str, Record] = {}
    for record in ledger.all(fresh=False)[0]:
        image, release = changed.get(record.model), record.release
        if image is None or release is None or record.model in found:
            continue
        names = admitted_names(
            [record.image], lambda version: settings.alias(version, ledger.stack)
        )
        if image in names:
            found[record.model] = record
    return found


def changed_by_hand(
    models: Iterable[str], settings: StackSettings, context: Context
) -> Mapping[str, str]:
    """The image that the cluster runs of each model, where it is another than the state's.

    Raises:
        ToolError: the cluster does not answer.
    """
    known = {
        name: (release.image, settings.namespace_of(from_plain(release.manifest)))
        for name in models
        if (release := (context.running or {}).get(name)) and release.image and release.manifest
    }
    if not known:
        return {}
    places = {name: namespace for name, (_, namespace) in known.items()}
    live = {
        name: image_of(deployment)
        for name, deployment in deployments_of(places, settings.kube_context).items()
    }
    return {name: image for name, image in live.items() if image not in ("", known[name][0])}
