"""Wanted ladder and working orders in, requests out. Shared by replay, paper and live.

Every wanted level looks for an order that already stands there, within tolerances, and keeps it
with its queue place. For what is left it takes the order nearest it: that one stays too while moving it
is not worth a request (`kernel.keeping`, `kernel.claims`); otherwise it is modified (one request; the
queue place is lost either way). Levels left over get new orders. Orders left over are canceled where they
lose more than that is worth, or stand in the way of a wanted one. Rules, in order of rank:

1. An order in flight is left alone; an unacknowledged one stands for the wanted level nearest it. An
   order that takes (IOC) stands for none, but what it may fill counts.
2. Position plus all quantity on a side that could still fill (resting, unacknowledged, being
   canceled) never exceeds the limit by anything sent here. A modify counts as the order it makes:
   only a fill that races it can leave both, and exceed the limit by that one order. Where there is
   no room, the order is canceled and replaced later.
3. Nothing is sent that would meet an own order on the other side.
4. Without requests left (an infinite price) only the side that reduces the position sends orders.
   What its moves must gain is bounded, so that it always may move.
5. Cancels go first, then the side that reduces the position, then the other, near levels first,
   until the cycle's budget of requests is spent.

`reconcile` depends on nothing but its arguments, and called again with the same wanted ladder it
sends nothing (docs/model.md §7).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.instrument import price_of
from undertow.kernel.claims import (
    FREE,
    STALE,
    keep_standing,
    leave_unclaimed,
    nearest_order,
    stand_for_nearest,
    stays,
)
from undertow.kernel.desk import (
    IOC,
    LIVE,
    MAX_WORKING,
    PENDING_CANCEL,
    PENDING_MODIFY,
    PENDING_NEW,
    POST_ONLY,
    put_cancel,
    put_modify,
    put_new,
)
from undertow.kernel.ladder import MAX_LEVELS
from undertow.records import Rec

_NEAR: Final = -(2**62)
_FAR: Final = 2**62

RECONCILE: Final = np.dtype(
    [
        ("level_of_order", "<i8", (MAX_WORKING,)),  # wanted level an order stands for; FREE, STALE, LEFT
        ("order_of_level", "<i8", (MAX_LEVELS,)),  # slot, or FREE; of the side at hand
        ("plan", "<i8", (2, MAX_LEVELS)),  # slot to modify, NEW_ORDER, or FREE: nothing to send
        ("own_bid", "<i8"),  # highest tick of an own bid that could still trade
        ("own_ask", "<i8"),
        ("deferred", "<i8"),  # wanted changes not sent this cycle: no room, budget or a crossing
        ("kept", "<i8"),  # orders kept with their queue place
        ("unmoved", "<i8"),  # of them, beyond the tolerances: not worth a request to move
    ],
    align=True,
)

NEW_ORDER: Final = -2

RECONCILE_PARAMS: Final = np.dtype(
    [
        ("price_tolerance_bps", "<f8"),
        ("size_tolerance", "<f8"),  # share of the wanted size
        ("max_requests", "<i8"),  # per cycle
        ("most_reducing", "<f8"),  # most that a move of the reducing side must gain, bps·lots
        ("by_value", "u1"),  # beyond the tolerances, move only what gains by it
    ],
    align=True,
)


@compiled
def _survey(scratch: Rec, desk: Rec) -> None:
    """Forget the last cycle; note the own orders nearest the other side."""
    scratch.deferred = 0
    scratch.kept = 0
    scratch.unmoved = 0
    scratch.own_bid, scratch.own_ask = _NEAR, _FAR
    for i in range(desk.n_working):
        scratch.level_of_order[i] = FREE
        order = desk.working[i]
        if order.side > 0:
            scratch.own_bid = max(scratch.own_bid, order.tick)
        else:
            scratch.own_ask = min(scratch.own_ask, order.tick)


@compiled
def _exposure(desk: Rec, side: int) -> float:
    """Quantity on a side that could still fill, in flight or not; a modify counts as its new order."""
    total = 0.0
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == side and order.status != PENDING_MODIFY:
            total += order.leaves
    return total


@compiled
def _held(scratch: Rec, desk: Rec, side: int) -> float:
    """Quantity of a side that stays: claimed by a level, or on its way."""
    total = 0.0
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == side and (
            order.status == PENDING_NEW or (order.status == LIVE and scratch.level_of_order[i] >= 0)
        ):
            total += order.leaves
    return total


@compiled
def _flying(desk: Rec, side: int) -> bool:
    """Whether the side waits for an answer."""
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == side and order.status != LIVE and order.tif != IOC:
            return True
    return False


@compiled
def _shed(scratch: Rec, desk: Rec, rungs: Rec, room: float, exposure: float, slack: float) -> None:
    """Mark live orders of a side stale, outermost first, while it could exceed the limit.

    Orders no level claims are going anyway. Orders being canceled already count as gone: their
    answer is on its way and nothing more can be done about them.
    """
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == rungs.sign and (
            order.status == PENDING_CANCEL or (order.status == LIVE and scratch.level_of_order[i] == FREE)
        ):
            exposure -= order.leaves
    while exposure > room + slack:
        worst = FREE
        for i in range(desk.n_working):
            order = desk.working[i]
            if order.side != rungs.sign or order.status != LIVE or scratch.level_of_order[i] < 0:
                continue
            if worst == FREE or (desk.working[worst].tick - order.tick) * rungs.sign > 0:
                worst = i
        if worst == FREE:
            return
        exposure -= desk.working[worst].leaves
        scratch.order_of_level[scratch.level_of_order[worst]] = FREE
        scratch.level_of_order[worst] = STALE
        scratch.kept -= 1


@compiled
def _plan_side(
    scratch: Rec,
    params: Rec,
    desk: Rec,
    rungs: Rec,
    x: Rec,
    eta: float,
    price: float,
    room: float,
    slack: float,
) -> float:
    """Decide for every wanted level without an order: keep, modify, new, or wait for room.

    An order that should move but finds no room keeps its place while an answer is awaited and it
    stands no nearer the mid than wanted; otherwise it is canceled. Returns the room left for orders
    no level wants, negative while a level waits for room.
    """
    row = 0 if rungs.sign > 0 else 1
    exposure = _exposure(desk, rungs.sign)
    _shed(scratch, desk, rungs, room, exposure, slack)
    flying = _flying(desk, rungs.sign)
    before = scratch.deferred
    held, placed, lots = _held(scratch, desk, rungs.sign), 0.0, 0.0
    for k in range(rungs.levels):
        placed += lots
        lots = rungs.qty[k] / x.lot_qty if params.by_value else 0.0
        scratch.plan[row, k] = FREE
        if rungs.qty[k] <= 0.0 or scratch.order_of_level[k] != FREE:
            continue
        slot = nearest_order(scratch, desk, rungs, k, _FAR - 1, np.inf)
        added = rungs.qty[k] - (desk.working[slot].leaves if slot != FREE else 0.0)
        fits = exposure + added <= room + slack
        if slot != FREE:
            leaves = desk.working[slot].leaves
            may_stay = params.by_value and held + leaves <= room + slack
            if may_stay and stays(scratch, desk, rungs, x, eta, price, slot, k, placed):
                held += leaves
                continue
            nearer = (desk.working[slot].tick - rungs.tick[k]) * rungs.sign > 0
            if fits:
                scratch.plan[row, k] = slot
            elif flying and not nearer:
                scratch.deferred += 1
            else:
                scratch.level_of_order[slot] = STALE
                scratch.deferred += 1
                continue
            scratch.level_of_order[slot] = k
        elif fits:
            scratch.plan[row, k] = NEW_ORDER
        else:
            scratch.deferred += 1
            continue
        if fits:
            exposure += added
            held += rungs.qty[k]
    return -1.0 if scratch.deferred > before else room + slack - held


@compiled
def _cancel_unclaimed(
    scratch: Rec, desk: Rec, actions: NDArray[np.void], n: int, side: int, budget: int
) -> int:
    """Cancel live orders of a side that neither stand for a wanted level nor may stay."""
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == side and order.status == LIVE and scratch.level_of_order[i] < 0 and n < budget:
            n = put_cancel(desk, actions, n, i)
    return n


@compiled
def _send_side(scratch: Rec, desk: Rec, rungs: Rec, actions: NDArray[np.void], n: int, budget: int) -> int:
    """Send the planned modifies and new orders of a side, near levels first."""
    row = 0 if rungs.sign > 0 else 1
    for k in range(rungs.levels):
        slot = scratch.plan[row, k]
        if slot == FREE:
            continue
        tick = rungs.tick[k]
        crosses = tick >= scratch.own_ask if rungs.sign > 0 else tick <= scratch.own_bid
        if crosses or n >= budget:
            scratch.deferred += 1
            continue
        before = n
        qty, rate, edge = rungs.qty[k], rungs.reach_rate[k], rungs.edge_bps[k]
        if slot == NEW_ORDER:
            n = put_new(desk, actions, n, rungs.sign, tick, qty, POST_ONLY, False, k, rate, edge)
        else:
            n = put_modify(desk, actions, n, slot, tick, qty, k, rate, edge)
        if n == before:
            scratch.deferred += 1
        elif rungs.sign > 0:
            scratch.own_bid = max(scratch.own_bid, tick)
        else:
            scratch.own_ask = min(scratch.own_ask, tick)
    return n


@compiled
def reconcile(
    scratch: Rec,
    params: Rec,
    inst: Rec,
    desk: Rec,
    ladder: Rec,
    x: Rec,
    eta: float,
    price: float,
    limit_qty: float,
    actions: NDArray[np.void],
    n: int,
) -> int:
    """Append the requests that bring the working orders to `ladder`; returns the number of actions.

    `limit_qty` is the largest position either way in the venue's unit. `x` (`INPUTS`), `eta` and the
    shadow `price` of a request (bps·lots) say what a move is worth; an infinite price, that there are
    none left: only the side that reduces the position then sends orders (cancels have an allowance
    of their own). `kernel.queue_place.look_at_queues` must have looked at the desk. `scratch`
    (`RECONCILE`) keeps nothing between calls but its counters.
    """
    _survey(scratch, desk)
    slack = 1e-6 * inst.size_step
    tick_bps = price_of(inst, 1) / x.mid * 1e4
    for i in range(2):
        rungs = ladder.bid if i == 0 else ladder.ask
        for k in range(rungs.levels):
            scratch.order_of_level[k] = FREE
        stand_for_nearest(scratch, desk, rungs)
        keep_standing(scratch, desk, rungs, params, tick_bps)
        room = limit_qty - rungs.sign * desk.position
        reduces = rungs.sign * desk.position < -0.5 * inst.size_step
        worth = min(price, params.most_reducing) if reduces else price
        left = _plan_side(scratch, params, desk, rungs, x, eta, worth, room, slack)
        if params.by_value:
            leave_unclaimed(scratch, desk, rungs, x, eta, worth, left)
    reducing = ladder.bid if desk.position < 0.0 else ladder.ask
    other = ladder.ask if desk.position < 0.0 else ladder.bid
    budget = min(n + params.max_requests, actions.shape[0])
    n = _cancel_unclaimed(scratch, desk, actions, n, reducing.sign, budget)
    n = _cancel_unclaimed(scratch, desk, actions, n, other.sign, budget)
    if price < np.inf or abs(desk.position) > 0.5 * inst.size_step:
        n = _send_side(scratch, desk, reducing, actions, n, budget)
    if price < np.inf:
        n = _send_side(scratch, desk, other, actions, n, budget)
    return n


@compiled
def cancel_growing(scratch: Rec, desk: Rec, dust: float, actions: NDArray[np.void], n: int) -> int:
    """Without a price: cancel live orders that could enlarge the position; leave those that reduce it."""
    scratch.deferred = 0
    scratch.kept = 0
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.status == LIVE and order.side * desk.position > -dust:
            n = put_cancel(desk, actions, n, i)
    return n
