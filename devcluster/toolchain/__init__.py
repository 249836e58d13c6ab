"""Finds each tool on PATH at a version that serves, or builds it from its Go module into a
cache.

The product never imports this: it is what lets the whole of it run on a bare machine that has
Python, Go and make. `python -m devcluster.toolchain` (`make tools`) does only this. Nothing beyond
the standard library is needed.
"""

from devcluster.toolchain.ensure import ProvidedTool, Toolchain, ensure_tools
from devcluster.toolchain.errors import ToolchainError, UnfitEnvironmentError

__all__ = [
    "ProvidedTool",
    "Toolchain",
    "ToolchainError",
    "UnfitEnvironmentError",
    "ensure_tools",
]
