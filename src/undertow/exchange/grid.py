"""How a market's own ticks and size steps lie on the venue's grid of six decimals in all."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from undertow.exchange.numbers import px_decimals
from undertow.instrument import Instrument


class Grid(NamedTuple):
    """``px_factor``: venue ticks in one of the market's own. Size steps are the same."""

    sz_decimals: int
    px_factor: int


def grid_of(instrument: Instrument) -> Grid:
    """The venue's grid for `instrument`. Raises ValueError where its steps do not lie on one."""
    step, tick = Fraction(str(instrument.size_step)), Fraction(str(instrument.tick_size))
    for decimals in range(7):
        px = tick * 10 ** px_decimals(decimals)
        if step * 10**decimals == 1 and px.denominator == 1:
            return Grid(decimals, px.numerator)
    raise ValueError(
        f"instrument {instrument.name}: size_step {instrument.size_step} and tick_size "
        f"{instrument.tick_size}: a Hyperliquid perpetual has sizes in powers of ten from 1 down and, "
        "size and price together, six decimals"
    )
