"""Sending a text to a channel: whatever Apprise knows an address of."""

import logging
from collections.abc import Iterable

import apprise

# Its own log names addresses, which are secrets.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


def send(addresses: Iterable[str], title: str, body: str) -> bool:
    """Whether every address of a channel took the text.

    It is plain: Apprise escapes it for channels that know a markup. Each address has 4 seconds to
    be reached and 4 to answer (Apprise's own `cto` and `rto`, which an address can set).
    """
    asset = apprise.AppriseAsset(app_id="mlifecycle", app_desc="mlifecycle", async_mode=True)
    channel = apprise.Apprise(asset=asset)
    known = [channel.add(address) for address in addresses]
    return (
        bool(known)
        and all(known)
        and bool(
            channel.notify(
                body=body,
                title=title,
                body_format=apprise.NotifyFormat.TEXT,
                interpret_escapes=False,
            )
        )
    )
