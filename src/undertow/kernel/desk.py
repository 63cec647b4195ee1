"""The maker's desk: position, cash and working orders as the maker knows them.

Every maker's state record has a field ``desk`` of dtype `DESK`. A maker acts by calling `put_new`,
`put_cancel` and `put_modify`, which fill an `ACTION` row and note the order on the desk in one
step; acknowledgements and fills arrive later, each with its latency, through `desk_row`. The desk
is therefore never ahead of what a real maker could know.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import ACK, CANCEL, CANCEL_REJECTED, FILL, FUNDING, MODIFY, NEW, OPEN, REJECTED
from undertow.instrument import cash_change, funding_received, notional
from undertow.records import Rec
from undertow.units import seconds_between

MAX_WORKING: Final = 128
MAX_ACTIONS: Final = 2 * MAX_WORKING

# time in force
POST_ONLY: Final = 0
GTC: Final = 1
IOC: Final = 2

# status of a working order
PENDING_NEW: Final = 1
LIVE: Final = 2
PENDING_CANCEL: Final = 3
PENDING_MODIFY: Final = 4
"""Being replaced: gone as soon as the order that takes its place is there."""

WORKING: Final = np.dtype(
    [
        ("id", "<i8"),
        ("tick", "<i8"),
        ("sent_ns", "<i8"),
        ("qty", "<f8"),
        ("leaves", "<f8"),  # unfilled quantity
        ("fill_rate", "<f8"),  # the maker's own forecast: rate at which its price is reached, 1/s
        ("edge_bps", "<f8"),  # the maker's own forecast: expected profit of a fill, bps
        ("ahead", "<f8"),  # queue before it, venue's unit; NaN: unknown (`kernel.queue_place`)
        ("depth_bps", "<f8"),  # from the mid, at the last decision
        ("reach_bps", "<f8"),  # depth of a front order that fills as often
        ("side", "i1"),
        ("status", "u1"),
        ("tif", "u1"),
        ("level", "<i2"),
    ],
    align=True,
)

DESK: Final = np.dtype(
    [
        ("now_ns", "<i8"),
        ("position", "<f8"),  # signed, venue's unit
        ("cash", "<f8"),  # without fees and funding
        ("fees", "<f8"),  # paid, positive
        ("funding", "<f8"),  # received, positive
        ("volume", "<f8"),  # traded notional, quote currency
        ("last_oracle_px", "<f8"),
        ("fills", "<i8"),
        ("requests", "<i8"),  # orders, cancels and modifies sent, each counted once
        ("rejects", "<i8"),
        ("ended", "<i8"),  # resting orders filled, canceled or replaced
        ("lived_s", "<f8"),  # seconds they lived, sent until ended
        ("next_id", "<i8"),
        ("n_working", "<i8"),
        ("working", WORKING, (MAX_WORKING,)),
    ],
    align=True,
)

ACTION: Final = np.dtype(
    [
        ("id", "<i8"),  # of the order created; of the order canceled for CANCEL
        ("target", "<i8"),  # MODIFY: order replaced, which is canceled and loses its queue place
        ("tick", "<i8"),
        ("qty", "<f8"),
        ("kind", "u1"),  # NEW, CANCEL or MODIFY
        ("side", "i1"),
        ("tif", "u1"),
        ("reduce_only", "u1"),
        ("level", "<i2"),
    ],
    align=True,
)


@compiled
def find_working(desk: Rec, order_id: int) -> int:
    """Slot of a working order, -1 if there is none with this id."""
    for i in range(desk.n_working):
        if desk.working[i].id == order_id:
            return i
    return -1


@compiled
def _note(
    desk: Rec, side: int, tick: int, qty: float, tif: int, level: int, fill_rate: float, edge_bps: float
) -> int:
    order = desk.working[desk.n_working]
    desk.n_working += 1
    order.id = desk.next_id
    desk.next_id += 1
    order.tick = tick
    order.sent_ns = desk.now_ns
    order.qty = qty
    order.leaves = qty
    order.fill_rate = fill_rate
    order.edge_bps = edge_bps
    order.ahead = np.nan
    order.depth_bps = order.reach_bps = np.nan
    order.side = side
    order.status = PENDING_NEW
    order.tif = tif
    order.level = level
    return order.id


@compiled
def can_send(desk: Rec, actions: NDArray[np.void], n: int) -> bool:
    """Whether one more order fits on the desk and in `actions`."""
    return desk.n_working < MAX_WORKING and n < actions.shape[0]


@compiled
def put_new(
    desk: Rec,
    actions: NDArray[np.void],
    n: int,
    side: int,
    tick: int,
    qty: float,
    tif: int,
    reduce_only: bool,
    level: int,
    fill_rate: float,
    edge_bps: float,
) -> int:
    """Append a new order to `actions` and the desk; returns the new number of actions.

    Where the desk or `actions` is full nothing is sent and `n` comes back unchanged.
    """
    if not can_send(desk, actions, n):
        return n
    a = actions[n]
    a.id = _note(desk, side, tick, qty, tif, level, fill_rate, edge_bps)
    a.target = -1
    a.tick = tick
    a.qty = qty
    a.kind = NEW
    a.side = side
    a.tif = tif
    a.reduce_only = reduce_only
    a.level = level
    desk.requests += 1
    return n + 1


@compiled
def put_cancel(desk: Rec, actions: NDArray[np.void], n: int, slot: int) -> int:
    """Append a cancel of the working order in `slot`; returns the new number of actions."""
    order = desk.working[slot]
    if n >= actions.shape[0] or order.status >= PENDING_CANCEL:
        return n
    order.status = PENDING_CANCEL
    a = actions[n]
    a.id = order.id
    a.target = order.id
    a.tick = order.tick
    a.qty = order.leaves
    a.kind = CANCEL
    a.side = order.side
    a.tif = POST_ONLY
    a.reduce_only = False
    a.level = order.level
    desk.requests += 1
    return n + 1


@compiled
def put_modify(
    desk: Rec,
    actions: NDArray[np.void],
    n: int,
    slot: int,
    tick: int,
    qty: float,
    level: int,
    fill_rate: float,
    edge_bps: float,
) -> int:
    """Append a modify: the order in `slot` is canceled and a post-only one takes its place.

    The new order has a new id and the back of the queue (Hyperliquid's rule). One request.
    """
    old = desk.working[slot]
    if not can_send(desk, actions, n) or old.status >= PENDING_CANCEL:
        return n
    old.status = PENDING_MODIFY
    a = actions[n]
    a.target = old.id
    a.side = old.side
    a.id = _note(desk, old.side, tick, qty, POST_ONLY, level, fill_rate, edge_bps)
    a.tick = tick
    a.qty = qty
    a.kind = MODIFY
    a.tif = POST_ONLY
    a.reduce_only = False
    a.level = level
    desk.requests += 1
    return n + 1


@compiled
def _drop(desk: Rec, slot: int) -> None:
    """Remove the order in `slot`, keeping the others in the order they were sent."""
    for i in range(slot, desk.n_working - 1):
        desk.working[i] = desk.working[i + 1]
    desk.n_working -= 1


@compiled
def _end(desk: Rec, slot: int) -> None:
    """The order in `slot` has come to its end: note how long it lived (takers do not count)."""
    order = desk.working[slot]
    if order.tif != IOC:
        desk.ended += 1
        desk.lived_s += max(seconds_between(order.sent_ns, desk.now_ns), 0.0)
    _drop(desk, slot)


@compiled
def desk_row(desk: Rec, inst: Rec, row: Rec) -> None:
    """Keep the desk: apply an ACK, FILL or FUNDING row as the maker learns of it.

    An order leaves the desk when its last quantity is filled or an ACK reports its end.
    """
    desk.now_ns = row.recv_ns
    kind = row.kind
    if kind == ACK:
        slot = find_working(desk, row.ref)
        if slot < 0:
            return
        order = desk.working[slot]
        if row.code == OPEN:
            if order.status == PENDING_NEW:
                order.status = LIVE
        elif row.code == CANCEL_REJECTED:
            if order.status >= PENDING_CANCEL:
                order.status = LIVE
        else:
            if row.code == REJECTED:
                desk.rejects += 1
                _drop(desk, slot)
            else:
                _end(desk, slot)
    elif kind == FILL:
        desk.position += row.side * row.qty
        desk.cash += cash_change(inst, row.side, row.px, row.qty)
        desk.fees += row.val
        desk.volume += notional(inst, row.px, row.qty)
        desk.fills += 1
        slot = find_working(desk, row.ref)
        if slot >= 0:
            order = desk.working[slot]
            order.leaves -= row.qty
            if order.leaves <= 0.5 * inst.size_step:
                _end(desk, slot)
    elif kind == FUNDING:
        desk.last_oracle_px = row.px
        desk.funding += funding_received(inst, row.px, desk.position, row.qty)
