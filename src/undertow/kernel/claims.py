"""Which working order stands for which wanted level, and which orders stay that none wants.

A claim is a pair of slot and level, noted on both sides in the reconciler's scratch record. An order
keeps its queue place when it stands within the tolerances of its level, or when moving it there is
not worth a request (`kernel.keeping`). One that no level claims stays too, as `LEFT`, unless it loses
more than the request that would cancel it is worth. docs/model.md §7.
"""

from __future__ import annotations

from typing import Final

from undertow.compiled import compiled
from undertow.kernel.desk import IOC, LIVE, PENDING_NEW
from undertow.kernel.keeping import standing_shift, worth_canceling, worth_moving
from undertow.kernel.ladder import MAX_LEVELS
from undertow.records import Rec

FREE: Final = -1
STALE: Final = -2
LEFT: Final = MAX_LEVELS
"""For an order: no level wants it, but it may stay."""

_FAR: Final = 2**62


@compiled
def stand_for_nearest(scratch: Rec, desk: Rec, rungs: Rec) -> None:
    """Unacknowledged orders take the wanted level nearest them, at whatever distance."""
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side != rungs.sign or order.status != PENDING_NEW or order.tif == IOC:
            continue
        best, best_gap = FREE, _FAR
        for k in range(rungs.levels):
            gap = abs(rungs.tick[k] - order.tick)
            if rungs.qty[k] > 0.0 and scratch.order_of_level[k] == FREE and gap < best_gap:
                best, best_gap = k, gap
        if best != FREE:
            scratch.order_of_level[best] = i
            scratch.level_of_order[i] = best


@compiled
def nearest_order(scratch: Rec, desk: Rec, rungs: Rec, k: int, reach: int, size_tolerance: float) -> int:
    """Unclaimed live order nearest level `k` within `reach` ticks and the size tolerance."""
    best, best_gap = FREE, reach + 1
    slack = size_tolerance * rungs.qty[k]
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side != rungs.sign or order.status != LIVE or scratch.level_of_order[i] != FREE:
            continue
        gap = abs(order.tick - rungs.tick[k])
        if gap < best_gap and abs(order.leaves - rungs.qty[k]) <= slack:
            best, best_gap = i, gap
    return best


@compiled
def keep(scratch: Rec, rungs: Rec, order: Rec, slot: int, k: int) -> None:
    """`order` in `slot` stands for level `k` and takes its edge (its Λ: `kernel.own_watch`)."""
    scratch.order_of_level[k] = slot
    scratch.level_of_order[slot] = k
    scratch.kept += 1
    order.level = k
    order.edge_bps = rungs.edge_bps[k]


@compiled
def keep_standing(scratch: Rec, desk: Rec, rungs: Rec, params: Rec, tick_bps: float) -> None:
    """Match wanted levels with live orders within tolerance; refresh the forecasts of those kept."""
    reach = int(params.price_tolerance_bps / tick_bps)
    for k in range(rungs.levels):
        if rungs.qty[k] <= 0.0 or scratch.order_of_level[k] != FREE:
            continue
        slot = nearest_order(scratch, desk, rungs, k, reach, params.size_tolerance)
        if slot != FREE:
            keep(scratch, rungs, desk.working[slot], slot, k)


@compiled
def stays(
    scratch: Rec,
    desk: Rec,
    rungs: Rec,
    x: Rec,
    eta: float,
    price: float,
    slot: int,
    k: int,
    placed: float,
) -> bool:
    """Leave the order in `slot` where it is, for level `k`, if moving it does not earn `price`."""
    order = desk.working[slot]
    if worth_moving(rungs, order, x, eta, k, placed, price):
        return False
    keep(scratch, rungs, order, slot, k)
    scratch.unmoved += 1
    order.edge_bps += standing_shift(rungs, order, k)
    return True


@compiled
def leave_unclaimed(
    scratch: Rec, desk: Rec, rungs: Rec, x: Rec, eta: float, price: float, room: float
) -> None:
    """Leave what no level wants but is not worth canceling, up to `room` in the venue's unit."""
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side != rungs.sign or order.status != LIVE or scratch.level_of_order[i] != FREE:
            continue
        if order.leaves > room or worth_canceling(rungs, order, x, eta, price):
            continue
        room -= order.leaves
        order.level = -1
        scratch.level_of_order[i] = LEFT
        scratch.kept += 1
        scratch.unmoved += 1
