"""The rules about images."""

from typing import Any

import pytest

from mlifecycle.governance.objects import images
from mlifecycle.governance.objects.images import Reference, is_accepted, parse_reference
from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    ABSENT,
    BOX,
    DIGEST,
    OTHER,
    POD,
    changed,
    judged,
    messages,
)

HUB = "docker.io"


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("nginx", Reference(HUB, "library/nginx")),
        ("nginx:1.27", Reference(HUB, "library/nginx", "1.27")),
        ("docker.io/nginx", Reference(HUB, "library/nginx")),
        ("index.docker.io/nginx", Reference(HUB, "library/nginx")),
        ("bitnami/nginx", Reference(HUB, "bitnami/nginx")),
        ("localhost/x", Reference("localhost", "x")),
        ("localhost:5000/x:1", Reference("localhost:5000", "x", "1")),
        ("registry:5000/a/b", Reference("registry:5000", "a/b")),
        ("[::1]:5000/x", Reference("[::1]:5000", "x")),
        ("ghcr.io/a__b/c.d-e", Reference("ghcr.io", "a__b/c.d-e")),
        (f"ghcr.io/x:1@{DIGEST}", Reference("ghcr.io", "x", "1", DIGEST)),
        ("evil.com/ghcr.io/x", Reference("evil.com", "ghcr.io/x")),
        ("x:" + "t" * 128, Reference(HUB, "library/x", "t" * 128)),
        ("x:" + "t" * 129, None),
        ("Nginx", None),
        ("ghcr.io/Org/x", None),
        ("", None),
        ("ghcr.io/", None),
        ("ghcr.io//x", None),
        ("https://ghcr.io/x", None),
        ("x:", None),
        ("x@", None),
        ("x@sha256:abc", None),
        ("x@sha512:" + "a" * 128, None),
        ("x@sha256:" + "A" * 64, None),
        (f"x@{DIGEST}0", None),
        (f"x@{DIGEST}@{DIGEST}", None),
        ("a" * 64, None),
        ("x" * 256, None),
        ("ghcr.io/x\n", None),
        ("ghcr.io /x", None),
        ("ghcr.io:port/x", None),
        ("-ghcr.io/x", None),
        ("ghcr.io/é", None),
        ("ghcr.io/a..b", None),
    ],
)
def test_references_are_read_as_runtimes_read_them(image: str, reference: Reference | None) -> None:
    assert parse_reference(image) == reference


@pytest.mark.parametrize(
    ("image", "accepted"),
    [
        ("ghcr.io/x", True),
        ("GHCR.io/x", False),
        ("ghcr.io:443/x", False),
        ("notghcr.io/x", False),
        ("ghcr.io.evil.com/x", False),
        ("evil.com/ghcr.io/x", False),
        ("nginx", True),
        ("library/nginx", True),
        ("bitnami/nginx", False),
        ("libraryx/nginx", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/x", True),
        ("1.dkr.ecr.eu.west.amazonaws.com/x", False),
        ("a.1.dkr.ecr.eu-west-1.amazonaws.com/x", False),
        (".dkr.ecr.eu-west-1.amazonaws.com/x", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com.evil.com/x", False),
        ("1.dkr.ecr.eu-west-1.amazonaws.com:1/x", False),
        ("registry.bank.example:5000/models/x", True),
        ("registry.bank.example:5000/models", True),
        ("registry.bank.example:5000/models-evil/x", False),
        ("registry.bank.example:5000/x", False),
        ("registry.bank.example/models/x", False),
    ],
)
def test_registries_are_compared_host_by_host_and_segment_by_segment(
    image: str, accepted: bool
) -> None:
    stack = changed("Deployment", ((*BOX, "image"), image))
    assert (judged("img-registry-allowlist", stack) == []) == accepted


def test_a_registry_may_end_with_a_slash() -> None:
    assert is_accepted(Reference("ghcr.io", "a/x"), ("ghcr.io/a/",))
    assert not is_accepted(Reference("ghcr.io", "ab/x"), ("ghcr.io/a/",))
    assert not is_accepted(Reference("ghcr.io", "x"), ("",))


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (f"ghcr.io/x@{DIGEST}", ""),
        (f"ghcr.io/x:latest@{DIGEST}", ""),
        ("ghcr.io/x:1.0", "is not named by a sha256 digest"),
        ("ghcr.io/x", "is not named by a sha256 digest"),
        (f"ghcr.io/x@{DIGEST[:-1]}", "is not named by a sha256 digest"),
        ("", "is not named by a sha256 digest"),
        (None, "is not named by a sha256 digest"),
        (5, "is not named by a sha256 digest"),
        ([], "is not named by a sha256 digest"),
    ],
)
def test_images_are_named_by_digest(image: Any, problem: str) -> None:
    found = messages("img-digest", changed("Deployment", ((*BOX, "image"), image)))
    assert [message.endswith(problem) for message in found] == ([True] if problem else [])


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("ghcr.io/x:1.0", ""),
        ("ghcr.io/x:latest-1", ""),
        (f"ghcr.io/x@{DIGEST}", ""),
        (f"ghcr.io/x:latest@{DIGEST}", "has the tag latest"),
        ("ghcr.io/x:latest", "has the tag latest"),
        ("ghcr.io/x", "has no tag, which means latest"),
        ("localhost:5000/x", "has no tag, which means latest"),
        (None, "has no tag that can be read"),
        ({}, "has no tag that can be read"),
    ],
)
def test_no_image_is_latest(image: Any, problem: str) -> None:
    stack = changed("Deployment", ((*BOX, "image"), image))
    found = messages("img-no-latest", stack)
    assert [message.endswith(problem) for message in found] == ([True] if problem else [])


