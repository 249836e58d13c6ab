"""Image names, computed before anything is built."""

import hashlib
import json
from dataclasses import asdict, dataclass

LABEL_CHARACTERS = 63


@dataclass(frozen=True)
class OsPatches:
    """Newer packages for a base image's operating system.

    Attributes:
        date: when they were looked for, `2026-11-27`.
        digest: 64 hex digits over the packages' names and bytes.
    """

    date: str
    digest: str

    @property
    def is_none(self) -> bool:
        """Whether there was nothing newer."""
        return self.digest == hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class BuildInputs:
    """All that an image is made of; equal inputs give an equal image.

    Attributes:
        context_digest: over the server and the runtime of the format, and over what builds.
        format_name: in `mlifecycle.formats`.
        model_file: the one of the artifact's files that is loaded first.
    """

    artifact_digest: str
    golden_digest: str
    context_digest: str
    base_image: str
    os_patches: OsPatches
    uri: str
    format_name: str
    model_file: str
    files: tuple[str, ...]
    model: str
    version: str

    def digest(self) -> str:
        """64 hex digits over all of them."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def repository(registry: str, model: str) -> str:
    """Where a model's images are."""
    return f"{registry}/{model}/inference-service"


def version_label(version: str) -> str:
    """A version as a label's value: at most 63 characters that end in a letter or digit.

    One that is none already is cut, and told apart by a digest behind two `_`, which no version
    has: `+` is the only character that becomes one, and a version has one `+` at most.
    """
    value = version.replace("+", "_")
    if len(value) <= LABEL_CHARACTERS and value[-1].isalnum():
        return value
    return f"{value[:45]}__{hashlib.sha256(version.encode()).hexdigest()[:16]}"


def tag(inputs: BuildInputs) -> str:
    """The tag of one build, which is never moved; `+` is not legal in a tag."""
    return f"{inputs.version.replace('+', '_')}-{inputs.digest()[:12]}"


def alias(version: str, stack: str, environment: str) -> str:
    """The tag by which people name a released version; it follows a rebuild of the version."""
    name = version.replace("+", "_")
    return name if environment == "production" else f"{name}-{stack}"


def reference(registry: str, inputs: BuildInputs, image_digest: str) -> str:
    """What runs: name and tag for the reader, digest for the node."""
    return f"{repository(registry, inputs.model)}:{tag(inputs)}@{image_digest}"
