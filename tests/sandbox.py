"""Real stacks for tests: a project folder outside the checkout, driven by the real engine."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from devcluster import local_stacks
from devcluster.platform.layout import BUCKET, Layout
from devcluster.toolchain import Toolchain

ROOT = Path(__file__).parents[1]
# The example that every test of a model grows from: the seed.
SEED_MANIFEST = ROOT / "examples" / "valid" / "model-manifest.yaml"
# Everything that a program needs of the checkout, for tests that change it.
PROGRAM = ("__main__.py", "components", "inference", "mlifecycle", "policy_pack", "Pulumi.yaml")
COMMAND_SECONDS = 400


@dataclass(frozen=True)
class Platform:
    """A running platform, and where the tests keep their Pulumi state.

    Attributes:
        environment: what every command of a test gets.
        secrets: the encrypted part of a stack's configuration, made once.
    """

    layout: Layout
    toolchain: Toolchain
    folder: Path
    environment: dict[str, str]
    secrets: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """A command's exit code and all that it printed."""

    code: int
    output: str


def prepare_pulumi(layout: Layout, toolchain: Toolchain, folder: Path) -> Platform:
    """Backend, plugins, passphrase and encrypted credentials for the tests."""
    own = Layout(layout.name, layout.cache, folder, layout.network)
    key = own.state / "secrets" / "object-store-key"
    key.parent.mkdir(parents=True)
    shutil.copy(layout.state / "secrets" / "object-store-key", key)
    environment = {
        **local_stacks.shell_environment(own, toolchain.bin_dir),
        "KUBECONFIG": str(layout.kubeconfig),
        "BUILDX_CONFIG": str(layout.state / "buildx"),
        "REGCTL_CONFIG": str(layout.state / "regctl.json"),
    }
    local_stacks.ensure_stacks(own, toolchain)
    composed = yaml.safe_load((local_stacks.project_folder(own) / "Pulumi.dev.yaml").read_text())
    kept = {
        "encryptionsalt": composed["encryptionsalt"],
        "config": {key: composed["config"][key] for key in local_stacks.SECRET_KEYS},
    }
    return Platform(layout, toolchain, folder, environment, kept)


