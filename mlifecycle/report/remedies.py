"""What helps when a tool fails: each tool words its failure itself, and none says what to do."""

import re

from mlifecycle.process import ToolError

_REMEDIES = (
    (
        "no space left on device|enough free space",
        "Free space on the disk that it names: this machine's cache (XDG_CACHE_HOME), the builder's"
        " or the registry's",
    ),
    (
        # A registry that is full may answer whatever comes next; its own log says why.
        "failed to send blob|failed to put manifest",
        "The registry does not keep what it is sent: see that its disk has space, and read its log",
    ),
    (
        "unauthorized|authentication required|access denied|denied: |http 40[13]",
        "The registry has no credentials of this machine, or does not accept them: `docker login`",
    ),
    (
        "connection refused|connection reset|no such host|network is unreachable|i/o timeout"
        "|handshake timeout|context deadline exceeded|http 5[0-9][0-9]",
        "See that it is up, and that this machine reaches it",
    ),
    (
        "did not end within",
        "See what it waits for; where it only needs more time, set mlifecycle:scanTimeoutSeconds",
    ),
    ("cannot be started|is not installed", "docs/existing-platform.md says which tools it takes"),
    (
        "manifest.unknown|http 404",
        "See that the stack's configuration names what is there: mlifecycle:registry,"
        " mlifecycle:baseImage, mlifecycle:trivyDatabase, mlifecycle:grypeDatabase",
    ),
    (
        "vulnerability database",
        "See that what publishes it runs, or name another with mlifecycle:trivyDatabase or"
        " mlifecycle:grypeDatabase",
    ),
    (
        "printed|looked at|does not say|that it reports",
        "If it says so again, the tool is of another version than docs/existing-platform.md names",
    ),
)


def with_remedy(error: BaseException) -> str:
    """What an error says and, of a tool or a file, what helps where its own words do not say."""
    message = str(error)
    if not isinstance(error, ToolError | OSError):
        return message
    found = (remedy for words, remedy in _REMEDIES if re.search(words, message, re.IGNORECASE))
    remedy = next(found, "")
    return f"{message}\n\n{remedy}. Then run the same command again." if remedy else message
