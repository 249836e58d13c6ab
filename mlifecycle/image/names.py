"""Image names, computed before anything is built."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class BuildInputs:
    """All that an image is made of; equal inputs give an equal image."""

    artifact_digest: str
    golden_digest: str
    context_digest: str
    base_image: str
    uri: str
    model: str
    version: str

    def digest(self) -> str:
        """64 hex digits over all of them."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def repository(registry: str, model: str) -> str:
    """Where a model's images are."""
    return f"{registry}/{model}/inference-service"


def tag(inputs: BuildInputs) -> str:
    """The tag of one build, which is never moved; `+` is not legal in a tag."""
    return f"{inputs.version.replace('+', '_')}-{inputs.digest()[:12]}"


def reference(registry: str, inputs: BuildInputs, image_digest: str) -> str:
    """What runs: name and tag for the reader, digest for the node."""
    return f"{repository(registry, inputs.model)}:{tag(inputs)}@{image_digest}"
