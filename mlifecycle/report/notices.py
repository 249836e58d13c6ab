"""What people are told of a release, a return, a removal or a refusal; the first line is the title.

The texts of a success and of the failures are the workflow's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.ledger.record import Release
from mlifecycle.report.escape import line, terminal

MAXIMUM_CHANGES = 20
# The least that any channel takes (SMS apart): Discord's 2,000, without the title.
MAXIMUM_CHARACTERS = 1_800


def released(stack: str, release: Release, before: Release | None, image: str) -> str:
    """A model was released and verified.

    Args:
        before: what ran until then.
        image: by the name that people know it by.
    """
    outputs, name = release.outputs, release.manifest.metadata.name
    lines = [
        f"✓ {name} {release.version} in stack {stack}",
        f"Model {name} v{release.version} deployed successfully",
        "",
        "Endpoints:",
        f"- Predict: POST {outputs['address']}/predict",
        f"- Metrics: GET {outputs['address']}/metrics",
        "",
        "Deployment Details:",
        f"- Environment: {release.verified['environment']}",
        f"- Replicas: {_replicas(release)}",
        f"- Image: {image}",
    ]
    if before:
        changes = list(_changes(before.verified["manifest"], release.verified["manifest"]))
        shown = changes[:MAXIMUM_CHANGES] or ["nothing in the manifest"]
        more = [f"and {len(changes) - len(shown)} more"] if len(changes) > len(shown) else []
        lines += ["", f"Changed since {before.version}:", *(f"- {item}" for item in shown + more)]
    return _bounded(lines)


def failed(stack: str, model: str, version: str, failure: str) -> str:
    """A release did not become ready, or did not answer as it must; its manifest is held back."""
    return _bounded(
        [
            f"❌ {model} {version} in stack {stack} failed",
            *failure.split("\n"),
            "",
            "Its manifest is held back until it changes, or",
            f"mlifecycle retry {model} --stack {stack} --reason ...",
        ]
    )


def returned(stack: str, model: str, version: str, reason: str) -> str:
    """What ran before runs again; `version` is empty where nothing did."""
    runs = f"{version} runs again, verified" if version else "nothing ran before, it is gone"
    return _bounded([f"✓ {model} in stack {stack} is returned", f"{model}: {runs}", "", reason])


def removed(stack: str, model: str, version: str) -> str:
    """A model is gone with its manifest."""
    words = f"{model} {version} does not run any more: no manifest names it"
    return _bounded([f"{model} in stack {stack} is removed", words])


def refused(stack: str, model: str, version: str, why: str) -> str:
    """Gate or policies refuse a model; what ran before still does."""
    return _bounded([f"❌ {model} {version} is refused in stack {stack}", *why.split("\n")])


def _bounded(lines: list[str]) -> str:
    title, *body = (terminal(item) for item in lines)
    text = "\n".join(body)
    if len(text) > MAXIMUM_CHARACTERS:
        text = text[:MAXIMUM_CHARACTERS].rpartition("\n")[0] + "\n…"
    return f"{line(title)}\n{text}"


def _replicas(release: Release) -> Any:
    """Where an autoscaler has the number, the least that it keeps."""
    specs = {item["type"].split(":")[-1]: item["inputs"].get("spec") for item in release.objects}
    scaled = specs.get("HorizontalPodAutoscaler") or {}
    return _whole(scaled.get("minReplicas") or (specs.get("Deployment") or {}).get("replicas", 1))


def _whole(value: Any) -> Any:
    # The engine's state knows no other numbers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Each field of the manifest that is another, with both values."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path, entry in sorted(old.keys() | new.keys()):
        values = [found.get((path, entry), "nothing") for found in (old, new)]
        if values[0] == values[1]:
            continue
        what = " → ".join(values)
        if entry:
            what = f"{'without' if (path, entry) in old else 'with'} {entry}"
        yield line(f"{path}: {what}")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """Each value by its path; of a list, by the entry too: one more at the front is one change."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield from (((path, _entry(item)), "") for item in value)
    else:
        yield (path, ""), str(value)


def _entry(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