@dataclass
class Sandbox:
    """One stack: its manifests, its configuration, and commands on it."""

    platform: Platform
    folder: Path
    committed: str = "dev"
    stack: str = field(default_factory=lambda: f"t{secrets.token_hex(3)}")
    program: Path = ROOT
    variables: dict[str, str | None] = field(default_factory=dict)
    initialised: bool = False

    def __post_init__(self) -> None:
        self.manifests.mkdir()
        for name in ("policy_pack", ".venv"):
            (self.folder / name).symlink_to(ROOT / name)
        self.configure()

    @property
    def manifests(self) -> Path:
        """The folder whose manifests the stack deploys."""
        return self.folder / "manifests"

    @property
    def namespace(self) -> str:
        """Where the stack puts what manifests put in `ml-inference`."""
        return f"ml-inference-{self.stack}"

    @property
    def environment(self) -> dict[str, str]:
        """What commands on this stack run with."""
        values = {
            **os.environ,
            **self.platform.environment,
            "PULUMI_OPTION_CWD": str(self.folder),
            "PULUMI_OPTION_POLICY_PACK": str(self.program / "policy_pack"),
            **self.variables,
        }
        return {name: value for name, value in values.items() if value is not None}

    def configure(self, **changes: str) -> None:
        """Write project and stack file: the committed values, local ones, then `changes`."""
        project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
        project["main"] = str(self.program)
        project["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        values = yaml.safe_load((ROOT / f"Pulumi.{self.committed}.yaml").read_text())["config"]
        values |= local_stacks.local_values(self.platform.layout)
        values |= self.platform.secrets["config"]
        values["mlifecycle:namespace"] = f"{{namespace}}-{self.stack}"
        # Of one host, the controller would ask now this stack and now another.
        domain = values["mlifecycle:ingressHost"].partition(".")[2]
        values["mlifecycle:ingressHost"] = f"{{model}}-{self.stack}.{domain}"
        values["mlifecycle:manifestFolders"] = [str(self.manifests)]
        values |= {f"mlifecycle:{key}": value for key, value in changes.items()}
        stack = {"encryptionsalt": self.platform.secrets["encryptionsalt"], "config": values}
        (self.folder / f"Pulumi.{self.stack}.yaml").write_text(yaml.safe_dump(stack))

    def write_manifest(self, *replacements: tuple[str, str], name: str = "model.yaml") -> Path:
        """The seed's manifest with text replaced; each replacement must be found."""
        text = SEED_MANIFEST.read_text()
        for old, new in replacements:
            assert old in text, f"{old!r} is not in the seed's manifest"
            text = text.replace(old, new)
        file = self.manifests / name
        file.write_text(text)
        return file

    def own_program(self) -> Path:
        """A copy of the program, for a test that changes it."""
        self.program = self.folder / "program"
        self.program.mkdir()
        for name in PROGRAM:
            source = ROOT / name
            target = self.program / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        # The pack's PulumiPolicy.yaml looks for it here.
        (self.program / ".venv").symlink_to(ROOT / ".venv")
        self.configure()
        return self.program

    def own_cache(self) -> Path:
        """An empty cache, so that nothing is taken from an earlier gate."""
        cache = self.folder / "cache"
        cache.mkdir()
        self.variables["XDG_CACHE_HOME"] = str(cache)
        return cache / "mlifecycle"

    def pulumi(self, *arguments: str) -> Result:
        """Run Pulumi on this stack."""
        self.initialise()
        return self.run("pulumi", *arguments, "--stack", self.stack)

    def preview(self, *arguments: str) -> Result:
        """`pulumi preview`, with the policy pack."""
        return self.pulumi("preview", *arguments)

    def up(self) -> Result:
        """`pulumi up`, with the policy pack."""
        return self.pulumi("up", "--yes")

    def mlifecycle(self, *arguments: str) -> Result:
        """Run the product's own command line."""
        self.initialise()
        return self.run("mlifecycle", *arguments)

    def run(self, *command: str) -> Result:
        """Run a command in the stack's environment; both of its streams are kept."""
        process = self.start(*command)
        try:
            output, _ = process.communicate(timeout=COMMAND_SECONDS)
        finally:
            kill_group(process)
        return Result(process.returncode, output)

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command without waiting for it."""
        variables = self.environment
        found = shutil.which(command[0], path=variables["PATH"])
        assert found, f"{command[0]} is not there"
        return subprocess.Popen(
            [found, *command[1:]],
            env=variables,
            cwd=self.program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl and return its output; it must succeed."""
        result = self.run("kubectl", *arguments)
        assert result.code == 0, result.output
        return result.output

    def initialise(self) -> None:
        """Make the stack in the tests' backend, once."""
        if not self.initialised:
            self.initialised = True
            result = self.run("pulumi", "stack", "init", self.stack)
            assert result.code == 0, result.output

    def remove(self) -> None:
        """Take away what the stack made in the cluster."""
        if self.initialised:
            # Its pods need their grace; nobody has to wait for them.
            delete = ("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
            self.run("kubectl", *delete)


def kill_group(process: "subprocess.Popen[str]") -> None:
    """End a command and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


@contextmanager
def released_stack(
    platform: Platform, folder: Path, *, committed: str = "dev", own_name: bool = False
) -> Iterator[Sandbox]:
    """A stack with the seed's model, released once by plain `pulumi up`.

    Args:
        own_name: whether the model has a name of its own, and so its own part of the registry.
    """
    sandbox = Sandbox(platform, folder, committed=committed)
    name = f"model-{sandbox.stack}" if own_name else "fraud-detector"
    sandbox.write_manifest(("name: fraud-detector", f"name: {name}"))
    try:
        result = sandbox.up()
        assert result.code == 0, result.output
        yield sandbox
    finally:
        sandbox.remove()


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.1) -> None:
    """Ask again and again, and fail when it has not come about in time."""
    Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry=retry_if_result(lambda answer: not answer),
    )(condition)


def model_store(layout: Layout) -> Path:
    """The folder behind the bucket of models."""
    return layout.state / "object-store" / BUCKET
