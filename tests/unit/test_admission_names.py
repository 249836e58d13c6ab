"""The names by which a cluster admits an image: those that only the program can give."""

import pytest

from mlifecycle.release.admission import (
    KEPT_RELEASES,
    admitted_names,
    admitted_variables,
    is_denial,
    kept_releases,
    policy_name,
)

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


def test_each_model_has_a_variable_and_released_is_all_of_them() -> None:
    assert admitted_variables({"fraud-detector": ["b", "a"], "churn": ["c"], "refused": []}) == {
        "of_churn": '["c"]',
        "of_fraud_detector": '["a", "b"]',
        "released": "[variables.of_churn, variables.of_fraud_detector]",
    }
    assert admitted_variables({}) == {"released": "[]"}


@pytest.mark.parametrize(
    ("stack", "other"), [("Dev", "dev"), ("a_b", "a-b"), ("a.b", "a"), ("a", "b")]
)
def test_no_two_stacks_or_namespaces_have_one_policy(stack: str, other: str) -> None:
    assert policy_name(stack, "ml") != policy_name(other, "ml")
    assert policy_name(stack, "ml") != policy_name(stack, "ml-b")
    assert is_denial(f"ValidatingAdmissionPolicy '{policy_name(stack, 'ml')}' denied", stack, "ml")
    assert not is_denial(
        f"ValidatingAdmissionPolicy '{policy_name(stack, 'ml')}' denied", other, "ml"
    )
