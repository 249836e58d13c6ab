"""The one error of this room that is for the reader of the terminal."""


class EnvironmentUnfit(Exception):
    """This machine lacks something; the message names it, what was found, and the remedy."""
