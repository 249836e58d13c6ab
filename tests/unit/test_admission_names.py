"""The names by which a cluster admits an image: those that only the program can give."""

from mlifecycle.release.admission import KEPT_RELEASES, admitted_names, kept_releases

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry/fraud-detector/inference-service:2.1.0-0123456789ab@{DIGEST}"
REPOSITORY = "registry/fraud-detector/inference-service"


def test_an_image_is_admitted_by_its_digest_and_by_its_version() -> None:
    assert admitted_names([IMAGE], lambda version: f"{version}-dev") == [
        IMAGE,
        f"{REPOSITORY}@{DIGEST}",
        f"{REPOSITORY}:2.1.0-dev",
        f"{REPOSITORY}:2.1.0-dev@{DIGEST}",
    ]


def test_a_tag_that_the_program_does_not_set_admits_nothing() -> None:
    """Whoever may push could give it to what nobody has scanned."""
    assert admitted_names([IMAGE], lambda _: "") == [IMAGE, f"{REPOSITORY}@{DIGEST}"]


def test_what_runs_and_ten_before_it_are_kept() -> None:
    images = [f"{REPOSITORY}:{number}" for number in range(20)]
    assert kept_releases(images[3], images) == [images[3], *images[:3], *images[4:KEPT_RELEASES]]
