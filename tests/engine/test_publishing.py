"""Evidence in registries of both kinds: those that know of referrers, and those that do not."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlifecycle import registry
from mlifecycle.process import run_tool
from mlifecycle.release import publication
from mlifecycle.release.publication import is_published, publish
from mlifecycle.security.attestations import ALWAYS
from mlifecycle.security.evidence import Evidence
from mlifecycle.security.evidence_store import find_evidence
from mlifecycle.security.signing import StatementSigner
from tests.engine.gates import SEED, Gate
from tests.engine.registries import referrers_registry
from tests.readers import KeyPair, assert_cosign_verifies, packages_by_trivy


@dataclass(frozen=True)
class Registry:
    """Where a test publishes.

    Attributes:
        keeps_lists: whether it needs a list for each image, since it has no referrers API.
    """

    host: str
    keeps_lists: bool


@pytest.fixture(params=["list", "referrers"])
def published_to(
    request: pytest.FixtureRequest,
    gate: Gate,
    test_tools: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Registry]:
    """The platform's own registry, or one with the API."""
    if request.param == "list":
        yield Registry(gate.settings.scanners.registry, keeps_lists=True)
        return
    program = test_tools / "referrers-registry"
    with referrers_registry(gate.platform, tmp_path, program) as own:
        monkeypatch.setenv("REGCTL_CONFIG", str(own.regctl))
        yield Registry(own.host, keeps_lists=False)


@pytest.fixture(params=["unsigned", "signed"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> KeyPair | None:
    return KeyPair.make(tmp_path) if request.param == "signed" else None


def later(evidence: Evidence) -> Evidence:
    """What another scan would have found at another time."""
    scans = [
        scan.model_copy(update={"finished_at": scan.finished_at + timedelta(seconds=1)})
        for scan in evidence.scans
    ]
    return evidence.model_copy(update={"scans": tuple(scans)})


def texts(evidence: Evidence) -> dict[str, str]:
    return {scan.scanner: scan.model_dump_json() for scan in evidence.scans}


def keeps_a_list(repository: str, digest: str) -> bool:
    """Whether the registry has the tag that stands in for the referrers API."""
    tags = run_tool(["regctl", "tag", "ls", repository], timeout=60)
    return digest.replace(":", "-") in tags.split()


def test_two_who_publish_at_once_leave_evidence_that_is_whole(
    gate: Gate, published_to: Registry, key: KeyPair | None, cosign: Path, tmp_path: Path
) -> None:
    """The later of two writers of a list may not know it, and leave out what the other wrote."""
    signer = StatementSigner.of_key(key.private) if key else None
    evidence = gate.passes().evidence
    target = replace(gate.destination(published_to.host), signer=signer)
    gate.push(evidence, target)
    both = (evidence, later(evidence))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda item: publish(item, gate.inputs, SEED, target), both))
    assert is_published(gate.inputs, evidence.image_digest, target)
    newer = replace(target, scanned_by="grype 99.0.0 x")
    assert not is_published(gate.inputs, evidence.image_digest, newer)
    found = find_evidence(target.repository, gate.inputs, signer)
    assert found is not None
    # One of both, and nothing of each in the other.
    assert texts(found) in [texts(item) for item in both]
    assert registry.find_digest(f"{target.repository}:1.0.0") == evidence.image_digest
    listed = keeps_a_list(target.repository, evidence.image_digest)
    assert listed == published_to.keeps_lists
    image = f"{target.repository}@{evidence.image_digest}"
    if key:
        assert_cosign_verifies(image, key, cosign, os.environ)
        assert {"dpkg", "onnxruntime"} <= packages_by_trivy(image, tmp_path, os.environ)


def test_evidence_that_lacks_a_statement_is_owed(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that others are of the same kind as."""
    evidence, target = gate.passes().evidence, gate.destination()
    gate.push(evidence, target)
    store = publication.store_statements
    for lost in sorted(ALWAYS):
        where = replace(target, repository=f"{target.repository}/{lost}")
        gate.push(evidence, where)
        with monkeypatch.context() as patch:
            patch.setattr(
                publication,
                "store_statements",
                lambda repository, digest, wanted, signer, lost=lost: store(
                    repository, digest, [item for item in wanted if item.name != lost], signer
                ),
            )
            publish(evidence, gate.inputs, SEED, where)
        assert not is_published(gate.inputs, evidence.image_digest, where), lost
        publish(evidence, gate.inputs, SEED, where)
        assert is_published(gate.inputs, evidence.image_digest, where)


def test_evidence_by_a_key_that_was_replaced_is_owed(gate: Gate, tmp_path: Path) -> None:
    evidence = gate.passes().evidence
    signers = [StatementSigner.of_key(KeyPair.make(tmp_path).private) for _ in range(2)]
    targets = [replace(gate.destination(), signer=signer) for signer in signers]
    gate.push(evidence, targets[0])
    for target in targets:
        assert not is_published(gate.inputs, evidence.image_digest, target)
        publish(evidence, gate.inputs, SEED, target)
        assert is_published(gate.inputs, evidence.image_digest, target)
        assert find_evidence(target.repository, gate.inputs, target.signer) is not None


def test_what_another_key_has_signed_is_no_evidence(gate: Gate, tmp_path: Path) -> None:
    evidence = gate.passes().evidence
    signers = [StatementSigner.of_key(KeyPair.make(tmp_path).private) for _ in range(2)]
    target = replace(gate.destination(), signer=signers[0])
    gate.push(evidence, target)
    publish(evidence, gate.inputs, SEED, target)
    assert find_evidence(target.repository, gate.inputs, signers[0]) is not None
    assert find_evidence(target.repository, gate.inputs, signers[1]) is None
    assert find_evidence(target.repository, gate.inputs, None) is None
