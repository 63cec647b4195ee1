"""The generated market as a background: its world is stepped, read and taken from directly."""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import END, OPEN_INTEREST, ORACLE, REFERENCE, TRADE
from undertow.exchange.grid import grid_of
from undertow.exchange.market import Aggressor, MarketContext
from undertow.instrument import Instrument, tick_near
from undertow.records import Rec
from undertow.synthetic.book import best, best_from, bottom, highest_free, set_size, size_at
from undertow.synthetic.generate import GeneratedMarket
from undertow.synthetic.simulator import clear_out, step
from undertow.synthetic.world import MAX_PRINTS, Out, World, most_rows_per_step

_NOWHERE: Final = -(2**62)
_MOST_PRINTS: Final = 16 * MAX_PRINTS
_MOST_LEVELS: Final = 4096


@nb.njit(cache=True)
def _live(w: World, out: Out, until_ns: int, found: NDArray[np.int64], context: NDArray[np.float64]) -> int:
    """Step until `until_ns`. Writes prints (order, side, tick, steps, sweep) and what is known."""
    n, order = 0, 0
    while w.state.now_ns < until_ns:
        clear_out(out)
        step(w, out)
        mine = 0
        for i in range(out.count.rows):
            row = out.rows[i]
            if row.kind == TRADE:
                while mine < out.count.orders and out.orders[mine].qty <= 0.0:
                    mine += 1
                if n < found.shape[0]:
                    found[n, 0] = order
                    found[n, 1] = row.side
                    found[n, 2] = tick_near(w.inst, row.px)
                    found[n, 3] = int(np.floor(row.qty / w.inst.size_step + 0.5))
                    found[n, 4] = out.orders[mine].sweep if mine < out.count.orders else 0
                    n += 1
                if row.flags & END:
                    order += 1
                    mine += 1
            elif row.kind == ORACLE:
                context[0] = row.px
            elif row.kind == REFERENCE:
                context[1] = row.px
            elif row.kind == OPEN_INTEREST:
                context[2] = row.qty
    return n


@nb.njit(cache=True)
def _coordinate(w: World, k: int, tick: int) -> int:
    """Mirrored coordinate of `tick` on side `k`; far away if it lies between the grid's steps."""
    if tick % w.state.tick_step != 0:
        return -(2**62)
    return (1 - 2 * k) * (tick // w.state.tick_step)


@nb.njit(cache=True)
def _size(w: World, side: int, tick: int) -> int:
    k = 0 if side > 0 else 1
    m = _coordinate(w, k, tick)
    if m < bottom(w, k) or m > w.state.top[k]:
        return 0
    return size_at(w, k, m)


@nb.njit(cache=True)
def _sizes(w: World, levels: NDArray[np.int64], factor: int, held: NDArray[np.int64]) -> None:
    for i in range(levels.shape[0]):
        tick = levels[i, 1]
        held[i] = _size(w, levels[i, 0], tick // factor) if tick % factor == 0 else 0


@nb.njit(cache=True)
def _best(w: World, side: int) -> int:
    k = 0 if side > 0 else 1
    m = best(w, k)
    if m < bottom(w, k):
        return -(2**62)
    return side * m * w.state.tick_step


@nb.njit(cache=True)
def _levels(w: World, side: int, depth: int, into: NDArray[np.int64]) -> int:
    k = 0 if side > 0 else 1
    m = best(w, k)
    n = 0
    while n < depth and m >= bottom(w, k):
        into[n, 0] = side * m * w.state.tick_step
        into[n, 1] = size_at(w, k, m)
        n += 1
        m = best_from(w, k, m - 1)
    return n


@nb.njit(cache=True)
def _take(w: World, side: int, tick: int, steps: int) -> int:
    """Take from a level; unlike the market's own orders, this may leave a side empty."""
    k = 0 if side > 0 else 1
    taken = min(_size(w, side, tick), steps)
    if taken > 0:
        m = _coordinate(w, k, tick)
        set_size(w, k, m, size_at(w, k, m) - taken)
    return taken


@nb.njit(cache=True)
def _give_back(w: World, side: int, tick: int, steps: int) -> None:
    """Put back, as near to `tick` as the grid and the other side allow."""
    k = 0 if side > 0 else 1
    m = min((1 - 2 * k) * (tick // w.state.tick_step), highest_free(w, k))
    m = max(m, bottom(w, k))
    there = size_at(w, k, m) if m <= w.state.top[k] else 0
    w.state.top[k] = max(w.state.top[k], m)
    set_size(w, k, m, there + steps)


@nb.njit(cache=True)
def _feel(w: World, side: int, qty: float) -> None:
    """React to an outside order as to one of the market's own: excite, startle, shift."""
    s, p = w.state, w.params
    k = 0 if side > 0 else 1
    s.startled = 1
    s.excite[k] += p.excite_self
    s.excite[1 - k] += p.excite_cross
    if p.impact > 0.0:
        s.center += side * p.impact * np.sqrt(min(qty / p.mean_order_qty, 25.0))


class GeneratedBackground:
    """A `Market` around a generated one. Deterministic in the market's seed and what is taken when."""

    def __init__(self, market: GeneratedMarket) -> None:
        self.instrument: Instrument = market.instrument
        grid = grid_of(self.instrument)
        self.sz_decimals, self._px = grid
        self._world, self._out = market.open()
        if len(self._out.rows) < most_rows_per_step(self._world):
            raise ValueError("chunk_rows is too small for one block of this market")
        self.context = MarketContext(
            oracle_px=market.params.start_px, open_interest_qty=float(self._world.state["open_interest"])
        )
        self._found = np.zeros((_MOST_PRINTS, 5), np.int64)
        self._known = np.zeros(3)
        self._held = np.zeros(_MOST_LEVELS, np.int64)
        self._ladder = np.zeros((_MOST_LEVELS, 2), np.int64)
        steps = market.params.flow.resting_order_qty / self.instrument.size_step
        self._mean_order = max(steps, 1.0)

    @property
    def world(self) -> Rec:
        """The state record of the world (for tests)."""
        return self._world.state

    def advance(self, until_ns: int) -> list[Aggressor]:
        """See `Market.advance`."""
        n = _live(self._world, self._out, until_ns, self._found, self._known)
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
        tick = _best(self._world, side)
        return None if tick == _NOWHERE else tick * self._px

    def size(self, side: int, tick: int) -> int:
        """See `Market.size`."""
        if tick % self._px:
            return 0
        return int(_size(self._world, side, tick // self._px))

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        """See `Market.sizes`."""
        n = len(levels)
        if n > len(self._held):
            self._held = np.zeros(2 * n, np.int64)
        _sizes(self._world, levels, self._px, self._held)
        held: list[int] = self._held[:n].tolist()
        return held

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """See `Market.levels`."""
        n = _levels(self._world, side, min(depth, _MOST_LEVELS), self._ladder)
        px, mean = self._px, self._mean_order
        return [(t * px, q, 1 + int(q / mean)) for t, q in self._ladder[:n].tolist()]

    def take(self, side: int, tick: int, steps: int) -> int:
        """See `Market.take`."""
        if tick % self._px:
            return 0
        return int(_take(self._world, side, tick // self._px, steps))

    def give_back(self, side: int, tick: int, steps: int) -> None:
        """See `Market.give_back`."""
        _give_back(self._world, side, tick // self._px, steps)

    def feel(self, side: int, steps: int) -> None:
        """See `Market.feel`."""
        _feel(self._world, side, steps * self.instrument.size_step)
