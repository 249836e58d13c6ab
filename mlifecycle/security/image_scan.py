"""The scans of an image: built and scanned once, and the scan shared with all of its runtime."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlifecycle.exclusive import exclusively
from mlifecycle.image import build, context
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.security import grype, trivy
from mlifecycle.security.evidence import Evidence, Scan, Scans, read_scans, write_scans


@dataclass(frozen=True)
class Scanners:
    """What builds and scans on this machine.

    Attributes:
        seconds: how long one scan may take.
    """

    builder: str
    trivy_database: str
    grype_database: str
    seconds: int
    server_source: Path
    cache: Path


class RuntimeScans(Scans):
    """The scans of a runtime: of all layers but the last, which says whose image it is."""

    layers: tuple[str, ...]
    sbom: str


def evidence_of(inputs: BuildInputs, scanners: Scanners) -> Evidence:
    """The evidence of an image: of an earlier run, else of a build and scans made now.

    Raises:
        ToolError: the build or a scanner fails.
    """
    scanner_key = _scanner_key(scanners)
    folder = scanners.cache / "gate" / f"{inputs.digest()[:32]}-{scanner_key}"
    # Another run may be at the same work: this one waits, and takes what that one made.
    with exclusively(folder):
        file = folder / "evidence.json"
        evidence = read_scans(Evidence, file)
        if evidence is None:
            layout = folder / "layout"
            staged = context.stage(scanners.server_source, inputs)
            digest = build.build_layout(
                staged, base_image=inputs.base_image, builder=scanners.builder, target=layout
            )
            runtime = _runtime_scans(inputs, layout, scanners, scanner_key)
            evidence = Evidence(image_digest=digest, scans=runtime.scans)
            write_scans(evidence, file)
    return evidence


def scan_named_versions(pins: Sequence[str], scanners: Scanners) -> tuple[Scan, ...]:
    """What is known of exact versions that a manifest names, whether they can be installed or not.

    Raises:
        ToolError: the scanner fails.
    """
    if not pins:
        return ()
    folder = scanners.cache / "pins" / _key(*sorted(pins), _scanner_key(scanners))
    with exclusively(folder):
        file = folder / "scans.json"
        known = read_scans(Scans, file)
        if known is None:
            scan = grype.scan_pins(
                pins,
                database=scanners.grype_database,
                cache=scanners.cache / "grype",
                timeout=scanners.seconds,
            )
            known = Scans(scans=(scan,))
            write_scans(known, file)
    return known.scans


def _runtime_scans(
    inputs: BuildInputs, layout: Path, scanners: Scanners, scanner_key: str
) -> RuntimeScans:
    layers = _layers(layout)[:-1]
    folder = scanners.cache / "runtimes" / _key(*layers, scanner_key)
    with exclusively(folder):
        file = folder / "scans.json"
        known = read_scans(RuntimeScans, file)
        if known is None or known.layers != layers:
            known = _scan(layout, layers, scanners)
            write_scans(known, file)
    return known


def _scan(layout: Path, layers: tuple[str, ...], scanners: Scanners) -> RuntimeScans:
    first = trivy.scan_image(
        layout,
        database=scanners.trivy_database,
        cache=scanners.cache / "trivy",
        timeout=scanners.seconds,
    )
    second = grype.scan_sbom(
        first.sbom,
        database=scanners.grype_database,
        cache=scanners.cache / "grype",
        timeout=scanners.seconds,
    )
    return RuntimeScans(scans=(first.scan, second), layers=layers, sbom=first.sbom)


@cache
def _scanner_key(scanners: Scanners) -> str:
    """Evidence of other scanners, or from other databases, is none for this stack."""
    return _key(
        f"trivy {trivy.trivy_version()} {scanners.trivy_database}",
        f"grype {grype.grype_version()} {scanners.grype_database}",
    )


def _layers(layout: Path) -> tuple[str, ...]:
    """The digests of an image's layers, the lowest first."""
    try:
        (image,) = json.loads((layout / "index.json").read_bytes())["manifests"]
        blob = layout / "blobs" / image["digest"].replace(":", "/")
        return tuple(layer["digest"] for layer in json.loads(blob.read_bytes())["layers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{layout} holds no image that can be read: {error}") from error


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
