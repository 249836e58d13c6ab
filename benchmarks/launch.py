"""Run one command and print its wall time and peak memory: a small process of its own.

A child's peak counts its parent's memory until the program is loaded, so the parent must be smaller
than anything that is measured: this file imports as little as it can, and is run with `-I -S`.
"""

import json
import os
import sys
import time


def main() -> None:
    """Arguments: the command. Its standard output is dropped, its errors are ours."""
    command = sys.argv[1:]
    silence = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    started = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[silence])
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps({"code": code, "seconds": seconds, "peak_kib": usage.ru_maxrss}))


if __name__ == "__main__":
    main()
