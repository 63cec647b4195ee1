"""Prices and sizes as wire strings and back, exact: integer ticks and size steps, no trailing zeros.

A perpetual's price has at most five significant figures and 6 - szDecimals decimals, whole prices
being valid always; a size has at most szDecimals decimals. Source: Hyperliquid docs, "Tick and lot
size".
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from undertow.instrument import Instrument

_DECIMAL: Final = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def decimal_string(count: int, decimals: int) -> str:
    """Text of ``count / 10**decimals`` without trailing zeros."""
    if decimals == 0:
        return str(count)
    whole, rest = divmod(abs(count), 10**decimals)
    text = str(whole) if rest == 0 else f"{whole}.{rest:0{decimals}d}".rstrip("0")
    return "-" + text if count < 0 else text


def parse_decimal(text: str, decimals: int) -> int | None:
    """``text · 10**decimals`` where that is whole, else None. Raises `ValueError` of what is no decimal."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a decimal number")
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > decimals:
        return None
    count = int(whole.lstrip("-") + rest.ljust(decimals, "0"))
    return -count if text[0] == "-" else count


def significant_figures(count: int) -> int:
    """Number of significant figures of an integer: 123400 has four, 0 none."""
    return len(str(abs(count)).rstrip("0"))


def valid_count(count: int, decimals: int, figures: int) -> bool:
    """Whether ``count / 10**decimals`` > 0 has at most `figures` significant figures or is whole."""
    return count > 0 and (significant_figures(count) <= figures or count % 10**decimals == 0)


def _decimals(step: float, name: str) -> tuple[int, int]:
    """``step`` as (multiple, decimals): 0.5 is (5, 1)."""
    exact = Fraction(str(step))
    for decimals in range(13):
        scaled = exact * 10**decimals
        if scaled.denominator == 1:
            return scaled.numerator, decimals
    raise ValueError(f"{name} = {step} has more than 12 decimals")


class WireNumbers:
    """Wire strings of one instrument. ``px_decimals``, ``sz_decimals``: the decimals of its finest steps."""

    __slots__ = (
        "_figures",
        "_inverse_step",
        "_name",
        "_sz_multiple",
        "_tick_multiple",
        "px_decimals",
        "sz_decimals",
    )

    def __init__(self, instrument: Instrument) -> None:
        """`instrument`'s tick and size step must be decimal numbers of at most 12 decimals."""
        self._name = instrument.name
        self._tick_multiple, self.px_decimals = _decimals(instrument.tick_size, "tick_size")
        self._sz_multiple, self.sz_decimals = _decimals(instrument.size_step, "size_step")
        self._figures = instrument.significant_figures
        self._inverse_step = 10**self.sz_decimals / self._sz_multiple

    def px(self, tick: int) -> str:
        """Wire string of the price of a tick. Does not ask whether it is valid (`valid`)."""
        return decimal_string(tick * self._tick_multiple, self.px_decimals)

    def valid(self, tick: int) -> bool:
        """Whether an order may be priced at `tick`."""
        count = tick * self._tick_multiple
        return count > 0 and (self._figures == 0 or valid_count(count, self.px_decimals, self._figures))

    def tick(self, text: str) -> int | None:
        """Tick of a price's text; None where it lies between ticks. Raises `ValueError` of no decimal."""
        count = parse_decimal(text, self.px_decimals)
        return None if count is None or count % self._tick_multiple else count // self._tick_multiple

    def tick_of(self, px: float) -> int:
        """Nearest tick to a price (prices of books and fills lie on ticks)."""
        return round(px * 10**self.px_decimals / self._tick_multiple)

    def px_of(self, tick: int) -> float:
        """Price of a tick: the float nearest to it."""
        return tick * self._tick_multiple / 10**self.px_decimals

    def steps_of(self, qty: float) -> int:
        """Size steps nearest to `qty`."""
        return round(qty * self._inverse_step)

    def qty_of(self, steps: int) -> float:
        """Quantity of a number of size steps: the float nearest to it."""
        return steps * self._sz_multiple / 10**self.sz_decimals

    def sz(self, qty: float) -> str:
        """Wire string of a quantity > 0.

        Raises `ValueError` where it is not a positive whole number of size steps (to a thousandth).
        """
        exact = qty * self._inverse_step
        steps = round(exact)
        if steps <= 0 or abs(exact - steps) > max(1e-3, 1e-12 * steps):
            raise ValueError(f"{self._name}: size {qty} is not a positive multiple of the size step")
        return decimal_string(steps * self._sz_multiple, self.sz_decimals)

    def sz_of_steps(self, steps: int) -> str:
        """Wire string of a number of size steps."""
        return decimal_string(steps * self._sz_multiple, self.sz_decimals)

    def steps(self, text: str) -> int | None:
        """Size steps of a size's text; None where it is no whole number of them. Raises `ValueError`."""
        count = parse_decimal(text, self.sz_decimals)
        return None if count is None or count % self._sz_multiple else count // self._sz_multiple
