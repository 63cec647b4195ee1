"""What a listing trades against besides accounts: a background market that reacts to what is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.instrument import Instrument


class Aggressor(NamedTuple):
    """One background order that took liquidity, as it met the background book alone.

    ``side``: +1 bought. ``prints``: (tick, steps), one per resting order met, best price first.
    ``to_limit``: it meant to take all there is up to the price of its last print.
    """

    side: int
    prints: list[tuple[int, int]]
    to_limit: bool


@dataclass(slots=True)
class MarketContext:
    """What the background knows beyond its book; 0 where it does not (yet)."""

    oracle_px: float = 0.0
    """Spot price of the venue's oracle."""
    reference_px: float = 0.0
    """Perpetual mid elsewhere."""
    open_interest_qty: float = 0.0


class Market(Protocol):
    """A background market. Prices are ticks of 10^−(6−d), sizes steps of 10^−d (d: ``sz_decimals``)."""

    instrument: Instrument
    sz_decimals: int
    context: MarketContext

    def advance(self, until_ns: int) -> list[Aggressor]:
        """Live until `until_ns`; returns the background orders that took liquidity, in order."""
        ...

    def best(self, side: int) -> int | None:
        """Best tick of `side`; None while it is empty."""
        ...

    def size(self, side: int, tick: int) -> int:
        """Steps at a level; 0 where there are none."""
        ...

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        """Steps at each of `levels`, shape (n, 2): side and tick."""
        ...

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """The best `depth` levels of `side`: tick, steps and how many orders."""
        ...

    def take(self, side: int, tick: int, steps: int) -> int:
        """Take up to `steps` from a level; returns what was taken."""
        ...

    def give_back(self, side: int, tick: int, steps: int) -> None:
        """Put back what a background order took but account orders gave instead."""
        ...

    def feel(self, side: int, steps: int) -> None:
        """An account's order of `side` took `steps` in all: react as to any aggressor."""
        ...
