"""The scans of an image: built and scanned once, and the scan shared with all of its runtime."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.image import build, context, names
from mlifecycle.image.names import BuildInputs
from mlifecycle.os_patches import PatchStore
from mlifecycle.process import ToolError
from mlifecycle.security import grype, trivy
from mlifecycle.security.database import trusted_until_failure
from mlifecycle.security.evidence import (
    Evidence,
    Scan,
    Scans,
    Target,
    read_scans,
    scanner_names,
)
from mlifecycle.security.evidence_store import find_evidence
from mlifecycle.security.layouts import (
    configuration_of,
    keep_layers,
    layers_of,
    lend_layers,
)
from mlifecycle.security.signing import StatementSigner

# How long a scan is shared by what changes: vendors' databases come every few hours.
SHARED_AGE = timedelta(hours=24)


@dataclass(frozen=True)
class Scanners:
    """What builds and scans on this machine.

    Attributes:
        signer: signs evidence in the registry; None where the stack has no key.
        seconds: how long one scan may take.
    """

    builder: str
    registry: str
    signer: StatementSigner | None
    trivy_database: str
    grype_database: str
    seconds: int
    server_source: Path
    cache: Path

    @property
    def patches(self) -> PatchStore:
        """The base images' patches."""
        return PatchStore(self.registry, self.cache)


class RuntimeScans(Scans):
    """The scans of a runtime: of all layers but the last, which says whose image it is."""

    layers: tuple[str, ...]
    sbom: str


def evidence_of(inputs: BuildInputs, scanners: Scanners, *, of_any_age: bool) -> Evidence:
    """The evidence of an image: this machine's, the registry's, else of a build and scans made now.

    Args:
        of_any_age: also what was found before today's databases, for what runs as it is.

    Raises:
        ToolError: the build or a scanner fails.
    """
    folder = _folder(inputs, scanners)
    # Another run may be at the same work: this one waits, and takes what that one made.
    with exclusively(folder):
        file = folder / "evidence.json"
        evidence = read_scans(Evidence, file)
        if evidence is not None and evidence.build != inputs.digest():
            evidence = None
        if evidence is None or (_is_old(evidence) and not of_any_age):
            evidence = _stored(inputs, scanners)
            if evidence is None or (_is_old(evidence) and not of_any_age):
                evidence = _made(inputs, scanners, folder / "layout")
            write_whole(file, evidence.model_dump_json(indent=2))
    return evidence


def layout_of(inputs: BuildInputs, scanners: Scanners) -> Path:
    """An OCI layout that holds the image: this machine's, or built now from the same inputs.

    Raises:
        ToolError: the build fails, or gives other bytes than those that were scanned.
    """
    folder = _folder(inputs, scanners)
    with exclusively(folder):
        layout, file = folder / "layout", folder / "evidence.json"
        if not (layout / "index.json").exists():
            digest, evidence = _build(inputs, scanners, layout), read_scans(Evidence, file)
            if evidence is not None and evidence.image_digest != digest:
                # It speaks of bytes that are gone: the next run scans what there is.
                file.unlink()
                raise ToolError(
                    f"the image of {inputs.model} builds to {digest} now, and not to"
                    f" {evidence.image_digest}, which was scanned: this machine's builder has"
                    " changed. Run the same command again, which scans what it builds"
                )
        return layout


def _folder(inputs: BuildInputs, scanners: Scanners) -> Path:
    return scanners.cache / "gate" / f"{inputs.digest()[:32]}-{_scanner_key(scanners)}"


def _build(inputs: BuildInputs, scanners: Scanners, layout: Path) -> str:
    copy = scanners.patches.copy
    staged = context.stage(scanners.server_source, inputs, copy, scanners.cache)
    common = (inputs.base_image, inputs.os_patches.digest, inputs.context_digest)
    kept = scanners.cache / "layers" / _key(*common)
    shutil.rmtree(layout, ignore_errors=True)
    lend_layers(kept, layout)
    digest = build.build_layout(staged, inputs=inputs, builder=scanners.builder, target=layout)
    keep_layers(layout, kept)
    return digest


