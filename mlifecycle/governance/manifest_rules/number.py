"""The two shapes that rules about numbers have: given at all, and within the owner's threshold."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from mlifecycle.governance.findings import as_printed
from mlifecycle.governance.rule import NothingToJudge, Objection, Terms
from mlifecycle.manifest.schema import Manifest

Check = Callable[[Manifest, Terms], Iterator[Objection]]


def present(section: str, fields: tuple[str, ...], whole: str, one: str) -> Check:
    """A rule that a section, and each of its fields, is given."""

    def check(manifest: Manifest, _: Terms) -> Iterator[Objection]:
        given = getattr(manifest.spec, section)
        if given is None:
            yield Objection(whole, path=("spec",))
            return
        for field in fields:
            if getattr(given, field) is None:
                yield Objection(one.format(field=field), path=("spec", section))

    return check


def limited(
    section: str, field: str, message: str, breaks: Callable[[Decimal, Decimal], bool]
) -> Check:
    """A rule that a number, where it is given, keeps the owner's threshold."""

    def check(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
        value: Decimal | None = getattr(getattr(manifest.spec, section), field, None)
        if value is None:
            raise NothingToJudge
        if breaks(value, terms.limit):
            # A difference counts by its size.
            negative = f"{as_printed(value)} (by its size {as_printed(-value)})"
            shown = message.format(
                value=negative if value < 0 else as_printed(value),
                threshold=as_printed(terms.limit),
            )
            yield Objection(shown, value=str(value), path=("spec", section, field))

    return check
