"""A release that does not become ready, as the workflow prints it, with cause and next steps."""

from mlifecycle.release.observation import Diagnosis
from mlifecycle.report.escape import line, terminal


def failure_text(diagnosis: Diagnosis, serving: str) -> str:
    """The whole message.

    Args:
        serving: who answers callers meanwhile.
    """
    lines = [
        "❌ Deployment health check failed",
        "",
        f"Pod Status: {line(diagnosis.status)}",
        f"Error: {line(diagnosis.error)}",
        f"Probable Cause: {line(diagnosis.cause)}",
        "",
        "Action Required:",
        *(f"{place}. {action}" for place, action in enumerate(diagnosis.actions, start=1)),
        "",
        serving,
    ]
    return terminal("\n".join(lines))
