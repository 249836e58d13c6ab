"""How a model that is not well is shown."""

import json

from mlifecycle.report.status import status_as_json, status_as_text
from mlifecycle.stack.status import ModelStatus

WELL = ModelStatus(
    model="fraud-detector",
    version="2.1.0",
    image="r/fraud-detector/inference-service:2.1.0-a@sha256:0",
    runs="r/fraud-detector/inference-service:2.1.0-a@sha256:0",
    deployed_at="2025-01-02T12:00:00Z",
    wanted=2,
    ready=2,
    by="ada@host",
    commit="0123456789abcdef+",
    verified="2025-01-02T12:01:00Z",
    signature="unsigned",
    waivers=(("CVE-2024-1", 12),),
)
ILL = ModelStatus(model="new", runs="r/x:1@sha256:1", wanted=1, outstanding=("verification: a\nb",))


def test_each_model_is_a_block_and_the_stack_a_line() -> None:
    assert status_as_text("dev", [WELL, ILL]).splitlines() == [
        "✓ fraud-detector 2.1.0: 2 of 2 pods ready",
        "    Image:       r/fraud-detector/inference-service:2.1.0-a",
        "    Digest:      sha256:0",
        "    Released:    2025-01-02T12:00:00Z ada@host 0123456789ab+",
        "    Verified:    2025-01-02T12:01:00Z",
        "    Signature:   unsigned",
        "    Waiver:      CVE-2024-1, 12 days left",
        "",
        "❌ new : 0 of 1 pods ready",
        "    Runs:        r/x:1@sha256:1",
        r"    Outstanding: verification: a\nb",
        "",
        "Stack dev: 1 of 2 models are well",
    ]


def test_machines_get_all_of_it() -> None:
    first, second = json.loads(status_as_json("dev", [WELL, ILL]))["models"]
    assert (first["is_well"], second["is_well"]) == (True, False)
    assert first["waivers"] == [["CVE-2024-1", 12]]
