"""The waivers, as a table for people, as JSON, and as OpenVEX for scanners."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from urllib.parse import quote

from mlifecycle.governance.waivers import Waiver
from mlifecycle.report.escape import terminal

OPENVEX = "https://openvex.dev/ns/v0.2.0"


def waivers_as_text(waivers: Sequence[Waiver], today: date) -> str:
    """One line each, those that end first at the top."""
    if not waivers:
        return "no waiver stands"
    rows = [("FINDING", "FOR", "DAYS LEFT", "EXPIRES", "OWNER", "APPROVER", "TICKET", "REASON")]
    rows += [
        (
            waiver.finding,
            _subject(waiver),
            str(waiver.days_left(today)) if waiver.holds(today) else _state(waiver, today),
            str(waiver.expires),
            waiver.owner,
            waiver.approver,
            waiver.ticket,
            waiver.reason,
        )
        for waiver in sorted(waivers, key=lambda waiver: waiver.expires)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return terminal(
        "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
    )


def waivers_as_json(waivers: Sequence[Waiver], today: date) -> str:
    """Each with `days_left`."""
    return json.dumps(
        {
            "waivers": [
                {
                    **waiver.model_dump(mode="json", exclude_none=True),
                    "days_left": waiver.days_left(today),
                    "holds": waiver.holds(today),
                }
                for waiver in waivers
            ]
        },
        indent=2,
    )


def waivers_as_openvex(waivers: Sequence[Waiver], today: date) -> str:
    """Those that hold and speak of a vulnerability.

    A waiver accepts a risk for a time; it does not claim that the code is unaffected. OpenVEX's
    word for this is `affected`, with the decision as the action statement.
    """
    statements = [
        {
            "vulnerability": {"name": waiver.finding},
            "products": [{"@id": _product(waiver)}],
            "status": "affected",
            "action_statement": f"Accepted until {waiver.expires}: {waiver.reason} "
            f"({waiver.ticket}, approved by {waiver.approver})",
            "action_statement_timestamp": f"{waiver.created}T00:00:00Z",
        }
        for waiver in waivers
        if waiver.holds(today) and waiver.is_of_a_vulnerability
    ]
    content = json.dumps(statements, sort_keys=True).encode()
    document = {
        "@context": OPENVEX,
        "@id": f"urn:mlifecycle:waivers:{hashlib.sha256(content).hexdigest()}",
        "author": "mlifecycle",
        "timestamp": f"{today}T00:00:00Z",
        "version": 1,
        "statements": statements,
    }
    return json.dumps(document, indent=2)


def _subject(waiver: Waiver) -> str:
    if waiver.base_image:
        return f"base image {waiver.base_image[:19]}"
    return f"{waiver.model} {waiver.version or (waiver.digest or '')[:19]}"


def _state(waiver: Waiver, today: date) -> str:
    return "ended" if waiver.expires < today else "not begun"


def _product(waiver: Waiver) -> str:
    """A package URL, as OpenVEX wants; an image is named by its digest."""
    if waiver.base_image:
        return f"pkg:oci/base@{waiver.base_image.replace(':', '%3A')}"
    if waiver.digest:
        return f"pkg:oci/{waiver.model}@{waiver.digest.replace(':', '%3A')}"
    return f"pkg:generic/{waiver.model}@{quote(waiver.version or '')}"
