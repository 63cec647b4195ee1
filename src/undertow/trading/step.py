"""Rows into a maker, called from Python: a message at a time, everything behind arrays of one record.

Passing a record costs compiled code its whole description (80 µs for a maker's state), an array of one
record half a microsecond; hence the arrays. `see` and `look` are templates (ADR 1) whose ``dispatch``
and ``observe`` are the maker's own: the same compiled dispatch as in a replay.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import EVENT, FILL, LOCAL, ORDER
from undertow.instrument import notional, position_value, price_of
from undertow.kernel.desk import PENDING_CANCEL, find_working
from undertow.kernel.dispatch import unheard
from undertow.kernel.l2book import Book, apply_row, has_both_sides, mid_price
from undertow.records import Rec

TOLD: Final = np.dtype(
    [
        ("order_id", "<i8"),
        ("sent_ns", "<i8"),  # when the order left the maker; 0: no longer on its desk
        ("fill_rate", "<f8"),  # the maker's forecasts as the FILL row reached it, NaN: none
        ("edge_bps", "<f8"),
        ("level", "<i2"),
    ],
    align=True,
)
"""What a maker's desk said of an order just before it learned of a fill."""

MID: Final = np.dtype([("exch_ns", "<i8"), ("px", "<f8")], align=True)
"""The mid from this exchange time on."""


def dispatch(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    row: Rec,
    snapshots: NDArray[np.float64],
    actions: NDArray[np.void],
) -> int:
    """Placeholder for the maker's dispatch."""
    raise AssertionError("dispatch was not bound")


def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Placeholder for the maker's observe."""
    raise AssertionError("observe was not bound")


@compiled
def note_order(inst: Rec, action: Rec, now_ns: int, out: Rec) -> None:
    """The ORDER row of an action (`undertow.events`), as a replay captures it."""
    out.exch_ns, out.recv_ns = now_ns, now_ns
    out.px, out.qty = price_of(inst, action.tick), action.qty
    out.val, out.ref = float(action.target), action.id
    out.kind, out.side, out.flags, out.asset, out.code = ORDER, action.side, LOCAL, 0, action.kind


@compiled
def note_told(desk: Rec, order_id: int, out: Rec) -> None:
    """What the desk says of the order a FILL row is about."""
    out.order_id = order_id
    out.sent_ns, out.level = 0, -1
    out.fill_rate = out.edge_bps = np.nan
    slot = find_working(desk, order_id)
    if slot >= 0:
        order = desk.working[slot]
        out.sent_ns, out.level = order.sent_ns, order.level
        out.fill_rate, out.edge_bps = order.fill_rate, order.edge_bps


def see(
    states: NDArray[np.void],
    params: NDArray[np.void],
    insts: NDArray[np.void],
    books: NDArray[np.void],
    rows: NDArray[np.void],
    at: int,
    snapshots: NDArray[np.float64],
    actions: NDArray[np.void],
    orders: NDArray[np.void],
    told: NDArray[np.void],
) -> tuple[int, int, int]:
    """Show the maker `rows` from `at` on, up to the first that makes it act.

    Returns the index after that row, the number of actions (their ORDER rows are in `orders`) and the
    number of fills it was told of (in `told`, which must be as long as `rows`). ORDER rows and rows
    not flagged LOCAL are passed over.
    """
    state, param, inst, book = states[0], params[0], insts[0], books[0]
    fills = 0
    for k in range(at, rows.shape[0]):
        row = rows[k]
        if not row.flags & LOCAL or row.kind == ORDER:
            continue
        if unheard(state.desk, inst, book, row):
            continue
        if row.kind == FILL:
            note_told(state.desk, row.ref, told[fills])
            fills += 1
        n = dispatch(state, param, inst, book, row, snapshots, actions)
        if n > 0:
            for j in range(n):
                note_order(inst, actions[j], row.recv_ns, orders[j])
            return k + 1, n, fills
    return rows.shape[0], 0, fills


def look(
    states: NDArray[np.void],
    params: NDArray[np.void],
    insts: NDArray[np.void],
    books: NDArray[np.void],
    time_ns: int,
    out: NDArray[np.void],
) -> None:
    """Write an observation of the maker as of `time_ns` (`undertow.maker.OBSERVATION`)."""
    out[0].time_ns = time_ns
    observe(states[0], params[0], insts[0], books[0], out[0])


@compiled
def burden(
    states: NDArray[np.void], insts: NDArray[np.void], books: NDArray[np.void]
) -> tuple[float, float, float, float]:
    """What a coin means to a margin account.

    Equity gained (USD, position at the mid), notional of one unit (USD, NaN before there is a mid) and
    the unfilled quantity of the bids and of the asks on the desk. Linear contracts.
    """
    desk, inst, book = states[0].desk, insts[0], books[0]
    mid = mid_price(book, inst)
    bids, asks = 0.0, 0.0
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.status < PENDING_CANCEL:
            if order.side > 0:
                bids += order.leaves
            else:
                asks += order.leaves
    equity = desk.cash - desk.fees + desk.funding
    if desk.position != 0.0:
        equity += position_value(inst, mid, desk.position)
    return equity, notional(inst, mid, 1.0), bids, asks


@compiled
def follow_mids(
    books: NDArray[np.void],
    insts: NDArray[np.void],
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    out: NDArray[np.void],
) -> int:
    """Show `rows` to a book and note every change of its mid (`MID`); returns how many.

    `out` must be as long as `rows`. The book goes on from call to call.
    """
    book, inst = books[0], insts[0]
    n = 0
    before = mid_price(book, inst)
    for k in range(rows.shape[0]):
        row = rows[k]
        if not row.flags & LOCAL:
            continue
        apply_row(book, inst, row, snapshots)
        if not has_both_sides(book):
            continue
        mid = mid_price(book, inst)
        if mid != before:
            out[n].exch_ns, out[n].px = row.exch_ns, mid
            before = mid
            n += 1
    return n


def own_requests(insts: NDArray[np.void], actions: NDArray[np.void], now_ns: int) -> NDArray[np.void]:
    """ORDER rows of requests that are not the maker's: flagged neither LOCAL nor EXCH, nobody saw them."""
    rows = np.zeros(len(actions), dtype=EVENT)
    rows["exch_ns"] = rows["recv_ns"] = now_ns
    rows["px"] = actions["tick"] * insts["tick_num"][0] / insts["tick_den"][0]
    rows["qty"], rows["val"], rows["ref"] = actions["qty"], actions["target"], actions["id"]
    rows["kind"], rows["side"], rows["code"] = ORDER, actions["side"], actions["kind"]
    return rows
