"""What is stated of a release beside its scans: what the model is, and how it answered."""

from decimal import Decimal
from typing import Any

from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.schema import Manifest
from mlifecycle.security.attestations import MODEL, SBOM, TEST_RESULT, Statement, statement

MACHINE_LEARNING_MODEL = "machine-learning-model"


def model_bom(image: str, digest: str, manifest: Manifest, inputs: BuildInputs) -> Statement:
    """The model as a CycloneDX 1.6 document with a model card, from what its manifest says.

    Args:
        image: its repository.
        digest: of the image that serves it.
    """
    model, spec = manifest.spec.model, manifest.spec
    card: dict[str, Any] = {
        "modelParameters": {
            "architectureFamily": model.framework,
            "datasets": [
                {"type": "dataset", "name": source.source}
                for source in spec.data_sources
                if source.source is not None
            ],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {"type": name, "value": str(value)}
                for section in (spec.metrics, spec.fairness, spec.drift)
                for name, value in (section.model_dump() if section else {}).items()
                if isinstance(value, Decimal)
            ]
        },
    }
    component = {
        "type": MACHINE_LEARNING_MODEL,
        "name": model.name,
        "version": model.version,
        "externalReferences": [{"type": "distribution", "url": model.uri}],
        "properties": [{"name": "mlifecycle:artifact", "value": inputs.artifact_digest}],
        "modelCard": card,
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component},
    }
    return statement(image, digest, SBOM, MODEL, document)


def golden_result(image: str, digest: str, inputs: BuildInputs, samples: int) -> Statement:
    """That the running release answered all golden samples as it must."""
    tests = ["health", "ready", *(f"golden sample {number}" for number in range(samples))]
    predicate = {
        "result": "PASSED",
        "configuration": [
            {
                "name": f"{inputs.uri}/golden.json",
                "digest": {"sha256": inputs.golden_digest.removeprefix("sha256:")},
            }
        ],
        "passedTests": tests,
    }
    return statement(image, digest, TEST_RESULT, "golden predictions", predicate)
