"""The two ways in which the toolchain can fail, each with the exit code that its commands end
with.
"""


class ToolchainError(Exception):
    """A tool could not be provided; the message is for the user and says what to do.

    Args:
        message: one or more lines in the user's words, shown without a traceback.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnfitEnvironmentError(ToolchainError):
    """This machine cannot build tools as it is: its Go, its disk or its cache folder."""

    exit_code = 2
