"""The generated market as a background: its world is stepped, read and taken from directly."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from undertow.exchange.grid import grid_of
from undertow.exchange.market import Aggressor, MarketContext
from undertow.exchange.world_access import (
    advance_world,
    feel_world,
    give_back_world,
    levels_world,
    sizes_world,
    take_world,
)
from undertow.instrument import Instrument
from undertow.records import Rec
from undertow.synthetic.generate import GeneratedMarket
from undertow.synthetic.world import MAX_PRINTS

_MOST_PRINTS: Final = 16 * MAX_PRINTS
_MOST_LEVELS: Final = 4096


def _as_array(record: Rec) -> NDArray[np.void]:
    """The record's content as an array of one record."""
    cells = np.zeros(1, record.dtype)
    cells[0] = record
    return cells


class GeneratedBackground:
    """A `Market` around a generated one. Deterministic in the market's seed and what is taken when."""

    def __init__(self, market: GeneratedMarket) -> None:
        self.instrument: Instrument = market.instrument
        grid = grid_of(self.instrument)
        self.sz_decimals, self._px = grid
        world, out = market.open()
        parts: Any = (*(_as_array(record) for record in world[:3]), *world[3:])
        into: Any = (*out[:5], _as_array(out.count))
        self._advance: Any = partial(advance_world, *(*parts, *into))
        self._sizes: Any = partial(sizes_world, *parts)
        self._levels: Any = partial(levels_world, *parts)
        self._take: Any = partial(take_world, *parts)
        self._give_back: Any = partial(give_back_world, *parts)
        self._feel: Any = partial(feel_world, *parts)
        self.context = MarketContext(
            oracle_px=market.params.start_px, open_interest_qty=float(world.state["open_interest"])
        )
        self._found = np.zeros((_MOST_PRINTS, 5), np.int64)
        self._known = np.zeros(3)
        self._held = np.zeros(_MOST_LEVELS, np.int64)
        self._one = np.zeros((1, 2), np.int64)
        self._ladder = np.zeros((_MOST_LEVELS, 2), np.int64)
        steps = market.params.flow.resting_order_qty / self.instrument.size_step
        self._mean_order = max(steps, 1.0)

    def advance(self, until_ns: int) -> list[Aggressor]:
        """See `Market.advance`."""
        n = self._advance(until_ns, self._found, self._known)
        self._learn()
        if n == 0:
            return []
        orders: list[Aggressor] = []
        last = -1
        for order, side, tick, steps, sweep in self._found[:n].tolist():
            if order != last:
                last = order
                orders.append(Aggressor(side, [], bool(sweep)))
            orders[-1].prints.append((tick * self._px, steps))
        return orders

    def _learn(self) -> None:
        oracle, reference, interest = self._known.tolist()
        known = self.context
        known.oracle_px = oracle or known.oracle_px
        known.reference_px = reference or known.reference_px
        known.open_interest_qty = interest or known.open_interest_qty

    def best(self, side: int) -> int | None:
        """See `Market.best`."""
        n = self._levels(side, 1, self._ladder)
        return int(self._ladder[0, 0]) * self._px if n else None

    def size(self, side: int, tick: int) -> int:
        """See `Market.size`."""
        where = self._one
        where[0, 0], where[0, 1] = side, tick
        self._sizes(where, self._px, self._held)
        return int(self._held[0])

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        """See `Market.sizes`."""
        n = len(levels)
        if n > len(self._held):
            self._held = np.zeros(2 * n, np.int64)
        self._sizes(levels, self._px, self._held)
        held: list[int] = self._held[:n].tolist()
        return held

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """See `Market.levels`."""
        n = self._levels(side, min(depth, _MOST_LEVELS), self._ladder)
        px, mean = self._px, self._mean_order
        return [(t * px, q, 1 + int(q / mean)) for t, q in self._ladder[:n].tolist()]

    def take(self, side: int, tick: int, steps: int) -> int:
        """See `Market.take`."""
        if tick % self._px:
            return 0
        return int(self._take(side, tick // self._px, steps))

    def give_back(self, side: int, tick: int, steps: int) -> None:
        """See `Market.give_back`."""
        self._give_back(side, tick // self._px, steps)

    def feel(self, side: int, steps: int) -> None:
        """See `Market.feel`."""
        self._feel(side, steps * self.instrument.size_step)
