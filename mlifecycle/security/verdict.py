"""Whether evidence lets an image pass."""

from mlifecycle.security.evidence import Evidence

BLOCKING = ("CRITICAL", "HIGH")


def objections(evidence: Evidence) -> list[str]:
    """Why the image may not be released, one line each; none when it may.

    A CRITICAL or HIGH vulnerability that has a fix, and any secret.
    """
    found = []
    for scan in evidence.scans:
        for item in scan.vulnerabilities:
            if item.severity in BLOCKING and item.fixed_version:
                found.append(
                    f"{item.id} in {item.package}=={item.version}\n"
                    f"  Severity: {item.severity}\n"
                    f"  Fix: Upgrade to {item.package}>={item.fixed_version}"
                )
        for secret in scan.secrets:
            found.append(f"secret ({secret.rule}) in {secret.file}, line {secret.line}")
    return list(dict.fromkeys(found))


def failure_text(found: list[str]) -> str:
    """The refusal as the reader sees it."""
    secrets = [line for line in found if line.startswith("secret")]
    actions = ["Remove the secret and revoke it: it has left its vault"] if secrets else []
    if len(secrets) < len(found):
        actions += ["Update requirements.txt", "Rebuild container"]
    actions.append("Re-submit deployment")
    lines = ["❌ Security scan failed", "", *(f"- {line}" for line in found)]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(actions, start=1)]
    return "\n".join(lines)
