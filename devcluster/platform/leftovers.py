"""What an engine that was killed leaves running: its language host and plugins, which go on."""

import contextlib

import psutil

from devcluster.platform.layout import Layout

END_SECONDS = 5


def end(layout: Layout) -> None:
    """End the plugins of this platform's stacks that no engine owns any more, with what they began.

    They are told by the plugin home in their environment, and by having lost their parent; a shell
    that has the same environment is none.
    """
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _is_left(process, layout):
                left += [process, *process.children(recursive=True)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=END_SECONDS)


def _is_left(process: psutil.Process, layout: Layout) -> bool:
    if not process.name().startswith("pulumi-") or process.ppid() != 1:
        return False
    return process.environ().get("PULUMI_HOME") == str(layout.state / "pulumi-home")
