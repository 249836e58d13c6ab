"""Amounts of resources as Kubernetes writes them (`k8s.io/apimachinery` resource.Quantity)."""

import re
from decimal import Decimal

# A sign is legal there, but no amount of anything is below 0.
_QUANTITY = re.compile(
    r"\+?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_POWERS_OF_TEN = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_POWERS_OF_TWO = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parse_quantity(text: str) -> Decimal | None:
    """The amount in its base unit (cores, bytes); None where the text is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _POWERS_OF_TWO:
        return number * Decimal(2 ** _POWERS_OF_TWO[suffix])
    if suffix in _POWERS_OF_TEN:
        return number.scaleb(_POWERS_OF_TEN[suffix])
    return number.scaleb(int(suffix[1:])) if suffix else number


def is_whole(amount: Decimal) -> bool:
    """Whether it is no fraction, however large it is."""
    return amount == amount.to_integral_value()
