"""Compiled access to a generated market's world, for its background on the exchange.

Self-contained, so that Numba's cache, which knows a file by its own content, stays true. Records as
arguments cost ten times as much as arrays, so a world comes as its parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import END, OPEN_INTEREST, ORACLE, REFERENCE, TRADE
from undertow.instrument import tick_near
from undertow.synthetic.book import best, best_from, bottom, highest_free, set_size, size_at
from undertow.synthetic.simulator import clear_out, step
from undertow.synthetic.world import Out, World

_State = NDArray[np.void]


@compiled
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


@compiled
def _coordinate(w: World, k: int, tick: int) -> int:
    """Mirrored coordinate of `tick` on side `k`; far away if it lies between the grid's steps."""
    if tick % w.state.tick_step != 0:
        return -(2**62)
    return (1 - 2 * k) * (tick // w.state.tick_step)


@compiled
def _size_at_tick(w: World, side: int, tick: int) -> int:
    k = 0 if side > 0 else 1
    m = _coordinate(w, k, tick)
    if m < bottom(w, k) or m > w.state.top[k]:
        return 0
    return size_at(w, k, m)


@compiled
def advance_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    rows: _State,
    snapshots: NDArray[np.float64],
    path: _State,
    orders: _State,
    jumps: _State,
    count: _State,
    until_ns: int,
    found: NDArray[np.int64],
    context: NDArray[np.float64],
) -> int:
    """Step until `until_ns`; see `_live`."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    return _live(w, Out(rows, snapshots, path, orders, jumps, count[0]), until_ns, found, context)


@compiled
def sizes_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    levels: NDArray[np.int64],
    factor: int,
    held: NDArray[np.int64],
) -> None:
    """Steps at each of `levels`, shape (n, 2): side and venue tick, `factor` of them in a tick."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    for n in range(levels.shape[0]):
        tick = levels[n, 1]
        held[n] = _size_at_tick(w, levels[n, 0], tick // factor) if tick % factor == 0 else 0


@compiled
def levels_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    side: int,
    depth: int,
    into: NDArray[np.int64],
) -> int:
    """The best `depth` levels of `side`, (tick, steps), best first; returns how many."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    k = 0 if side > 0 else 1
    m = best(w, k)
    n = 0
    while n < depth and m >= bottom(w, k):
        into[n, 0] = side * m * w.state.tick_step
        into[n, 1] = size_at(w, k, m)
        n += 1
        m = best_from(w, k, m - 1)
    return n


@compiled
def take_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    side: int,
    tick: int,
    steps: int,
) -> int:
    """Take from a level; unlike the market's own orders, this may leave a side empty."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    k = 0 if side > 0 else 1
    taken = min(_size_at_tick(w, side, tick), steps)
    if taken > 0:
        m = _coordinate(w, k, tick)
        set_size(w, k, m, size_at(w, k, m) - taken)
    return taken


@compiled
def give_back_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    side: int,
    tick: int,
    steps: int,
) -> None:
    """Put back, as near to `tick` as the grid and the other side allow."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    k = 0 if side > 0 else 1
    m = min((1 - 2 * k) * (tick // w.state.tick_step), highest_free(w, k))
    m = max(m, bottom(w, k))
    there = size_at(w, k, m) if m <= w.state.top[k] else 0
    w.state.top[k] = max(w.state.top[k], m)
    set_size(w, k, m, there + steps)


@compiled
def feel_world(
    s: _State,
    p: _State,
    i: _State,
    a: NDArray[np.int64],
    b: NDArray[np.uint8],
    c: NDArray[np.int64],
    q: _State,
    side: int,
    qty: float,
) -> None:
    """React to an outside order as to one of the market's own: excite, startle, shift."""
    w = World(s[0], p[0], i[0], a, b, c, q)
    k = 0 if side > 0 else 1
    w.state.startled = 1
    w.state.excite[k] += w.params.excite_self
    w.state.excite[1 - k] += w.params.excite_cross
    if w.params.impact > 0.0:
        w.state.center += side * w.params.impact * np.sqrt(min(qty / w.params.mean_order_qty, 25.0))
