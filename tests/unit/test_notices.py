"""What people are told, word for word."""

from typing import Any

from mlifecycle.ledger.record import Release
from mlifecycle.report import notices
from mlifecycle.stack.holding import _reason
from tests.unit.test_holding import PLAIN, item

NAME = "fraud-detector"
IMAGE = "ghcr.io/x/fraud-detector/inference-service:2.1.0"


def release(
    version: str, *objects: dict[str, Any], source: str = "s3://approved", **metrics: str
) -> Release:
    sources = [{"source": source, "approved": True}]
    spec = {
        **PLAIN["spec"],
        "metrics": metrics,
        "dependencies": [f"numpy=={version}", "torch"],
        "data_sources": sources,
    }
    verified = {
        "version": version,
        "environment": "production",
        "manifest": {**PLAIN, "spec": spec},
        "image": f"{IMAGE}-0@sha256:0",
    }
    return Release(
        verified=verified,
        inputs={},
        outputs={"address": "https://inference.example.com"},
        objects=objects,
        evidence=(),
        governance={},
        verification={},
    )


def sized(kind: str, **spec: Any) -> dict[str, Any]:
    made = item(kind)
    return {**made, "inputs": {**made["inputs"], "spec": spec}}


SCALED = sized("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", minReplicas=3.0)
DEPLOYED = sized("kubernetes:apps/v1:Deployment", replicas=2)
SUCCESS = """\
✓ fraud-detector 2.1.0 in stack prod
Model fraud-detector v2.1.0 deployed successfully

Endpoints:
- Predict: POST https://inference.example.com/predict
- Metrics: GET https://inference.example.com/metrics

Deployment Details:
- Environment: production
- Replicas: 3
- Image: ghcr.io/x/fraud-detector/inference-service:2.1.0"""


def test_a_release_is_told_as_the_workflow_prints_it() -> None:
    assert notices.released("prod", release("2.1.0", SCALED, DEPLOYED), None, IMAGE) == SUCCESS
    fixed = notices.released("prod", release("2.1.0", DEPLOYED), None, IMAGE)
    assert "- Replicas: 2\n" in fixed


def test_what_has_changed_is_told_field_by_field() -> None:
    before = release("2.0.0", SCALED, accuracy="0.93", f1_score="0.9")
    after = release("2.1.0", SCALED, accuracy="0.95", recall="0.8")
    told = notices.released("prod", after, before, IMAGE)
    assert told == (
        f"{SUCCESS}\n\nChanged since 2.0.0:\n"
        "- spec.dependencies: without numpy==2.0.0\n"
        "- spec.dependencies: with numpy==2.1.0\n"
        "- spec.metrics.accuracy: 0.93 → 0.95\n"
        "- spec.metrics.f1_score: 0.9 → nothing\n"
        "- spec.metrics.recall: nothing → 0.8"
    )
    same = notices.released("prod", after, after, IMAGE)
    assert same.endswith("Changed since 2.1.0:\n- nothing in the manifest")


def test_a_failure_is_told_with_its_cause_and_what_helps() -> None:
    failure = "❌ Deployment health check failed\n\nPod Status: CrashLoopBackOff\nError: gone\n\nX"
    told = notices.failed("prod", NAME, "2.1.0", failure)
    assert told == (
        f"❌ fraud-detector 2.1.0 in stack prod failed\n{failure}\n\n"
        "Its manifest is held back until it changes, or\n"
        "mlifecycle retry fraud-detector --stack prod --reason ..."
    )
    assert _reason(failure) == "gone"


def test_nothing_that_a_manifest_says_begins_a_line_or_moves_the_cursor() -> None:
    hostile = "x\n✓ all is well\x1b[2J\u202e"
    after = release("2.1.0", SCALED, source=hostile)
    told = notices.released("prod", after, release("2.0.0", SCALED), IMAGE)
    assert r"- spec.data_sources: with source x\n✓ all is well\x1b[2J\u202e, approved True" in told
    returned = notices.returned("prod", NAME, "2.0.0", hostile)
    assert returned.splitlines()[0] == "✓ fraud-detector in stack prod is returned"
    assert "\x1b" not in returned
    assert "\u202e" not in returned


def test_a_long_text_is_cut_at_a_line_for_every_channel() -> None:
    told = notices.refused("prod", NAME, "2.1.0", "\n".join(f"- CVE-{n}" for n in range(1000)))
    title, _, body = told.partition("\n")
    assert title == "❌ fraud-detector 2.1.0 is refused in stack prod"
    assert len(body) <= notices.MAXIMUM_CHARACTERS + 2
    assert body.splitlines()[-2].startswith("- CVE-")
    assert body.endswith("\n…")
