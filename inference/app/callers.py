"""Who may ask: callers that know a key. Only the keys' digests are here."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from app.errors import RequestError, StartupError

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_BEARER = b"bearer "


class Callers:
    """The digests of the keys that open the model; several, so that a key can be replaced."""

    def __init__(self, digests: Iterable[bytes]) -> None:
        self._digests = tuple(digests)

    def require(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let a request pass that brings a key, as `x-api-key` or as a bearer token.

        Raises RequestError (401).
        """
        for name, value in headers:
            if name == b"x-api-key":
                given = value
            elif name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
                given = value[len(_BEARER) :].strip()
            else:
                continue
            if self._knows(given):
                return
        raise RequestError(
            "a key is needed: send it as x-api-key",
            HTTPStatus.UNAUTHORIZED,
            {"www-authenticate": "Bearer"},
        )

    def _knows(self, key: bytes) -> bool:
        digest = hashlib.sha256(key).digest()
        # All are compared, in constant time: how long it takes tells neither a key nor its place.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def read_callers(file: Path) -> Callers:
    """The digests in `file`, one `sha256:<hex>` in a line.

    Raises StartupError where it can't be read, holds anything else, or holds nothing.
    """
    try:
        lines = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(
            f"Callers' keys: {file} can't be read ({type(error).__name__})"
        ) from None
    found = [_DIGEST.fullmatch(line) for line in lines]
    if not found or None in found:
        raise StartupError(f"Callers' keys: {file} must hold lines of sha256:<64 hex digits>")
    return Callers(bytes.fromhex(match[1]) for match in found if match)
