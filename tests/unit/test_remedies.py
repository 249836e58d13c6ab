"""A tool's failure is told with what helps."""

import errno
import os
from pathlib import Path

import pytest

from mlifecycle.process import ToolError
from mlifecycle.report.remedies import with_remedy

SAID = {
    "regctl failed with exit code 1:\nPUT http://r/v2: 500: no space left on device": "Free space",
    "apt-get failed with exit code 100:\nE: You don't have enough free space in /x": "Free space",
    "regctl failed with exit code 1:\nfailed to send blob (chunk), ref r:1": "read its log",
    "regctl failed with exit code 1:\nunauthorized [http 401]": "docker login",
    "buildx failed with exit code 1:\npull access denied": "docker login",
    "regctl failed with exit code 1:\ndial tcp 127.0.0.1:9: connect: connection refused": "is up",
    "trivy did not end within 8 s and was killed": "mlifecycle:scanTimeoutSeconds",
    "grype cannot be started: No such file or directory. Is it installed?": "existing-platform.md",
    "trivy failed with exit code 1:\nmanifest unknown": "mlifecycle:trivyDatabase",
    "the vulnerability database r/db is 8 days old": "See that what publishes it runs",
    "trivy printed half a document: Expecting value": "of another version",
    "gitleaks has looked at nothing": "of another version",
}


@pytest.mark.parametrize("message", SAID)
def test_each_way_to_fail_has_its_remedy(message: str) -> None:
    told = with_remedy(ToolError(message))
    assert told.startswith(f"{message}\n\n")
    assert SAID[message] in told
    assert told.endswith(". Then run the same command again.")


def test_a_full_disk_of_our_own_has_one() -> None:
    assert "Free space" in with_remedy(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def test_what_nobody_knows_and_what_is_no_tools_is_left_alone() -> None:
    assert with_remedy(ToolError("x failed with exit code 3:\nboo")) == (
        "x failed with exit code 3:\nboo"
    )
    assert with_remedy(ValueError("permission denied")) == "permission denied"


def test_the_documents_that_it_names_are_there() -> None:
    assert Path("docs/existing-platform.md").exists()
