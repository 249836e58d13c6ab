"""Text from manifests is its author's: escaped for where it is printed."""

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:$])")


def terminal(text: str) -> str:
    """No control character, no direction mark: each is shown as its escape; line ends stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else _shown(character)
        for character in text
    )


def line(text: str) -> str:
    """The same on one line: an author's line end must not begin a line of ours."""
    return terminal(text).replace("\n", "\\n")


def sarif(text: str) -> str:
    """Plain text of a SARIF message, in which brackets are links and braces placeholders (3.11)."""
    return re.sub(r"([\\\[\]])", r"\\\1", text).replace("{", "{{").replace("}", "}}")


def markdown(text: str) -> str:
    """One line that renders as itself: no markup, link, mention or HTML.

    A code host looks for `@name` and `#1` in what is rendered, where no backslash is left: a space
    of no width parts them.
    """
    escaped = _MARKDOWN.sub(r"\\\1", terminal(text).replace("\n", " "))
    return re.sub("([@#])", r"\1&#8203;", escaped)


def _shown(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
