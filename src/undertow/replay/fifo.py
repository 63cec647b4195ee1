"""The exact queue, where the feed carries order ids: first come, first filled, at every price.

All orders, the market's and ours, are numbered in the order in which they joined the queue they
stand in. What is executed with a higher number than ours at our price, or at a worse price, would
have met us first and fills us, up to the quantity executed. What stood before us leaves by the rows
that name it and needs no model. Rules: docs/replay.md; the order-level rows: `undertow.events`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import (
    BBO,
    DEPTH,
    EXCH,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    SNAPSHOT,
    SUMMED,
)
from undertow.instrument import round_size, tick_near
from undertow.records import Rec
from undertow.replay.matching import (
    fill_resting,
    fillable,
    match_crossing,
    own_side,
    take_through,
    trim_reduce_only,
)
from undertow.replay.standing import FREE, MOST, SLOTS, STANDS, VOID, remove, slot_of, write
from undertow.replay.venue import Venue

NO_ORDER_IDS: Final = (
    "queue_model 'fifo' needs a recording whose book comes with order ids (order_add, order_cancel, "
    "order_modify, order_exec rows and the levels they sum to); this one shows levels only. "
    "Use 'power', 'risk_averse' or 'log'"
)
UNKNOWN: Final = -1
OLDEST: Final = 0
"""Place of an order first heard of when it changed: before everything that was seen to arrive."""


def carries_order_ids(rows: NDArray[np.void]) -> bool:
    """Whether there are order-level rows; `ValueError` if a level is not the sum of such rows."""
    kind = rows["kind"]
    level = np.isin(kind, (DEPTH, SNAPSHOT, BBO)) & (rows["flags"] & EXCH != 0)
    if np.any(level & ((kind != DEPTH) | (rows["code"] != SUMMED))):
        raise ValueError(NO_ORDER_IDS)
    return bool(np.any(kind >= ORDER_ADD))


@compiled
def _nothing_ahead(venue: Venue, order: Rec) -> bool:
    """Whether no order that is known stands before an own one (looks through all of them)."""
    for k in range(SLOTS):
        other = venue.standing.slots[k]
        if other.state == STANDS and other.side == order.side and other.tick == order.tick:  # noqa: SIM102
            if other.place < order.place:
                return False
    return True


@compiled
def _match_execution(venue: Venue, now_ns: int, side: int, tick: int, place: int, qty: float) -> None:
    """`qty` of the order at `place` was executed: own orders before it would have been met first.

    Price, then time; the quantity is never spent twice. Without partial fills an own order fills
    whole.
    """
    inst, partial = venue.inst, venue.rules.partial_fills
    budget = take_through(venue, now_ns, side, tick + side, qty if partial else np.inf)
    i = 0
    orders, n = own_side(venue, side)
    while i < n:
        order = orders[i]
        if order.tick == tick:
            before = order.place < place if place != UNKNOWN else _nothing_ahead(venue, order)
            share = 0.0
            if before:
                share = round_size(inst, min(budget, fillable(venue, order))) if partial else order.leaves
            if share > 0.0:
                budget -= share
                if fill_resting(venue, now_ns, side, i, share):
                    orders, n = own_side(venue, side)
                    continue
        i += 1
    trim_reduce_only(venue, now_ns)


@compiled
def _arrives(venue: Venue, now_ns: int, side: int, tick: int, qty: float) -> None:
    """Quantity that a market order newly shows would have met own orders at or through its price."""
    ex = venue.ex
    crosses = tick >= ex.best_own_ask if side > 0 else tick <= ex.best_own_bid
    if crosses:
        match_crossing(venue, now_ns, -side, tick, qty if venue.rules.partial_fills else np.inf)


@compiled
def _enter(venue: Venue, order: Rec, row: Rec, side: int, tick: int, place: int) -> None:
    """Write the market order of `row` to a free entry."""
    write(order, row.ref, side, tick, row.qty, place)
    venue.standing.taken += 1
    if venue.standing.taken >= MOST:
        venue.ex.crowded = 1


@compiled
def _added(venue: Venue, row: Rec, order: Rec) -> None:
    """A new order, or one that an image shows again: it takes its old place, if it may."""
    ex = venue.ex
    tick = tick_near(venue.inst, row.px)
    _arrives(venue, row.exch_ns, row.side, tick, row.qty)
    if order.state == FREE:
        _enter(venue, order, row, row.side, tick, ex.next_place)
        ex.next_place += 1
        return
    keeps = order.side == row.side and order.tick == tick and row.qty <= order.qty
    place = order.place if keeps else ex.next_place
    write(order, row.ref, row.side, tick, row.qty, place)
    ex.next_place += 1


@compiled
def _modified(venue: Venue, row: Rec, order: Rec) -> None:
    """An order changes: less at its price keeps its place, all else puts it at the end."""
    ex = venue.ex
    tick = tick_near(venue.inst, row.px)
    if order.state == VOID:
        _added(venue, row, order)
        return
    if order.state == FREE:
        if row.side != 0:
            _arrives(venue, row.exch_ns, row.side, tick, row.qty)
            _enter(venue, order, row, row.side, tick, OLDEST)
        return
    moved = tick != order.tick
    if moved or row.qty > order.qty:
        more = row.qty if moved else row.qty - order.qty
        _arrives(venue, row.exch_ns, order.side, tick, more)
        order.tick = tick
        order.place = ex.next_place
        ex.next_place += 1
    order.qty = row.qty


@compiled
def _executed(venue: Venue, row: Rec, order: Rec) -> None:
    """A market order was executed, in part or whole."""
    ex = venue.ex
    known = order.state == STANDS
    side = order.side if known else row.side
    tick = order.tick if known else tick_near(venue.inst, row.px)
    near = (side > 0 and tick <= ex.best_own_bid) or (side < 0 and tick >= ex.best_own_ask)
    if near:
        place = order.place if known else UNKNOWN
        _match_execution(venue, row.exch_ns, side, tick, place, row.qty)


@compiled
def order_row(venue: Venue, row: Rec) -> None:
    """An order-level row reaches the exchange; the level it changes has a row of its own."""
    slots = venue.standing.slots
    at = slot_of(slots, row.ref)
    order = slots[at]
    if row.kind == ORDER_EXEC:
        _executed(venue, row, order)
    elif row.kind == ORDER_ADD and order.state != STANDS:
        _added(venue, row, order)
    else:
        gone = row.kind == ORDER_CANCEL or not row.qty > 0.0
        if not gone:
            _modified(venue, row, order)
        elif order.state != FREE:
            remove(slots, at)
            venue.standing.taken -= 1


@compiled
def void_orders(venue: Venue, row: Rec) -> None:
    """A CLEAR row: the market's orders it names are void until an image shows them again."""
    whole = np.isnan(row.px)
    through = 0 if whole else tick_near(venue.inst, row.px)
    for k in range(SLOTS):
        order = venue.standing.slots[k]
        if order.state == STANDS and (row.side == 0 or order.side == row.side):  # noqa: SIM102
            if whole or (order.tick - through) * order.side >= 0:
                order.state = VOID
