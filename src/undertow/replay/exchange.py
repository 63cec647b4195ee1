"""The exchange's side of the replay: market rows and arriving requests, in exchange time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import BBO, CLEAR, DEPTH, EXCH, FUNDING, ORDER_ADD, SNAPSHOT, TRADE
from undertow.instrument import tick_near
from undertow.kernel.l2book import Book, apply_print, apply_row, level_qty, set_level
from undertow.records import Rec
from undertow.replay.account import last_mid, note_markouts, note_touch, settle_funding
from undertow.replay.fifo import order_row, void_orders
from undertow.replay.matching import match_crossing, match_print, own_side, queue_at, update_queue
from undertow.replay.requests import accept, goes_first
from undertow.replay.settings import FIFO
from undertow.replay.venue import FOREVER, INBOX, Venue

DONE: Final = 0
NEED_ROWS: Final = 1
NEED_ROOM: Final = 2


@compiled
def aggressor_of(venue: Venue, row: Rec, tick: int) -> int:
    """Side of a print's aggressor; where unrecorded, by the side of the last mid it lies on."""
    if row.side != 0:
        return row.side
    middle = last_mid(venue)
    if row.px > middle:
        return 1
    return -1 if row.px < middle else 0


@compiled
def on_trade(venue: Venue, row: Rec) -> None:
    """A print: own orders first, then the public book it consumed.

    Where order ids exist, own orders are met by executions of the market's, not by prints.
    """
    ex = venue.ex
    tick = tick_near(venue.inst, row.px)
    if ex.bids + ex.asks > 0 and venue.rules.queue_model != FIFO:
        side = -aggressor_of(venue, row, tick)
        if (side < 0 and tick >= ex.best_own_ask) or (side > 0 and tick <= ex.best_own_bid):
            match_print(venue, row.exch_ns, side, tick, row.qty)
    if venue.book.top.erode:
        apply_print(venue.book, venue.inst, row)
        note_touch(ex, venue.book.top)


@compiled
def concerns_us(ex: Rec, side: int, tick: int) -> bool:
    """Whether a level of `side` at `tick` may hold an own order or cross one."""
    bit = np.uint64(1) << np.uint64(tick & 63)
    if side > 0:
        if tick >= ex.best_own_ask:
            return True
        return tick <= ex.best_own_bid and tick >= ex.worst_own_bid and (ex.bid_mask & bit) != 0
    if tick <= ex.best_own_bid:
        return True
    return tick >= ex.best_own_ask and tick <= ex.worst_own_ask and (ex.ask_mask & bit) != 0


@compiled
def on_depth(venue: Venue, row: Rec) -> None:
    """One level of the public book changed."""
    top, side = venue.book.top, row.side
    tick = tick_near(venue.inst, row.px)
    if not concerns_us(venue.ex, side, tick) or venue.rules.queue_model == FIFO:
        set_level(venue.book, side, tick, row.qty)
        return
    before = level_qty(venue.book, side, tick)
    crosses = tick >= venue.ex.best_own_ask if side > 0 else tick <= venue.ex.best_own_bid
    if venue.rules.partial_fills:
        if crosses:
            known = 0.0 if np.isnan(before) else before
            match_crossing(venue, row.exch_ns, -side, tick, row.qty - known)
        set_level(venue.book, side, tick, row.qty)
    else:
        touch = top.best_bid if side > 0 else top.best_ask
        set_level(venue.book, side, tick, row.qty)
        moved = top.best_bid > touch if side > 0 else top.best_ask < touch
        if crosses and moved:
            match_crossing(venue, row.exch_ns, -side, tick, np.inf)
    queue_at(venue, side, tick, before, level_qty(venue.book, side, tick))


@compiled
def passes_by(ex: Rec, book: Book, inst: Rec, row: Rec) -> bool:
    """Take in a row that cannot touch own orders, which is nearly every row; False if it might.

    Works on records alone: the loop spends most of its time here.
    """
    kind = row.kind
    if row.exch_ns > ex.next_markout_ns or (kind != DEPTH and kind != TRADE):
        return False
    tick = tick_near(inst, row.px)
    if kind == TRADE:
        quiet = tick < ex.best_own_ask if row.side > 0 else tick > ex.best_own_bid and row.side < 0
        return quiet and not book.top.erode
    if concerns_us(ex, row.side, tick):
        return False
    set_level(book, row.side, tick, row.qty)
    if book.top.best_bid != ex.mid_bid or book.top.best_ask != ex.mid_ask:
        note_touch(ex, book.top)
    return True


@compiled
def _cross_snapshot(venue: Venue, row: Rec, levels: NDArray[np.float64]) -> None:
    """Levels of a snapshot that lie beyond own orders' prices, best first."""
    for side in (1, -1):
        at = 2 if side > 0 else 0
        for k in range(levels.shape[1]):
            px, qty = levels[at, k], levels[at + 1, k]
            if not (px > 0.0 and qty > 0.0):
                break
            tick = tick_near(venue.inst, px)
            _cross_level(venue, row.exch_ns, side, tick, qty)
            own = venue.ex.best_own_bid if side > 0 else venue.ex.best_own_ask
            if (own - tick) * side < 0:
                break


