"""The asset a generated market follows, as a coin of its own: a touch around its reference price.

Its book is one level a side, a price step from the reference; what is taken is back with the next price.
Nobody trades it but accounts. It is there to be watched: a builder dex's coin follows the main dex's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.exchange.market import Aggressor, Market, MarketContext
from undertow.exchange.numbers import px_decimals
from undertow.instrument import Instrument, round_price

TOUCH_USD: Final = 50_000.0
"""Worth of each level."""


class ReferenceBackground:
    """A `Market` around the ``reference_px`` of the market that `follower` opened."""

    def __init__(
        self, instrument: Instrument, sz_decimals: int, follower: Callable[[], Market | None]
    ) -> None:
        self.instrument, self.sz_decimals = instrument, sz_decimals
        self.context = MarketContext()
        self._follower = follower
        self._inst = instrument.record()
        self._factor = round(10 ** px_decimals(sz_decimals) * instrument.tick_size)
        self._px = 0.0
        self._touch = {1: (0, 0), -1: (0, 0)}  # tick, steps

    def advance(self, until_ns: int) -> list[Aggressor]:
        """See `Market.advance`: the touch moves with the reference."""
        market = self._follower()
        px = market.context.reference_px if market is not None else 0.0
        if px > 0.0 and px != self._px:
            self._px = px
            self.context.oracle_px = self.context.reference_px = px
            steps = max(1, round(TOUCH_USD / px * 10**self.sz_decimals))
            bid = int(round_price(self._inst, px, 1))
            ask = max(int(round_price(self._inst, px, -1)), bid + 1)
            self._touch = {1: (bid * self._factor, steps), -1: (ask * self._factor, steps)}
        return []

    def best(self, side: int) -> int | None:
        """See `Market.best`."""
        tick, steps = self._touch[side]
        return tick if steps > 0 else None

    def size(self, side: int, tick: int) -> int:
        """See `Market.size`."""
        at, steps = self._touch[side]
        return steps if at == tick else 0

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        """See `Market.sizes`."""
        return [self.size(int(side), int(tick)) for side, tick in levels]

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """See `Market.levels`."""
        tick, steps = self._touch[side]
        return [(tick, steps, 1)] if steps > 0 and depth > 0 else []

    def take(self, side: int, tick: int, steps: int) -> int:
        """See `Market.take`."""
        at, there = self._touch[side]
        taken = min(there, steps) if at == tick else 0
        if taken:
            self._touch[side] = (at, there - taken)
        return taken

    def give_back(self, side: int, tick: int, steps: int) -> None:
        """See `Market.give_back`; nothing is ever taken from it by the background."""

    def feel(self, side: int, steps: int) -> None:
        """See `Market.feel`: the reference's price is made elsewhere."""
