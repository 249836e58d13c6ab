"""`python -m devcluster.toolchain`, the command behind `make tools`: provide the tools and say
what they are.

Exit codes: 0 all tools are there, 1 a build or a download failed, 2 the machine cannot build (Go,
disk, cache) or the command line is wrong, 130 interrupted.
"""

import argparse
import sys
import time
from pathlib import Path

from devcluster.toolchain.ensure import Toolchain, ensure_tools
from devcluster.toolchain.errors import ToolchainError
from devcluster.toolchain.recipes import CATALOGUE_FILE, PURPOSES, load_catalogue


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devcluster.toolchain",
        description="Find each tool on PATH at a version that serves, or build it into a cache.",
    )
    parser.add_argument("--purpose", choices=PURPOSES, default="up", help="whose tools")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these tools")
    parser.add_argument(
        "--catalogue", type=Path, default=CATALOGUE_FILE, metavar="FILE", help="another tools.toml"
    )
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        toolchain = ensure_tools(
            options.purpose,
            only=options.only,
            report=_print,
            catalogue=load_catalogue(options.catalogue),
        )
    except ToolchainError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the next run resumes", file=sys.stderr)
        return 130
    _print_table(toolchain, time.monotonic() - start)
    return 0


def _print(line: str) -> None:
    print(line, flush=True)


def _print_table(toolchain: Toolchain, seconds: float) -> None:
    rows = [("TOOL", "VERSION", "ORIGIN", "SECONDS")]
    rows += [
        (tool.name, tool.version, tool.origin, f"{tool.seconds:.0f}" if tool.seconds else "-")
        for tool in toolchain.tools
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    print(f"{len(toolchain.tools)} tools in {seconds:.1f} s; put this first on PATH:")
    print(toolchain.bin_dir)


if __name__ == "__main__":
    sys.exit(main())
