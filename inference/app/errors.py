"""The words that this service has for what went wrong."""

from collections.abc import Mapping
from http import HTTPStatus


class StartupError(Exception):
    """The model can't be served. The message is one line, meant for a person, and final.

    It is the only kind of failure that ends the process without a traceback: its cause lies in
    the model, its store or the release, not in this program.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class RequestError(Exception):
    """A caller's request can't be answered. The message tells the caller what to change.

    status: the HTTP status to answer with. headers: what is sent beside it. details: numbers that
    a program may want, such as a limit.
    """

    def __init__(
        self,
        message: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.details = details or {}

    @property
    def code(self) -> str:
        """The status in one word, for programs: bad_request, not_found, ..."""
        return self.status.name.lower()
