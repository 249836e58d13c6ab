"""Building an image into an OCI layout, from which scanners read and nothing can be pulled."""

import json
from pathlib import Path

from mlifecycle.image.context import BuildContext
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError, run_tool

BUILD_SECONDS = 900
INSPECT_SECONDS = 30
PLATFORM = "linux/amd64"
TITLE, VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"


def require_builder(name: str) -> None:
    """Refuse a builder that this machine does not know, before anything is asked of it.

    Raises:
        ToolError: buildx is missing, or knows no builder of that name.
    """
    run_tool(["buildx", "inspect", name], timeout=INSPECT_SECONDS)


def build_arguments(base_image: str) -> dict[str, str]:
    """The build's arguments: no clock, so that one input gives one digest."""
    return {"BASE_IMAGE": base_image, "SOURCE_DATE_EPOCH": "0"}


def labels(inputs: BuildInputs) -> dict[str, str]:
    """What an image says of itself, by the names of the OCI image specification where it has one.

    Not the base's name: from another mirror, the same bytes are the same image.
    """
    return {
        TITLE: inputs.model,
        VERSION: inputs.version,
        "org.opencontainers.image.base.digest": inputs.base_image.partition("@")[2],
        "mlifecycle.io/os-patches": inputs.os_patches.date,
    }


def push_output(repository: str) -> str:
    """The export that pushes the bytes that `build_layout` writes, by digest, without a name."""
    return f"type=image,name={repository},push=true,push-by-digest=true,oci-mediatypes=true"


def build_layout(context: BuildContext, *, inputs: BuildInputs, builder: str, target: Path) -> str:
    """Build into a folder that has no image yet, and return the image's digest.

    Raises:
        ToolError: the build failed, took too long, or left no single image.
    """
    arguments = build_arguments(inputs.base_image).items()
    named = labels(inputs).items()
    run_tool(
        [
            *("buildx", "build", "--builder", builder, "--progress", "plain"),
            *("--file", context.server / "Dockerfile", "--platform", PLATFORM),
            *("--build-context", f"patches={context.patches}"),
            *("--build-context", f"wheels={context.wheels}"),
            *("--build-context", f"release={context.release}"),
            *(part for key, value in arguments for part in ("--build-arg", f"{key}={value}")),
            *(part for key, value in named for part in ("--label", f"{key}={value}")),
            *("--provenance=false", "--sbom=false"),
            *("--output", f"type=oci,dest={target},tar=false"),
            context.server,
        ],
        timeout=BUILD_SECONDS,
    )
    try:
        (image,) = json.loads((target / "index.json").read_bytes())["manifests"]
        return str(image["digest"])
    except (OSError, ValueError, KeyError) as error:
        raise ToolError(f"buildx left no single image in {target}: {error}") from error
