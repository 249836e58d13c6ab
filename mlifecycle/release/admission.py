"""What a cluster admits: the names of released images; and how it says that it does not."""

import hashlib
from collections.abc import Callable, Iterable

# The ConfigMap that lists them, in each namespace of a stack.
RELEASED_IMAGES = "mlifecycle-released-images"
# As many as the Deployment keeps revisions, and the one that runs.
KEPT_RELEASES = 11
# An API server hears of a changed list within a second or two.
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


def policy_name(stack: str) -> str:
    """What the stack's policy and its binding are called in the cluster; other stacks' differ."""
    legal = stack.lower().replace("_", "-")
    unlike = "" if legal == stack else f"-{hashlib.sha256(stack.encode()).hexdigest()[:8]}"
    return f"mlifecycle-{legal}{unlike}"


def is_denial(message: str, stack: str) -> bool:
    """Whether an API server's answer is that the stack's policy does not admit an object."""
    return f"ValidatingAdmissionPolicy '{policy_name(stack)}'" in message
