"""A compiled driver: shows rows to the estimators without a book, as a maker would.

Rows are `EVENT` records; a BBO row stands for "the mid is ``px``, the half-spread ``val`` bps".
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, END, FILL, LOCAL, TIMER, TRADE
from undertow.instrument import Instrument, price_of
from undertow.kernel.estimators import (
    ESTIMATORS,
    estimator_params,
    init_estimators,
    see_book,
    see_cycle,
    see_fill,
    see_other,
    see_shape,
    see_trade,
)
from undertow.kernel.l2book import Book, apply_row, has_both_sides, mid_price
from undertow.kernel.mids import last_mid
from undertow.records import Rec, new_record
from undertow.units import depth_bps

INSTRUMENT = Instrument(name="test", tick_size=0.01, size_step=0.001)


@nb.njit(cache=True)
def drive(state: Rec, params: Rec, inst: Rec, rows: NDArray[np.void]) -> None:
    """Show every row, in order."""
    mid_ns = np.int64(0)
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.kind == BBO:
            see_book(state, params, row.exch_ns, row.recv_ns, row.px, row.val)
            mid_ns = row.exch_ns
        elif row.kind == TRADE:
            see_trade(state, params, inst, row, last_mid(state.mids), mid_ns, 0, 0)
        elif row.kind == TIMER:
            see_cycle(state, params, inst, row.recv_ns, last_mid(state.mids), 1.0)
        elif row.kind == FILL:
            see_fill(state, params, row)
        else:
            see_other(state, params, inst, row)


@nb.njit(cache=True)
def drive_past(
    state: Rec, params: Rec, inst: Rec, rows: NDArray[np.void], cut: int, then: NDArray[np.void]
) -> None:
    """Show every row in one run; ``then[0]`` keeps the state as it was before row `cut`."""
    drive(state, params, inst, rows[:cut])
    then[0] = state
    drive(state, params, inst, rows[cut:])


@nb.njit(cache=True)
def drive_book(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    cycle_ns: int,
) -> None:
    """Show a recording to the estimators through a book, with a cycle every `cycle_ns`."""
    next_ns = np.int64(0)
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.flags & LOCAL == 0:
            continue
        while 0 < next_ns <= row.recv_ns:
            if has_both_sides(book):
                see_shape(state, params, inst, book, next_ns)
                see_cycle(state, params, inst, next_ns, mid_price(book, inst), 1.0)
            next_ns += cycle_ns
        if next_ns == 0:
            next_ns = row.recv_ns
        if row.kind == TRADE:
            top = book.top
            see_trade(
                state, params, inst, row, mid_price(book, inst), top.exch_ns, top.best_bid, top.best_ask
            )
        elif row.kind > BBO:
            see_other(state, params, inst, row)
        apply_row(book, inst, row, snapshots)
        if row.kind <= BBO and row.flags & END and has_both_sides(book):
            mid = mid_price(book, inst)
            half_bps = depth_bps(price_of(inst, book.top.best_bid), mid, 1)
            see_book(state, params, row.exch_ns, row.recv_ns, mid, half_bps)


def fresh(params: Rec | None = None) -> tuple[Rec, Rec]:
    """(state, params) ready to be driven."""
    params = estimator_params() if params is None else params
    state: Any = new_record(ESTIMATORS)
    init_estimators(state, params)
    return state, params
