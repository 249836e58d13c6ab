"""Evidence survives the way through in-toto statements, and nothing else becomes evidence."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from mlifecycle.security.attestations import SBOM, SUMMARY, VULNERABILITIES, evidence_in, statements
from mlifecycle.security.evidence import Database, Evidence, Scan, Secret, Vulnerability

IMAGE, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FOUND = Vulnerability(
    id="CVE-2025-6297",
    package="dpkg",
    version="1.21.23",
    severity="HIGH",
    fixed_version=None,
    published=date(2025, 7, 1),
    exploit_probability=0.01,
)
SCANS = tuple(
    Scan(
        scanner=scanner,
        version="1.2.3",
        target="image",
        inspected=134,
        finished_at=NOW,
        database=Database(origin="registry/db:2", updated_at=NOW),
        vulnerabilities=(FOUND,),
        secrets=(Secret(rule="aws-access-key-id", file="app/.env", line=3),),
    )
    for scanner in ("grype", "trivy")
)
# Models of one runtime share the scan of one of them, whose name the list of packages carries.
OF_THE_FIRST = {
    "bom-ref": "7",
    "name": "/a/builders/folder",
    "properties": [{"name": "aquasecurity:trivy:Labels", "value": "another-model"}],
}
PACKAGES = {
    "serialNumber": "urn:uuid:0",
    "metadata": {"tools": ["trivy"], "component": OF_THE_FIRST},
    "components": [{"a": 1}],
    "dependencies": [{"ref": "7"}],
}
MADE = Evidence(image_digest=IMAGE, build="c" * 64, scans=SCANS, sbom=json.dumps(PACKAGES))


def texts_of(evidence: Evidence, *, stands: bool = False) -> list[str]:
    return [item.text for item in statements("registry/x", evidence, "0" * 64, stands=stands)]


TEXTS = texts_of(MADE)
FOUND_AGAIN = evidence_in(IMAGE, MADE.build, TEXTS)
assert FOUND_AGAIN is not None
EVIDENCE = FOUND_AGAIN


def test_evidence_is_the_same_after_the_way_through_a_registry() -> None:
    assert EVIDENCE.model_copy(update={"sbom": MADE.sbom}) == MADE
    assert evidence_in(IMAGE, EVIDENCE.build, texts_of(EVIDENCE)) == EVIDENCE


def test_a_list_of_packages_is_of_the_image_that_it_is_attached_to() -> None:
    said = json.loads(EVIDENCE.sbom)
    assert said["metadata"] == {
        "tools": ["trivy"],
        "component": {
            "bom-ref": "7",
            "type": "container",
            "name": "registry/x",
            "version": IMAGE,
        },
    }
    assert said["components"] == PACKAGES["components"]
    assert said["serialNumber"] not in ("urn:uuid:0", other_serial_number())


def other_serial_number() -> str:
    other = MADE.model_copy(update={"image_digest": OTHER})
    document = json.loads(texts_of(other)[0])
    return str(document["predicate"]["serialNumber"])


def test_the_statements_are_of_kinds_that_others_read() -> None:
    kinds = [json.loads(text)["predicateType"] for text in TEXTS]
    assert kinds == [SBOM, VULNERABILITIES, VULNERABILITIES, SUMMARY]
    summary = json.loads(TEXTS[-1])
    assert summary["subject"] == [{"name": "registry/x", "digest": {"sha256": "a" * 64}}]
    assert summary["predicate"]["verificationResult"] == "PASSED"
    # The same evidence is the same text, so that attaching it twice adds nothing.
    assert texts_of(EVIDENCE) == TEXTS


def test_what_only_stands_is_not_said_to_have_passed() -> None:
    summary = json.loads(texts_of(EVIDENCE, stands=True)[-1])
    assert summary["predicate"]["verificationResult"] == "FAILED"


@pytest.mark.parametrize(
    "texts",
    [
        [],
        TEXTS[:1],
        TEXTS[1:],
        [text.replace("a" * 64, "b" * 64) for text in TEXTS],
        ["", "{", "[]", "null", "{}", '{"subject": []}'],
        [TEXTS[0], TEXTS[1].replace("HIGH", "DIRE")],
        [*TEXTS[:1], re.sub(r'"uri": "[^"]*"', '"uri": 1', TEXTS[1]), TEXTS[-1]],
        [*TEXTS[:1], re.sub(r'"annotations": \[.*?\]', '"annotations": []', TEXTS[1]), TEXTS[-1]],
    ],
)
def test_what_is_no_evidence_of_this_image_is_none(texts: list[str]) -> None:
    assert evidence_in(IMAGE, EVIDENCE.build, texts) is None


def test_strangers_among_the_statements_are_passed_over() -> None:
    about_another = [text.replace("a" * 64, "b" * 64) for text in TEXTS]
    assert evidence_in(IMAGE, EVIDENCE.build, [*about_another, "nonsense", *TEXTS]) == EVIDENCE
    assert evidence_in(OTHER, EVIDENCE.build, [*about_another, *TEXTS]) == EVIDENCE.model_copy(
        update={"image_digest": OTHER, "sbom": EVIDENCE.sbom.replace(IMAGE, OTHER)}
    )


def test_of_each_scanners_statements_the_last_counts() -> None:
    """Else what was withdrawn stays, and another version's evidence is never found again."""
    earlier = SCANS[1].model_copy(
        update={"version": "1.0.0", "finished_at": NOW - timedelta(days=1), "target": "image"}
    )
    old = EVIDENCE.model_copy(update={"scans": (SCANS[0], earlier)})
    older = texts_of(old)
    for texts in ([*older, *TEXTS], [*TEXTS, *older]):
        found = evidence_in(IMAGE, EVIDENCE.build, texts)
        assert found is not None
        assert set(found.scans) == set(SCANS)
        assert found.scanned_by == EVIDENCE.scanned_by


def test_two_builds_of_the_same_bytes_each_find_their_evidence() -> None:
    other = EVIDENCE.model_copy(update={"build": "d" * 64})
    texts = [*TEXTS, *texts_of(other)]
    for order in (texts, texts[::-1]):
        assert evidence_in(IMAGE, EVIDENCE.build, order) == EVIDENCE
        assert evidence_in(IMAGE, other.build, order) == other
        assert evidence_in(IMAGE, "e" * 64, order) is None
