"""A compiled driver: a recording through a book to the book and cross-market estimators, in cycles.

Every cycle writes one row of `COLUMNS`: the mid and what each estimator says then.
"""

from __future__ import annotations

from typing import Any, Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, END, LOCAL, OPEN_INTEREST, ORACLE, REFERENCE, TRADE
from undertow.instrument import tick_near
from undertow.kernel.book_shape import BOOK_SHAPE, book_shape_look, book_shape_params, init_book_shape
from undertow.kernel.cross import (
    CROSS,
    basis_change_bps,
    cross_look,
    cross_open_interest,
    cross_params,
    cross_reference,
    cross_spot,
    init_cross,
    lead_bps,
    open_interest_signal,
)
from undertow.kernel.flow import FLOW, flow_advance, flow_imbalance, flow_order, flow_params
from undertow.kernel.l2book import Book, apply_row, has_both_sides, mid_price, new_book
from undertow.kernel.microprice import (
    MICROPRICE,
    init_microprice,
    microprice_feature,
    microprice_look,
    microprice_params,
)
from undertow.kernel.queue_time import QUEUE_TIME, queue_time_params, queue_time_print, touch_volume_rate
from undertow.kernel.trend import TREND, init_trend, trend_continuation, trend_look, trend_params
from undertow.recording import Recording
from undertow.records import Rec, new_record

COLUMNS: Final = (
    "mid",
    "book_imbalance_10",
    "book_imbalance_25",
    "book_imbalance_50",
    "book_gradient",
    "book_imbalance_change",
    "touch_imbalance",
    "flow_fast",
    "microprice",
    "trend",
    "trend_agreement",
    "trend_continuation",
    "basis_change",
    "lead",
    "open_interest",
    "touch_rate_bid",
    "reach_bps",
    "time_s",
)

DRIVEN: Final = np.dtype(
    [
        ("look", BOOK_SHAPE),
        ("queue", QUEUE_TIME),
        ("micro", MICROPRICE),
        ("trend", TREND),
        ("cross", CROSS),
        ("flow", FLOW),
        ("last_print", "<i8", (2,)),
        ("next_ns", "<i8"),
        ("cycles", "<i8"),
    ],
    align=True,
)


def fresh() -> tuple[Rec, tuple[Rec, ...]]:
    """State and the parameters of the six estimators."""
    state: Any = new_record(DRIVEN)
    params = (
        book_shape_params(),
        queue_time_params(),
        microprice_params(),
        trend_params(),
        cross_params(),
        flow_params(decay_per_s=0.2),
    )
    init_book_shape(state["look"], params[0])
    init_microprice(state["micro"], params[2])
    init_trend(state["trend"], params[3])
    init_cross(state["cross"], params[4])
    return state, params


@nb.njit(cache=True)
def _cycle(
    state: Rec,
    params: tuple[Rec, ...],
    inst: Rec,
    book: Book,
    now_ns: int,
    sigma: float,
    out: NDArray[np.float64],
) -> None:
    mid = mid_price(book, inst)
    shape = state.look
    book_shape_look(shape, params[0], inst, book, now_ns)
    flow_advance(state.flow, params[5], now_ns)
    flow = -flow_imbalance(state.flow, params[5])
    touch, near = shape.touch_imbalance, shape.imbalance[0]
    microprice_look(state.micro, params[2], now_ns, mid, 0.5 * shape.spread_bps, touch, near, flow)
    trend_look(state.trend, params[3], now_ns, mid, sigma)
    cross_look(state.cross, params[4], now_ns, mid)
    row = out[state.cycles]
    row[0] = mid
    for k in range(3):
        row[1 + k] = shape.imbalance[k]
    row[4], row[5], row[6], row[7] = shape.gradient, shape.change, touch, flow
    row[8] = microprice_feature(state.micro, params[2])
    row[9], row[10] = state.trend.rate, state.trend.agreement
    row[11] = trend_continuation(state.trend, params[3])
    row[12] = basis_change_bps(state.cross, params[4], now_ns)
    row[13] = lead_bps(state.cross, params[4], now_ns)
    row[14] = open_interest_signal(state.cross, params[4], now_ns, sigma)
    row[15] = touch_volume_rate(state.queue, params[1], 0)
    row[16] = shape.reach_bps[0]
    row[17] = now_ns * 1e-9
    state.cycles += 1


@nb.njit(cache=True)
def drive(
    state: Rec,
    params: tuple[Rec, ...],
    inst: Rec,
    book: Book,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    cycle_ns: int,
    sigma: float,
    out: NDArray[np.float64],
) -> None:
    """Show a chunk in order of receipt, a cycle every `cycle_ns`; `out` has room for all of them."""
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.flags & LOCAL == 0:
            continue
        while 0 < state.next_ns <= row.recv_ns:
            if has_both_sides(book) and state.cycles < out.shape[0]:
                _cycle(state, params, inst, book, state.next_ns, sigma, out)
            state.next_ns += cycle_ns
        if state.next_ns == 0:
            state.next_ns = row.recv_ns
        if row.kind == TRADE and row.side != 0 and has_both_sides(book):
            index = 0 if row.side < 0 else 1
            tick = tick_near(inst, row.px)
            best_bid, best_ask = book.top.best_bid, book.top.best_ask
            queue_time_print(
                state.queue, params[1], row.side, row.exch_ns, row.recv_ns, tick, row.qty, best_bid, best_ask
            )
            if row.exch_ns != state.last_print[index]:
                state.last_print[index] = row.exch_ns
                flow_order(state.flow, params[5], index, row.recv_ns)
        elif row.kind == REFERENCE:
            cross_reference(state.cross, params[4], row.recv_ns, row.px)
        elif row.kind == ORACLE:
            cross_spot(state.cross, params[4], row.recv_ns, row.px)
        elif row.kind == OPEN_INTEREST:
            cross_open_interest(state.cross, params[4], row.recv_ns, row.qty)
        if row.kind <= BBO or row.kind == TRADE:
            apply_row(book, inst, row, snapshots)
        if row.kind <= BBO and row.flags & END and has_both_sides(book):
            cross_look(state.cross, params[4], row.recv_ns, mid_price(book, inst))


def columns(
    recording: Recording,
    *,
    cycle_s: float = 0.1,
    sigma: float = 0.57,
    cycles: int = 60_000,
    erode: bool = True,
) -> tuple[Rec, dict[str, NDArray[np.float64]]]:
    """(state, every column by name) of a whole recording; σ in bps/√s is given."""
    state, params = fresh()
    inst, book = recording.instrument.record(), new_book(erode=erode)
    out = np.full((cycles, len(COLUMNS)), np.nan)
    for chunk in recording.chunks():
        drive(state, params, inst, book, chunk.rows, chunk.snapshots, round(cycle_s * 1e9), sigma, out)
    return state, {name: out[: state.cycles, k] for k, name in enumerate(COLUMNS)}
