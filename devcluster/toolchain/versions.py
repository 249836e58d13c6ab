"""Version numbers as tools print them, and the ranges of versions that serve."""

import re
from dataclasses import dataclass

_CONSTRAINT = re.compile(r"^(==|>=|<)(\d+(?:\.\d+)*)$")


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numeric parts of a release version such as `1.34.1`.

    Raises:
        ValueError: the text is not dot-separated numbers (a pre-release never serves).
    """
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True)
class VersionRange:
    """A conjunction of constraints, written `>=3.255,<4` or `==1.34.1`."""

    text: str
    constraints: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def parse(cls, text: str) -> "VersionRange":
        """Read a range.

        Raises:
            ValueError: a constraint is not `==`, `>=` or `<` followed by a version.
        """
        constraints = []
        for part in text.split(","):
            match = _CONSTRAINT.match(part.strip())
            if match is None:
                raise ValueError(f"{part.strip()!r} is not ==, >= or < followed by a version")
            constraints.append((match[1], parse_version(match[2])))
        return cls(text, tuple(constraints))

    def contains(self, version: str) -> bool:
        """Say whether a version serves; what is not a plain release version never does."""
        try:
            found = parse_version(version)
        except ValueError:
            return False
        return all(_holds(found, operator, bound) for operator, bound in self.constraints)


def _holds(found: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
    # 1.34 and 1.34.0 are one version: pad to equal length before comparing.
    width = max(len(found), len(bound))
    left = found + (0,) * (width - len(found))
    right = bound + (0,) * (width - len(bound))
    if operator == "==":
        return left == right
    return left >= right if operator == ">=" else left < right
