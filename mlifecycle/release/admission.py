"""What a cluster admits: the names of released images; and how it says that it does not."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping

# As many as the Deployment keeps revisions, and the one that runs.
KEPT_RELEASES = 11
# An API server hears of a changed policy within a second or two.
LEARNING_SECONDS = 10


def kept_releases(image: str, earlier: Iterable[str]) -> list[str]:
    """The image that is released now, then those that may be returned to, the newest first."""
    return list(dict.fromkeys([image, *earlier]))[:KEPT_RELEASES]


def admitted_names(images: Iterable[str], alias: Callable[[str], str]) -> list[str]:
    """Every name by which a pod may run the images, `name:tag@sha256:...`.

    By tag and digest, as the program writes it; by digest; and by version, as people write it.

    Args:
        alias: what a version's own tag is; empty where the program sets none, and so anybody may.
    """
    admitted: dict[str, None] = {}
    for image in images:
        name, _, digest = image.partition("@")
        repository, _, tag = name.rpartition(":")
        version = tag.rpartition("-")[0]
        admitted |= dict.fromkeys([image, f"{repository}@{digest}"])
        if own := alias(version):
            admitted |= dict.fromkeys([f"{repository}:{own}", f"{repository}:{own}@{digest}"])
    return list(admitted)


def admitted_variables(names: Mapping[str, Collection[str]]) -> dict[str, str]:
    """A policy's variables, as CEL expressions: each model's names, then `released`, all lists.

    A variable for each model, because the parser takes 100,000 characters of an expression, and
    because a preview then shows what changed of which model.
    """
    lists = {
        f"of_{model.replace('-', '_')}": json.dumps(sorted(names[model]))
        for model in sorted(names)
        # An empty list is of no type, and the lists of a list are all of one.
        if names[model]
    }
    return {**lists, "released": f"[{', '.join(f'variables.{name}' for name in lists)}]"}


def policy_name(stack: str, namespace: str) -> str:
    """What the policy of a stack's namespace, and its binding, are called in the cluster."""
    legal = stack.lower().replace("_", "-")
    unlike = "" if legal == stack else f"-{hashlib.sha256(stack.encode()).hexdigest()[:8]}"
    # A namespace has no dot: what stands before the last one is the stack.
    return f"mlifecycle-{legal}{unlike}.{namespace}"


def is_denial(message: str, stack: str, namespace: str) -> bool:
    """Whether an API server's answer is that the namespace's policy does not admit an object."""
    return f"ValidatingAdmissionPolicy '{policy_name(stack, namespace)}'" in message
