"""Compiled access to a recording's rows and book, for its background on the exchange.

Self-contained, as `world_access`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import EXCH, OPEN_INTEREST, ORACLE, REFERENCE, TRADE
from undertow.instrument import tick_near
from undertow.kernel.l2book import NO_ASK, NO_BID, apply_row, level_qty
from undertow.records import Rec

_Rows = NDArray[np.void]


@compiled
def run_tape(
    book: _Rows,
    inst: _Rows,
    rows: _Rows,
    snapshots: NDArray[np.float64],
    at: int,
    until_ns: int,
    found: NDArray[np.int64],
    context: NDArray[np.float64],
) -> tuple[int, int]:
    """Apply the exchange's rows from `at` on that happened by `until_ns`.

    Writes prints (order, side, tick, steps); prints of one time and side are one order. Returns where
    it stopped and how many prints it wrote; it stops early when `found` is full.
    """
    b, i = book[0], inst[0]
    n, order, last_ns, last_side = 0, -1, -1, 0
    while at < rows.shape[0] and n < found.shape[0]:
        row = rows[at]
        if row.flags & EXCH:
            if row.exch_ns > until_ns:
                break
            if row.kind == TRADE and row.side != 0 and row.qty > 0.0:
                if row.exch_ns != last_ns or row.side != last_side:
                    order += 1
                    last_ns, last_side = row.exch_ns, row.side
                found[n, 0], found[n, 1] = order, row.side
                found[n, 2] = tick_near(i, row.px)
                found[n, 3] = max(1, int(np.floor(row.qty / i.size_step + 0.5)))
                n += 1
            elif row.kind == ORACLE:
                context[0] = row.px
            elif row.kind == REFERENCE:
                context[1] = row.px
            elif row.kind == OPEN_INTEREST:
                context[2] = row.qty
            apply_row(b, i, row, snapshots)
        at += 1
    return at, n


@compiled
def _steps(book: Rec, inst: Rec, side: int, tick: int) -> int:
    qty = level_qty(book, side, tick)
    if np.isnan(qty):
        return 0
    return int(np.floor(qty / inst.size_step + 0.5))


@compiled
def tape_sizes(
    book: _Rows, inst: _Rows, levels: NDArray[np.int64], factor: int, held: NDArray[np.int64]
) -> None:
    """Steps shown at each of `levels`, shape (n, 2): side and venue tick, `factor` of them in a tick."""
    for n in range(levels.shape[0]):
        tick = levels[n, 1]
        held[n] = _steps(book[0], inst[0], levels[n, 0], tick // factor) if tick % factor == 0 else 0


@compiled
def tape_levels(book: _Rows, inst: _Rows, side: int, depth: int, into: NDArray[np.int64]) -> int:
    """The best `depth` levels shown on `side`, (tick, steps), best first; returns how many."""
    b, i = book[0], inst[0]
    top = b.top
    ring = b.bid if side > 0 else b.ask
    mask = ring.shape[0] - 1
    tick = top.best_bid if side > 0 else top.best_ask
    if not NO_BID < tick < NO_ASK:
        return 0
    last = top.window_low if side > 0 else top.window_low + mask
    if side > 0:
        last = max(last, top.bid_known)
    else:
        last = min(last, top.ask_known)
    n = 0
    while n < depth and (last - tick) * side <= 0:
        if ring[tick & mask] > 0.0:
            steps = _steps(b, i, side, tick)
            if steps > 0:
                into[n, 0], into[n, 1] = tick, steps
                n += 1
        tick -= side
    return n
