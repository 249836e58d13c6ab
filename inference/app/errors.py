"""The words that this service has for what went wrong."""


class StartupError(Exception):
    """The model can't be served. The message is one line, meant for a person, and final.

    It is the only kind of failure that ends the process without a traceback: its cause lies in
    the model, its store or the release, not in this program.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class RequestError(Exception):
    """A caller's request can't be answered. The message tells the caller what to change.

    status: the HTTP status to answer with, 4xx.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
