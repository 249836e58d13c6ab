"""Evidence as in-toto statements, which other tools read too, and back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from mlifecycle.security.evidence import Database, Evidence, Scan, Secret, Vulnerability

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# The predicates' specifications: https://github.com/in-toto/attestation/tree/main/spec/predicates
SBOM = "https://cyclonedx.org/bom"
VULNERABILITIES = "https://in-toto.io/attestation/vulns/v0.2"
SUMMARY = "https://slsa.dev/verification_summary/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
# What a gate states of every image, by the statements' names.
PACKAGES, MODEL, VERDICT = "packages", "model", "verdict"
ALWAYS = frozenset({PACKAGES, MODEL, VERDICT, "trivy/image", "grype/image"})
GATE = "https://mlifecycle.io/gate"


@dataclass(frozen=True)
class Statement:
    """One statement about an image, ready to be attached to it.

    Attributes:
        name: tells it from others of its kind, such as `trivy/image`.
        scanned_by: in a summary, what looked at the image: it can be read without the text.
    """

    kind: str
    name: str
    text: str
    scanned_by: str = ""


def statements(
    image: str, evidence: Evidence, policy_digest: str, *, stands: bool
) -> list[Statement]:
    """The statements of an image that is published.

    Args:
        image: its repository.
        policy_digest: 64 hex digits over the policy by which it was judged.
        stands: whether it did not pass, and runs on until its next change.
    """
    digest = evidence.image_digest
    made = [statement(image, digest, SBOM, PACKAGES, _packages(image, evidence))]
    made += [
        statement(
            *(image, digest, VULNERABILITIES, f"{scan.scanner}/{scan.target}"),
            _vulnerabilities(scan),
        )
        for scan in evidence.scans
    ]
    result = _summary(image, evidence, policy_digest, "FAILED" if stands else "PASSED")
    summary = statement(image, digest, SUMMARY, VERDICT, result)
    return [*made, replace(summary, scanned_by=evidence.scanned_by)]


def _packages(image: str, evidence: Evidence) -> dict[str, Any]:
    """The list of packages, as this image's own: models of one runtime share the scan of it."""
    document: dict[str, Any] = json.loads(evidence.sbom)
    metadata = document.get("metadata") or {}
    described = {
        "bom-ref": (metadata.get("component") or {}).get("bom-ref", image),
        "type": "container",
        "name": image,
        "version": evidence.image_digest,
    }
    serial = uuid5(NAMESPACE_URL, f"{image}@{evidence.image_digest}").urn
    return document | {"serialNumber": serial, "metadata": metadata | {"component": described}}


def evidence_in(image_digest: str, build: str, found: Iterable[str]) -> Evidence | None:
    """The evidence of a build that statements about its image hold; None where they hold none.

    Of each scanner's statements about a target, the last counts. Statements that are not ours, or
    are about another image, are passed over.

    Args:
        build: 64 hex digits over what it is made of. Other inputs may give the same bytes, and then
            the statements of both are beside them.
    """
    scans: dict[tuple[str, str], Scan] = {}
    sbom, is_of_build = "", False
    # In one order, whichever the registry has: of several that say the same, one is taken.
    for text in sorted(found):
        try:
            document = json.loads(text)
            (subject,) = document["subject"]
            if f"sha256:{subject['digest']['sha256']}" != image_digest:
                continue
            if document["predicateType"] == SBOM and "components" in document["predicate"]:
                sbom = json.dumps(document["predicate"])
            elif document["predicateType"] == VULNERABILITIES:
                scan = _scan(document["predicate"])
                known = scans.setdefault((scan.scanner, scan.target), scan)
                # An earlier one, or one of an earlier version, may have found what is withdrawn.
                scans[scan.scanner, scan.target] = max(known, scan, key=_when)
            elif document["predicateType"] == SUMMARY:
                is_of_build |= document["predicate"]["mlifecycle"]["build"] == build
        except (ValueError, LookupError, TypeError, AttributeError, ValidationError):
            continue
    if not (scans and sbom and is_of_build):
        return None
    return Evidence(
        image_digest=image_digest,
        build=build,
        scans=tuple(scans[key] for key in sorted(scans)),
        sbom=sbom,
    )


def _when(scan: Scan) -> datetime:
    return scan.finished_at


def statement(image: str, digest: str, kind: str, name: str, predicate: Any) -> Statement:
    """A statement about an image: equal predicates give equal texts."""
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": image, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": kind,
        "predicate": predicate,
    }
    return Statement(kind, name, json.dumps(document, sort_keys=True))


def _vulnerabilities(scan: Scan) -> dict[str, Any]:
    scanner: dict[str, Any] = {
        "uri": f"pkg:generic/{scan.scanner}@{scan.version}",
        "version": scan.version,
        "result": [
            {
                "id": item.id,
                "severity": [{"method": "scanner", "score": item.severity}],
                "annotations": [item.model_dump(mode="json")],
            }
            for item in scan.vulnerabilities
        ],
    }
    if scan.database:
        updated = scan.database.updated_at.isoformat()
        scanner["db"] = {"uri": scan.database.origin, "lastUpdate": updated}
    finished = scan.finished_at.isoformat()
    return {
        "scanner": scanner,
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
        "mlifecycle": {
            "target": scan.target,
            "inspected": scan.inspected,
            "secrets": [item.model_dump(mode="json") for item in scan.secrets],
        },
    }


def _scan(predicate: dict[str, Any]) -> Scan:
    scanner, ours = predicate["scanner"], predicate["mlifecycle"]
    database = scanner.get("db")
    return Scan(
        scanner=scanner["uri"].removeprefix("pkg:generic/").partition("@")[0],
        version=scanner["version"],
        target=ours["target"],
        inspected=ours["inspected"],
        finished_at=predicate["metadata"]["scanFinishedOn"],
        database=Database(origin=database["uri"], updated_at=database["lastUpdate"])
        if database
        else None,
        secrets=tuple(Secret.model_validate(item) for item in ours["secrets"]),
        vulnerabilities=tuple(
            Vulnerability.model_validate(item["annotations"][0]) for item in scanner["result"]
        ),
    )


def _summary(image: str, evidence: Evidence, policy_digest: str, result: str) -> dict[str, Any]:
    return {
        "verifier": {"id": GATE},
        "timeVerified": max(scan.finished_at for scan in evidence.scans).isoformat(),
        "resourceUri": f"{image}@{evidence.image_digest}",
        "policy": {"uri": "policy_pack", "digest": {"sha256": policy_digest}},
        "verificationResult": result,
        "verifiedLevels": [],
        "mlifecycle": {"build": evidence.build, "scannedBy": evidence.scanned_by},
    }
