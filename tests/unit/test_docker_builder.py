"""The builder `docker`: its resource builds and pushes nothing, and the scanned bytes are pushed.

The resource's provider is in no package registry, so the engine is Pulumi's mock here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs

from components import model_image
from components.model_image import ModelImage
from mlifecycle.dependencies.lock import Lock
from mlifecycle.image.context import BuildContext
from mlifecycle.stack.gating import GatedStack
from tests.unit.test_names import INPUTS

MADE: dict[str, MockResourceArgs] = {}
DONE: list[str] = []
EVIDENCE = SimpleNamespace(image_digest="sha256:e")


class Engine(pulumi.runtime.Mocks):
    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        MADE[args.typ] = args
        return f"{args.name}-id", args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(args.token)


class ClosedLoops(asyncio.DefaultEventLoopPolicy):
    """Pulumi's mock makes a loop in each of its threads and leaves it open; this closes them."""

    def __init__(self, loops: ExitStack) -> None:
        super().__init__()
        self._loops = loops

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return self._loops.enter_context(closing(super().new_event_loop()))


@pytest.fixture
def loops() -> Iterator[None]:
    with ExitStack() as loops:
        asyncio.set_event_loop_policy(ClosedLoops(loops))
        # Pulumi takes the thread's own loop, which an earlier test may have closed.
        asyncio.set_event_loop(asyncio.new_event_loop())
        yield
        asyncio.set_event_loop_policy(None)


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loops: None) -> ModelImage:
    MADE.clear()
    DONE.clear()
    pulumi.runtime.set_mocks(Engine(), preview=False)
    folders = [tmp_path / name for name in ("patches", "server", "wheels", "release")]
    for folder in folders:
        folder.mkdir()
        (folder / f"of-{folder.name}").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_image, "stage", lambda *_: BuildContext(*folders))
    monkeypatch.setattr(model_image, "layout_of", lambda *_: tmp_path / "layout")
    monkeypatch.setattr(
        model_image, "push_scanned", lambda _, digest, __: DONE.append(f"push {digest}")
    )
    monkeypatch.setattr(
        model_image,
        "publish",
        lambda evidence, *_, **__: DONE.append(f"name {evidence.image_digest}"),
    )
    stack = SimpleNamespace(
        settings=SimpleNamespace(image_builder="docker", builder="default", registry="r"),
        gate=SimpleNamespace(
            scanners=SimpleNamespace(
                server_source=tmp_path, cache=tmp_path, patches=SimpleNamespace(copy=None)
            )
        ),
        destination=lambda inputs: SimpleNamespace(
            repository=f"r/{inputs.model}/inference-service"
        ),
        base_image=SimpleNamespace(is_kept=True),
    )
    return ModelImage(
        INPUTS,
        cast(Any, None),
        Lock("", is_kept=True),
        cast(GatedStack, stack),
        lambda: cast(Any, SimpleNamespace(evidence=EVIDENCE, stands=False)),
    )


def test_the_daemon_builds_one_folder_and_pushes_nothing(image: ModelImage, tmp_path: Path) -> None:
    @pulumi.runtime.test
    def program() -> Any:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        return cast(Any, image.push(parent)).urn

    program()
    inputs = MADE["docker:index/image:Image"].inputs
    assert inputs["skipPush"] is True
    assert inputs["buildOnPreview"] is False
    assert inputs["imageName"].startswith("r/m/inference-service:2.1.0_build.5-")
    assert inputs["build"]["builderVersion"] == "BuilderBuildKit"
    assert inputs["build"]["platform"] == "linux/amd64"
    assert inputs["build"]["args"]["BASE_IMAGE"] == INPUTS.base_image
    folder = Path(inputs["build"]["context"])
    assert inputs["build"]["dockerfile"] == f"{folder}/Dockerfile"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"of-server", "patches/of-patches", "wheels/of-wheels", "release/of-release"}
    assert "docker-build:index:Image" not in MADE


def test_what_gets_a_name_are_the_bytes_that_were_scanned(image: ModelImage) -> None:
    image.publish()
    assert DONE == ["push sha256:e", "name sha256:e"]
