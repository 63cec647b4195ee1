"""Exact numbers: prices in ticks, sizes in steps, money in millionths of a dollar, all whole numbers.

A perpetual of ``sz_decimals`` d has sizes of d decimals and prices of 6 − d, so that ticks times
steps is a whole number of millionths: no trade is ever rounded. Fees and funding are, once, here.
"""

from __future__ import annotations

import re
from typing import Final

MICRO: Final = 1_000_000
"""Millionths of a dollar in a dollar."""
USD_DECIMALS: Final = 6
SIGNIFICANT_FIGURES: Final = 5
RATE_DECIMALS: Final = 10
"""Decimals of a funding rate."""

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?\Z")


def px_decimals(sz_decimals: int) -> int:
    """Decimals of a perpetual's finest price."""
    return 6 - sz_decimals


def parse(text: object, decimals: int) -> int | None:
    """`text` (a plain decimal string) in units of 10^−`decimals`; None if malformed or too fine."""
    if not isinstance(text, str) or _DECIMAL.match(text) is None:
        return None
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > decimals:
        return None
    return int(whole + part.ljust(decimals, "0"))


def is_decimal(text: object) -> bool:
    """Whether `text` is a plain decimal string."""
    return isinstance(text, str) and _DECIMAL.match(text) is not None


def on_grid(tick: int, decimals: int) -> bool:
    """Whether a price of `tick` has at most five significant figures or is whole."""
    if tick % 10**decimals == 0:
        return True
    return len(str(tick).rstrip("0")) <= SIGNIFICANT_FIGURES


def plain(value: int, decimals: int) -> str:
    """`value`·10^−`decimals` without trailing zeros: ``84143``, ``0.56057``."""
    sign = "-" if value < 0 else ""
    if decimals == 0:
        return f"{sign}{abs(value)}"
    digits = str(abs(value)).rjust(decimals + 1, "0")
    part = digits[-decimals:].rstrip("0")
    return f"{sign}{digits[:-decimals]}" + (f".{part}" if part else "")


def wire(value: int, decimals: int) -> str:
    """`value`·10^−`decimals` as the venue writes it, with at least one decimal: ``84143.0``."""
    text = plain(value, decimals)
    return text if "." in text else text + ".0"


def usd(micro: int) -> str:
    """Money as the venue writes it."""
    return wire(micro, USD_DECIMALS)


def to_micro(dollars: float | int | str) -> int:
    """Dollars in millionths, rounded."""
    return round(float(dollars) * MICRO) if not isinstance(dollars, int) else dollars * MICRO


def divide(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest whole number, halves away from zero; `denominator` > 0."""
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((-2 * numerator + denominator) // (2 * denominator))


def divide_up(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)
