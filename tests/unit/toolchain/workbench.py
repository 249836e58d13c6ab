"""A throw-away catalogue whose one tool is a real Go program without dependencies, and a cache
of its own.

The builds are real; only their size is not. Go's own build cache is shared by all tests, so that
the standard library is compiled once.
"""

import os
import subprocess
import sys
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

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `python -m devcluster.toolchain` on this catalogue, in its own process group."""
        command = [sys.executable, "-m", "devcluster.toolchain", "--catalogue", str(self.catalogue)]
        return subprocess.Popen(
            [*command, *arguments],
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
