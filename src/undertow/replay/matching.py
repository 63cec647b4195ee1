"""Fills of resting own orders: prints, displayed levels that cross us, queue updates.

Own orders of a side stand in the order in which they arrived, which is their time priority. They
are matched before the public book takes the row in. Rules and sources: docs/replay.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import ACK, EXPIRED, FILLED, MAKER
from undertow.instrument import round_size
from undertow.kernel.l2book import NO_ASK, NO_BID, level_qty
from undertow.records import Rec
from undertow.replay.account import answer, book_fill
from undertow.replay.queueing import level_changed
from undertow.replay.venue import Venue


@compiled
def own_side(venue: Venue, side: int) -> tuple[NDArray[np.void], int]:
    """Own resting orders of `side` and their number."""
    if side > 0:
        return venue.ex.bid_orders, venue.ex.bids
    return venue.ex.ask_orders, venue.ex.asks


@compiled
def refresh(venue: Venue, side: int, n: int) -> None:
    """Recompute number, price range and tick mask of own orders of `side` after a change."""
    ex = venue.ex
    mask = np.uint64(0)
    one = np.uint64(1)
    lowest, highest = NO_ASK, NO_BID
    orders, _ = own_side(venue, side)
    for i in range(n):
        tick = orders[i].tick
        lowest, highest = min(lowest, tick), max(highest, tick)
        mask |= one << np.uint64(tick & 63)
    if side > 0:
        ex.bids, ex.bid_mask = n, mask
        ex.best_own_bid, ex.worst_own_bid = highest, lowest
    else:
        ex.asks, ex.ask_mask = n, mask
        ex.best_own_ask, ex.worst_own_ask = lowest, highest


@compiled
def remove_resting(venue: Venue, side: int, at: int) -> None:
    """Take order `at` of `side` out of the book, keeping the others' time priority."""
    orders, n = own_side(venue, side)
    if orders[at].reduce_only:
        venue.ex.reduce_only -= 1
    for i in range(at, n - 1):
        orders[i] = orders[i + 1]
    refresh(venue, side, n - 1)


@compiled
def fillable(venue: Venue, order: Rec) -> float:
    """What of `order` may fill: its leaves, or for reduce-only no more than the position."""
    if order.reduce_only:
        return min(order.leaves, max(0.0, -order.side * venue.ex.ledger.position))
    return order.leaves


@compiled
def fill_resting(venue: Venue, now_ns: int, side: int, at: int, qty: float) -> bool:
    """Fill `qty` of resting order `at` at its own price; returns whether it left the book."""
    orders, _ = own_side(venue, side)
    order = orders[at]
    order.leaves -= qty
    order_id, shrunk = order.id, order.shrunk
    done = order.leaves <= 0.5 * venue.inst.size_step
    book_fill(venue, now_ns, order_id, order.sent_ns, order.level, side, order.tick, qty, MAKER)
    if done:
        remove_resting(venue, side, at)
        if shrunk:
            answer(venue, now_ns, ACK, FILLED, order_id, side, 0.0, 0.0, 0.0)
    return done


@compiled
def take_through(venue: Venue, now_ns: int, side: int, tick: int, budget: float) -> float:
    """Spend `budget` on own orders of `side` priced at `tick` or better: price, then time.

    Returns what is left of it. Without partial fills each order fills whole and the budget is not
    counted.
    """
    inst, partial = venue.inst, venue.rules.partial_fills
    while budget > 0.5 * inst.size_step:
        orders, n = own_side(venue, side)
        best = -1
        for i in range(n):
            if (orders[i].tick - tick) * side >= 0 and fillable(venue, orders[i]) > 0.0:  # noqa: SIM102
                if best < 0 or (orders[i].tick - orders[best].tick) * side > 0:
                    best = i
        if best < 0:
            break
        qty = fillable(venue, orders[best])
        if partial:
            qty = round_size(inst, min(qty, budget))
            if qty <= 0.0:
                break
            budget -= qty
            orders[best].ahead = 0.0  # who was before us there has been passed
            orders[best].seen = 1
        fill_resting(venue, now_ns, side, best, qty)
    return budget