def test_a_container_without_an_image_passes_none_of_them() -> None:
    stack = changed("Deployment", ((*BOX, "image"), ABSENT))
    for rule in images.OBJECT_RULES:
        assert judged(rule.key, stack) != []


def test_an_image_that_is_mounted_is_judged_too() -> None:
    volume = {"name": "weights", "image": {"reference": "quay.io/x:latest"}}
    stack = changed("Deployment", ((*POD, "volumes", 2), volume))
    assert messages("img-digest", stack) == [
        "volume weights: image quay.io/x:latest is not named by a sha256 digest"
    ]
    assert messages("img-no-latest", stack) != []
    assert messages("img-registry-allowlist", stack) == [
        "volume weights: image quay.io/x:latest comes from quay.io/x, not an accepted registry"
    ]


EVIDENCE: Path = ("spec", "template", "metadata", "annotations", images.SCAN_EVIDENCE)


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (f'{{"{DIGEST}": "passed"}}', None),
        (f'{{"{OTHER}": "failed", "{DIGEST}": "passed"}}', None),
        (
            f'{{"{OTHER}": "passed"}}',
            "has not passed its scan: mlifecycle.io/scan-evidence says nothing",
        ),
        (f'{{"{DIGEST}": "failed"}}', "scan-evidence says failed"),
        (f'{{"{DIGEST}": true}}', "scan-evidence says true"),
        (f'{{"{DIGEST}": null}}', "scan-evidence says nothing"),
        (f'{{"{DIGEST}": "failed", "{DIGEST}": "passed"}}', "is no JSON object"),
        ("{}", "scan-evidence says nothing"),
        ("[]", "is no JSON object"),
        ("passed", "is no JSON object"),
        ("[" * 100_000, "is no JSON object"),
        ("", "is missing on the pods"),
        (None, "is missing on the pods"),
        (5, "is missing on the pods"),
    ],
)
def test_scan_evidence_is_about_the_image_that_runs(annotation: Any, problem: str | None) -> None:
    found = messages("img-scan-evidence", changed("Deployment", (EVIDENCE, annotation)))
    assert [message.endswith(str(problem)) for message in found] == ([True] if problem else [])


def test_scan_evidence_needs_a_digest() -> None:
    stack = changed("Deployment", ((*BOX, "image"), "ghcr.io/x:1"))
    (message,) = messages("img-scan-evidence", stack)
    assert message == (
        "container inference: image ghcr.io/x:1 has not passed its scan:"
        " mlifecycle.io/scan-evidence says nothing"
    )


def test_scan_evidence_is_asked_of_whatever_runs() -> None:
    """Another label switches nothing off."""
    label = ("spec", "template", "metadata", "labels", "app.kubernetes.io/part-of")
    stack = changed("Deployment", (EVIDENCE, None), (label, "x"))
    assert len(judged("img-scan-evidence", stack)) == 1


@pytest.mark.parametrize("field", ["initContainers", "ephemeralContainers", "containers"])
def test_scan_evidence_is_asked_of_every_container(field: str) -> None:
    second = {"name": "second", "image": f"ghcr.io/fraud/x:1@{OTHER}"}
    path: Path = (*POD, field, 1 if field == "containers" else 0)
    stack = changed("Deployment", (path, second))
    (message,) = messages("img-scan-evidence", stack)
    assert "container second: " in message
