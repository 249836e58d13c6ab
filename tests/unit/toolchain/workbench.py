"""A throw-away catalogue whose one tool is a real Go program without dependencies, and a cache
of its own.

The builds are real; only their size is not. Go's own build cache is shared by all tests, so that
the standard library is compiled once.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]

MAIN = """package main

import "os"

var version = "dev"

func main() {
	os.Stdout.WriteString("greeter v" + version + "\\n")
}
"""

CATALOGUE = """
[groups.greeting]
module = "greeting"

[tools.greeter]
group = "greeting"
package = "."
version = "1.2.3"
ldflags = "-X main.version={version}"
version_args = ["--version"]
serves = ">=1.2,<2"
build_seconds = 4
used_by = ["up"]
"""


def run(program: Path) -> str:
    """Run a tool and return what it prints."""
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def running(calls: Path) -> bool:
    """Say whether a process that `Workbench.slow_go` noted is still there."""
    pids = [line.split()[1] for line in calls.read_text().splitlines()]
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def _h1(lines: str) -> str:
    """Return go.sum's hash of a module whose files have these `sha256  name` lines."""
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


@dataclass
class Workbench:
    """One test's catalogue, cache and PATH, and the command run against them."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def catalogue(self) -> Path:
        return self.folder / "tools.toml"

    @property
    def module(self) -> Path:
        return self.folder / "greeting"

    @property
    def tools(self) -> Path:
        """The folder of built tools."""
        return self.folder / "cache" / "mlifecycle" / "tools"

    @property
    def built(self) -> list[Path]:
        """Every greeter in the cache."""
        return sorted(self.tools.glob("greeting-*/bin/greeter"))

    def put_on_path(self, name: str, script: str) -> Path:
        """Put a shell script in front of everything on PATH."""
        folder = self.folder / "path"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        self.environ["PATH"] = os.pathsep.join([str(folder), self.environ["PATH"]])
        return file

    def slow_go(self, command: str, seconds: int) -> Path:
        """Make one of Go's commands slow; return the file that notes its calls and pids."""
        calls = self.folder / "go-calls"
        go = shutil.which("go", path=os.environ["PATH"])
        wait = f"sleep {seconds} & wait $!" if seconds else ":"
        noted = f'[ "$1" = {command} ] && {{ echo "$1 $$" >> {calls}; {wait}; }}'
        self.put_on_path("go", f'{noted}\nexec {go} "$@"')
        return calls

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `python -m devcluster.toolchain` on this catalogue, in its own process group."""
        # A job in the background ignores interrupts, and so would what it starts.
        default = (str(shutil.which("env")), "--default-signal=INT")
        command = [sys.executable, "-m", "devcluster.toolchain", "--catalogue", str(self.catalogue)]
        return subprocess.Popen(
            [*default, *command, *arguments],
            cwd=REPOSITORY,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def publish(self, source: str) -> str:
        """Serve a module from a folder as a Go module proxy would, and return its hash."""
        files = {
            "go.mod": "module example.test/published\n",
            "published.go": source,
            "run.sh": "#!/bin/sh\necho hello\n",
            "schema.json": '{"name": "x", "version": "0.0.0"}',
        }
        folder = self.folder / "proxy" / "example.test" / "published" / "@v"
        folder.mkdir(parents=True)
        (folder / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
        (folder / "v1.0.0.mod").write_text(files["go.mod"])
        lines = ""
        with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
            for name, content in sorted(files.items()):
                path = f"example.test/published@v1.0.0/{name}"
                archive.writestr(path, content)
                lines += f"{hashlib.sha256(content.encode()).hexdigest()}  {path}\n"
        self.environ["GOPROXY"] = f"file://{self.folder / 'proxy'}"
        self.environ["GOMODCACHE"] = str(self.folder / "modules")
        return _h1(lines)

    def require_published(self) -> Path:
        """Publish a module and import it, its hashes in go.sum; return where Go would unpack it."""
        digest = self.publish("package published\n")
        go_mod = "module example.test/published\n"
        of_go_mod = _h1(f"{hashlib.sha256(go_mod.encode()).hexdigest()}  go.mod\n")
        (self.module / "go.sum").write_text(
            f"example.test/published v1.0.0 {digest}\n"
            f"example.test/published v1.0.0/go.mod {of_go_mod}\n"
        )
        required = "\nrequire example.test/published v1.0.0\n"
        (self.module / "go.mod").write_text((self.module / "go.mod").read_text() + required)
        main = self.module / "main.go"
        imported = '"os"\nimport _ "example.test/published"'
        main.write_text(main.read_text().replace('"os"', imported))
        return self.folder / "modules" / "example.test" / "published@v1.0.0"