@compiled
def _cross_level(venue: Venue, now_ns: int, side: int, tick: int, qty: float) -> None:
    """`qty` shown at `tick` on the side opposite to `side`: what is new of it meets own orders."""
    own = venue.ex.best_own_bid if side > 0 else venue.ex.best_own_ask
    if (own - tick) * side < 0:
        return
    if not venue.rules.partial_fills:
        match_crossing(venue, now_ns, side, tick, np.inf)
        return
    before = level_qty(venue.book, -side, tick)
    match_crossing(venue, now_ns, side, tick, qty if np.isnan(before) else qty - before)


@compiled
def on_book_row(venue: Venue, row: Rec, snapshots: NDArray[np.float64]) -> None:
    """A snapshot or best-quote row: crossing first, then the book, then own queues."""
    ex = venue.ex
    if row.kind == CLEAR and venue.rules.queue_model == FIFO:
        void_orders(venue, row)
    if ex.bids + ex.asks == 0 or row.kind == CLEAR:
        apply_row(venue.book, venue.inst, row, snapshots)
        return
    if row.kind == SNAPSHOT:
        _cross_snapshot(venue, row, snapshots[row.ref])
    elif row.qty > 0.0:
        _cross_level(venue, row.exch_ns, -row.side, tick_near(venue.inst, row.px), row.qty)
    for side in (1, -1):
        orders, n = own_side(venue, side)
        for i in range(n):
            orders[i].shown = level_qty(venue.book, side, orders[i].tick)
    apply_row(venue.book, venue.inst, row, snapshots)
    for side in (1, -1):
        orders, n = own_side(venue, side)
        for i in range(n):
            after = level_qty(venue.book, side, orders[i].tick)
            update_queue(orders[i], venue.rules, orders[i].shown, after)


@compiled
def exchange_row(venue: Venue, row: Rec, snapshots: NDArray[np.float64]) -> None:
    """One market row reaches the exchange's book."""
    ex, top = venue.ex, venue.book.top
    kind = row.kind
    if row.exch_ns > ex.next_markout_ns:
        note_markouts(venue, row.exch_ns)
    ex.last_exch_ns = row.exch_ns
    if kind == DEPTH:
        on_depth(venue, row)
    elif kind == TRADE:
        on_trade(venue, row)
        return
    elif kind <= BBO:
        on_book_row(venue, row, snapshots)
    else:
        if kind == FUNDING:
            settle_funding(venue, row)
        elif kind >= ORDER_ADD and venue.rules.queue_model == FIFO:
            order_row(venue, row)
        return
    if top.best_bid != ex.mid_bid or top.best_ask != ex.mid_ask:
        note_touch(ex, top)


@compiled
def _head(ex: Rec) -> int:
    """Arrival of the next request, after dropping those already done."""
    while ex.inbox_head < ex.inbox_tail:
        request = ex.inbox[ex.inbox_head & (INBOX - 1)]
        if request.kind != 0:
            return request.arrival_ns
        ex.inbox_head += 1
    return FOREVER


@compiled
def _accept_block(venue: Venue, now_ns: int, early: bool) -> None:
    """Handle the requests of one arrival time: those that go first, or all that are left."""
    ex = venue.ex
    if now_ns > ex.next_markout_ns:
        note_markouts(venue, now_ns)
    for at in range(ex.inbox_head, ex.inbox_tail):
        request = ex.inbox[at & (INBOX - 1)]
        if request.arrival_ns != now_ns:
            break
        if request.kind != 0 and (not early or goes_first(request)):
            accept(venue, now_ns, request)


@compiled(trunk=True)
def run_exchange(venue: Venue, rows: NDArray[np.void], snapshots: NDArray[np.float64], limit_ns: int) -> int:
    """Run the exchange's clock up to `limit_ns`, the first moment a new request could arrive.

    Without the block rule rows at the limit itself still come first. Sets ``next_exch_ns`` to the
    next event's time; stops early for want of rows or of room.
    """
    ex, book, inst = venue.ex, venue.book, venue.inst
    block = venue.rules.block_rule
    n = rows.shape[0]
    at = ex.exch_at
    bound = limit_ns - 1 if block else limit_ns
    while True:
        while at < n and not rows[at].flags & EXCH:
            at += 1
        if at < n:
            row_ns = rows[at].exch_ns
        elif ex.final:
            row_ns = FOREVER
        else:
            ex.exch_at = at
            return NEED_ROWS
        arrival_ns = _head(ex)
        ex.next_exch_ns = min(row_ns, arrival_ns)
        if ex.next_exch_ns > bound or ex.next_exch_ns > ex.end_ns:
            break
        if ex.crowded:
            ex.exch_at = at
            return NEED_ROOM
        if block and arrival_ns <= row_ns and ex.early_ns != arrival_ns:
            _accept_block(venue, arrival_ns, True)
            ex.early_ns = arrival_ns
        elif arrival_ns < row_ns:
            _accept_block(venue, arrival_ns, False)
        else:
            stop = min(bound, arrival_ns)
            if block and ex.early_ns != arrival_ns:
                stop = min(bound, arrival_ns - 1)
            while at < n and not ex.crowded:
                row = rows[at]
                if row.flags & EXCH:
                    if row.exch_ns > stop:
                        break
                    if passes_by(ex, book, inst, row):
                        ex.last_exch_ns = row.exch_ns
                    else:
                        exchange_row(venue, row, snapshots)
                at += 1
    ex.exch_at = at
    return DONE