@compiled
def _at_print_whole(venue: Venue, now_ns: int, side: int, tick: int, qty: float) -> None:
    """Orders at the printed price, filled whole or not at all (hftbacktest's no-partial rule)."""
    step = venue.inst.size_step
    i = 0
    orders, n = own_side(venue, side)
    while i < n:
        order = orders[i]
        if order.tick == tick:
            order.ahead -= qty
            order.traded += qty
            if np.floor(-order.ahead / step + 0.5) >= 1.0:
                fill_resting(venue, now_ns, side, i, order.leaves)
                orders, n = own_side(venue, side)
                continue
        i += 1


@compiled
def _at_print(venue: Venue, now_ns: int, side: int, tick: int, qty: float, budget: float) -> None:
    """Orders at the printed price share what is left of the print, each behind its queue."""
    inst = venue.inst
    erodes = venue.book.top.erode
    i = 0
    orders, n = own_side(venue, side)
    while i < n:
        order = orders[i]
        if order.tick == tick and order.seen:
            beyond = budget - order.ahead
            order.ahead = max(0.0, order.ahead - budget)
            if not erodes:
                order.traded += qty
            share = round_size(inst, min(beyond, fillable(venue, order))) if beyond > 0.0 else 0.0
            if share > 0.0:
                budget -= share
                if fill_resting(venue, now_ns, side, i, share):
                    orders, n = own_side(venue, side)
                    continue
        i += 1


@compiled
def match_print(venue: Venue, now_ns: int, side: int, tick: int, qty: float) -> None:
    """A print of `qty` at `tick` hit resting orders of `side` (minus the aggressor's).

    Orders at better prices consume it first, those at its price what is left, in time order and
    each behind the size displayed before it: the print is never counted twice.
    """
    if venue.rules.partial_fills:
        budget = take_through(venue, now_ns, side, tick + side, qty)
        _at_print(venue, now_ns, side, tick, qty, budget)
    else:
        take_through(venue, now_ns, side, tick + side, np.inf)
        _at_print_whole(venue, now_ns, side, tick, qty)
    trim_reduce_only(venue, now_ns)


@compiled
def match_crossing(venue: Venue, now_ns: int, side: int, tick: int, qty: float) -> None:
    """`qty` newly displayed on the other side at `tick` would have met own orders of `side`."""
    if qty > 0.0:
        take_through(venue, now_ns, side, tick, qty)
        trim_reduce_only(venue, now_ns)


@compiled
def trim_reduce_only(venue: Venue, now_ns: int) -> None:
    """Shrink resting reduce-only orders to the position; expire those that would grow it."""
    if venue.ex.reduce_only == 0:
        return
    for side in (1, -1):
        i = 0
        orders, n = own_side(venue, side)
        while i < n:
            order = orders[i]
            if order.reduce_only:
                room = -side * venue.ex.ledger.position
                if room <= 0.0:
                    answer(venue, now_ns, ACK, EXPIRED, order.id, side, 0.0, order.leaves, 0.0)
                    remove_resting(venue, side, i)
                    orders, n = own_side(venue, side)
                    continue
                if order.leaves > room + 0.5 * venue.inst.size_step:
                    order.leaves = room
                    order.shrunk = 1
            i += 1


@compiled
def queue_at(venue: Venue, side: int, tick: int, before: float, after: float) -> None:
    """The level of `side` at `tick` went from `before` to `after`: move own orders' queues."""
    rules = venue.rules
    orders, n = own_side(venue, side)
    for i in range(n):
        order = orders[i]
        if order.tick == tick:
            update_queue(order, rules, before, after)


@compiled
def update_queue(order: Rec, rules: Rec, before: float, after: float) -> None:
    """Update the queue ahead of one order; NaN quantities are unknown ones.

    While the feed does not show the level the queue is kept and only prints reduce it. When the
    level of an order that joined unseen is first shown, all of it is taken to stand ahead.
    """
    if np.isnan(after):
        return
    if not order.seen:
        order.ahead = after
        order.seen = 1
        order.traded = 0.0
    elif np.isnan(before):
        order.ahead = min(order.ahead, after)
        order.traded = 0.0
    else:
        level_changed(order, rules.queue_model, rules.queue_power, before, after)


@compiled
def level_before_us(venue: Venue, side: int, tick: int) -> tuple[float, int]:
    """Queue ahead of an order joining `tick`, and whether the feed shows that level."""
    qty = level_qty(venue.book, side, tick)
    if np.isnan(qty):
        return (np.inf, 0) if venue.rules.partial_fills else (0.0, 1)
    return qty, 1
