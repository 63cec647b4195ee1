"""Taking: an order that trades at once, where the reservation price pays for it.

    s = min(g⁻¹(edge), lot, displayed, room),   edge = r − (best ask + taker fee), bids mirrored

Lots bought at once lower r by g(S) as they fill (`kernel.bend`), so s lots earn s·(edge − ḡ), ḡ about
g(s)/2: sent only while r − g(s)/2 lies beyond the touch and the fee and the profit is worth a
request. Below the venue's minimum, the minimum, if that still pays. At most one is in flight, and
none that would meet an own order. Immediate or cancel. docs/model.md §7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.instrument import price_of, round_size
from undertow.kernel.desk import IOC, PENDING_MODIFY, put_new
from undertow.kernel.l2book import Book, level_qty
from undertow.kernel.ladder import lots_price, minimum_qty, price_lots
from undertow.records import Rec
from undertow.units import depth_bps

TAKER_LEVEL = -1
"""Level noted with an order that takes: none."""


@compiled
def taking_qty(
    rungs: Rec, inst: Rec, eta: float, edge: float, lot_qty: float, tick: int, most: float
) -> float:
    """Quantity worth taking at `tick` for an `edge` (bps), at most `most` and one lot; 0: none."""
    most = min(most, lot_qty)
    if not (edge > 0.0 and most > 0.0):
        return 0.0
    qty = round_size(inst, min(price_lots(rungs, eta, edge) * lot_qty, most))
    qty = max(qty, minimum_qty(inst, price_of(inst, tick)))
    if qty > most * (1.0 + 1e-9) or edge - 0.5 * lots_price(rungs, eta, qty / lot_qty) <= 0.0:
        return 0.0
    return qty


@compiled
def _room_to_take(desk: Rec, side: int, tick: int, limit_qty: float) -> float:
    """What position and orders of `side` leave of the limit; 0 while a taker flies or one would meet us."""
    room = limit_qty - side * desk.position
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.tif == IOC or (order.side == -side and (tick - order.tick) * side >= 0):
            return 0.0
        if order.side == side and order.status != PENDING_MODIFY:
            room -= order.leaves
    return room


@compiled
def take(
    desk: Rec,
    ladder: Rec,
    book: Book,
    inst: Rec,
    x: Rec,
    eta: float,
    offset_bps: float,
    foreseen_bps: float,
    limit_qty: float,
    price: float,
    actions: NDArray[np.void],
    n: int,
) -> int:
    """Append an IOC order if the reservation price (`offset_bps` from the mid) pays for one.

    `price` is that of a request, bps·lots; infinite: only what reduces the position is sent.
    `foreseen_bps` is the part of the offset that forecasts the mid, noted as the order's edge.
    """
    for rungs in (ladder.bid, ladder.ask):
        side = rungs.sign
        tick = book.top.best_ask if side > 0 else book.top.best_bid
        cost = depth_bps(price_of(inst, tick), x.mid, -side) + inst.taker_fee_bps
        edge = side * offset_bps - cost
        if not edge > 0.0:
            continue
        shown = level_qty(book, -side, tick)
        if not shown > 0.0:
            continue
        most = min(_room_to_take(desk, side, tick, limit_qty), shown)
        reducing = side * desk.position < -0.5 * inst.size_step
        if price == np.inf:
            most = min(most, -side * desk.position)
        qty = taking_qty(rungs, inst, eta, edge, x.lot_qty, tick, most)
        lots = qty / x.lot_qty
        profit = lots * (edge - 0.5 * lots_price(rungs, eta, lots))
        if qty > 0.0 and (profit > price or (reducing and price == np.inf)):
            earned = side * foreseen_bps - cost
            return put_new(desk, actions, n, side, tick, qty, IOC, False, TAKER_LEVEL, 0.0, earned)
    return n