def _made(inputs: BuildInputs, scanners: Scanners, layout: Path) -> Evidence:
    digest = _build(inputs, scanners, layout)
    runtime = _runtime_scans(layout, scanners)
    return Evidence(
        image_digest=digest, build=inputs.digest(), scans=runtime.scans, sbom=runtime.sbom
    )


def _stored(inputs: BuildInputs, scanners: Scanners) -> Evidence | None:
    """What another machine's gate left in the registry, if it is of these scanners."""
    repository = names.repository(scanners.registry, inputs.model)
    found = find_evidence(repository, inputs, scanners.signer)
    if found is None:
        return None
    # What the manifest names and needs is scanned by itself.
    scans = tuple(scan for scan in found.scans if scan.target == "image")
    return found.model_copy(update={"scans": scans}) if found.scanned_by == used(scanners) else None


@cache
def used(scanners: Scanners) -> str:
    """What looks at images here, as `Evidence.scanned_by`."""
    return scanner_names(
        (
            ("trivy", trivy.trivy_version(), scanners.trivy_database),
            ("grype", grype.grype_version(), scanners.grype_database),
        )
    )


def scan_versions(versions: Sequence[str], target: Target, scanners: Scanners) -> tuple[Scan, ...]:
    """What is known of exact versions, whether they can be installed or not; no scan of none.

    Raises:
        ToolError: the scanner fails.
    """
    if not versions:
        return ()
    key = _key(target, *sorted(versions), _scanner_key(scanners))
    folder = scanners.cache / "versions" / key
    with exclusively(folder):
        file = folder / "scans.json"
        known = read_scans(Scans, file)
        if known is None or _is_old(known):
            database, cache = scanners.grype_database, scanners.cache / "grype"
            with trusted_until_failure(database, cache):
                scan = grype.scan_versions(
                    versions, target, database=database, cache=cache, timeout=scanners.seconds
                )
            known = Scans(scans=(scan,))
            write_whole(file, known.model_dump_json(indent=2))
    return known.scans


def _runtime_scans(layout: Path, scanners: Scanners) -> RuntimeScans:
    layers = layers_of(layout)[:-1]
    # Secrets stand in its configuration too, which may change where no layer does.
    key = _key(*layers, configuration_of(layout), _scanner_key(scanners))
    folder = scanners.cache / "runtimes" / key
    with exclusively(folder):
        file = folder / "scans.json"
        known = read_scans(RuntimeScans, file)
        if known is None or known.layers != layers or _is_old(known):
            known = _scan(layout, layers, scanners)
            write_whole(file, known.model_dump_json(indent=2))
    return known


def _is_old(scans: Scans) -> bool:
    """Whether databases will have become newer since: what changes is judged by today's."""
    oldest = min(scan.finished_at for scan in scans.scans)
    return datetime.now(UTC) - oldest > SHARED_AGE


def _scan(layout: Path, layers: tuple[str, ...], scanners: Scanners) -> RuntimeScans:
    database, cache = scanners.trivy_database, scanners.cache / "trivy"
    with trusted_until_failure(database, cache):
        first = trivy.scan_image(layout, database=database, cache=cache, timeout=scanners.seconds)
    database, cache = scanners.grype_database, scanners.cache / "grype"
    with trusted_until_failure(database, cache):
        second = grype.scan_sbom(
            first.sbom, database=database, cache=cache, timeout=scanners.seconds
        )
    return RuntimeScans(scans=(first.scan, second), layers=layers, sbom=first.sbom)


def _scanner_key(scanners: Scanners) -> str:
    """Evidence of other scanners, or from other databases, is none for this stack."""
    return _key(used(scanners))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
