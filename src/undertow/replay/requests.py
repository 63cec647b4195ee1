"""What the exchange does with a request: rules, post-only, taking, cancel, modify.

Hyperliquid's behaviour where it is known (docs/replay.md); hftbacktest's where partial fills are
switched off.
"""

from __future__ import annotations

from undertow.compiled import compiled
from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    CANCELED,
    EXPIRED,
    FILLED,
    MODIFY,
    OPEN,
    REJECTED,
    TAKER,
)
from undertow.instrument import notional, price_of, round_size, step_ticks
from undertow.kernel.desk import GTC, POST_ONLY
from undertow.kernel.l2book import NO_ASK, NO_BID, set_level
from undertow.records import Rec
from undertow.replay.account import answer, book_fill
from undertow.replay.matching import level_before_us, own_side, refresh, remove_resting, trim_reduce_only
from undertow.replay.venue import MAX_TAKEN_LEVELS, Venue


@compiled
def obeys_rules(venue: Venue, request: Rec) -> bool:
    """Whether price step, size step and minimum notional are kept.

    A reduce-only order that closes the whole position is exempt from the minimum notional.
    """
    inst, qty, tick = venue.inst, request.qty, request.tick
    if not qty > 0.0 or tick <= 0:
        return False
    if abs(round_size(inst, qty) - qty) > 1e-6 * inst.size_step + 1e-12 * qty:
        return False
    if tick % step_ticks(inst, tick) != 0:
        return False
    if request.reduce_only and qty >= abs(venue.ex.ledger.position):
        return True
    return notional(inst, price_of(inst, tick), qty) >= inst.min_notional * (1.0 - 1e-9)


@compiled
def _opposite_best(venue: Venue, side: int) -> int:
    return venue.book.top.best_ask if side > 0 else venue.book.top.best_bid


@compiled
def would_match(venue: Venue, side: int, tick: int) -> bool:
    """Whether an order would trade at once, with the public book or with an own order."""
    if side > 0:
        return tick >= venue.book.top.best_ask or tick >= venue.ex.best_own_ask
    return tick <= venue.book.top.best_bid or tick <= venue.ex.best_own_bid


@compiled
def find_resting(venue: Venue, side: int, order_id: int) -> int:
    """Place of a resting order of `side`, -1 if it is not in the book."""
    orders, n = own_side(venue, side)
    for i in range(n):
        if orders[i].id == order_id:
            return i
    return -1


@compiled
def reject(venue: Venue, now_ns: int, request: Rec, code: int, qty: float) -> None:
    """Answer that the request's new order is not, or no longer, in the book."""
    if code == REJECTED:
        venue.ex.ledger.rejects += 1
    answer(venue, now_ns, ACK, code, request.id, request.side, 0.0, qty, 0.0)


@compiled
def rest(venue: Venue, now_ns: int, request: Rec, qty: float, shrunk: int) -> None:
    """Join the queue at the request's price."""
    side = request.side
    orders, n = own_side(venue, side)
    order = orders[n]
    ahead, seen = level_before_us(venue, side, request.tick)
    order.id = request.id
    order.tick = request.tick
    order.sent_ns = request.sent_ns
    order.place = venue.ex.next_place
    order.leaves = qty
    order.ahead = ahead
    order.traded = 0.0
    order.side = side
    order.reduce_only = request.reduce_only
    order.seen = seen
    order.shrunk = shrunk
    order.level = request.level
    venue.ex.next_place += 1
    if request.reduce_only:
        venue.ex.reduce_only += 1
    refresh(venue, side, n + 1)
    answer(venue, now_ns, ACK, OPEN, request.id, side, price_of(venue.inst, request.tick), qty, 0.0)


@compiled
def cancel_own_through(venue: Venue, now_ns: int, side: int, tick: int) -> None:
    """Self-trade prevention: own orders of `side` a taker would meet up to `tick` are canceled."""
    i = 0
    orders, n = own_side(venue, side)
    while i < n:
        if (orders[i].tick - tick) * side >= 0:
            answer(venue, now_ns, ACK, CANCELED, orders[i].id, side, 0.0, orders[i].leaves, 0.0)
            remove_resting(venue, side, i)
            orders, n = own_side(venue, side)
        else:
            i += 1


@compiled
def take(venue: Venue, now_ns: int, request: Rec, qty: float) -> float:
    """Trade against the displayed book up to the limit; returns the quantity left.

    What is taken is gone from the exchange's book until the feed shows the level again. Without
    partial fills the whole order trades at the touch (hftbacktest's rule).
    """
    inst, side, limit = venue.inst, request.side, request.tick
    far = NO_ASK if side > 0 else NO_BID
    for _ in range(MAX_TAKEN_LEVELS):
        best = _opposite_best(venue, side)
        if qty <= 0.5 * inst.size_step or best == far or (limit - best) * side < 0:
            break
        cancel_own_through(venue, now_ns, -side, best)
        at = best & (venue.book.bid.shape[0] - 1)
        shown = venue.book.ask[at] if side > 0 else venue.book.bid[at]
        if not venue.rules.partial_fills:
            book_fill(venue, now_ns, request.id, request.sent_ns, request.level, side, best, qty, TAKER)
            return 0.0
        traded = round_size(inst, min(qty, shown))
        if traded > 0.0:
            book_fill(venue, now_ns, request.id, request.sent_ns, request.level, side, best, traded, TAKER)
            qty -= traded
        left = shown - traded
        if left <= 0.5 * inst.size_step or traded == 0.0:
            left = 0.0
        set_level(venue.book, -side, best, left)
    if qty > 0.5 * inst.size_step:
        cancel_own_through(venue, now_ns, -side, limit)
        return qty
    return 0.0


@compiled
def accept_new(venue: Venue, now_ns: int, request: Rec) -> None:
    """A new order: rejected, expired, resting or traded."""
    qty, shrunk = request.qty, 0
    if not obeys_rules(venue, request):
        reject(venue, now_ns, request, REJECTED, qty)
        return
    if request.reduce_only:
        room = -request.side * venue.ex.ledger.position
        if room <= 0.0:
            reject(venue, now_ns, request, EXPIRED, qty)
            return
        if qty > room + 0.5 * venue.inst.size_step:
            qty, shrunk = room, 1
    if request.tif == POST_ONLY:
        if would_match(venue, request.side, request.tick):
            reject(venue, now_ns, request, REJECTED, qty)
        else:
            rest(venue, now_ns, request, qty, shrunk)
        return
    left = qty
    if would_match(venue, request.side, request.tick):
        left = take(venue, now_ns, request, qty)
        trim_reduce_only(venue, now_ns)
    if left > 0.0 and request.tif == GTC:
        rest(venue, now_ns, request, left, shrunk)
    elif left > 0.0:
        reject(venue, now_ns, request, EXPIRED, left)
    elif shrunk:
        answer(venue, now_ns, ACK, FILLED, request.id, request.side, 0.0, 0.0, 0.0)


@compiled
def accept_cancel(venue: Venue, now_ns: int, request: Rec) -> bool:
    """Cancel the request's target; returns whether it was still there."""
    at = find_resting(venue, request.side, request.target)
    if at < 0:
        venue.ex.ledger.late_cancels += 1
        answer(venue, now_ns, ACK, CANCEL_REJECTED, request.target, request.side, 0.0, 0.0, 0.0)
        return False
    orders, _ = own_side(venue, request.side)
    left = orders[at].leaves
    remove_resting(venue, request.side, at)
    answer(venue, now_ns, ACK, CANCELED, request.target, request.side, 0.0, left, 0.0)
    return True


@compiled
def accept_modify(venue: Venue, now_ns: int, request: Rec) -> None:
    """Cancel and post-only new with the queue lost; a crossing one loses the old order too.

    A new order that breaks the venue's rules, or whose target is gone, is refused; in the first
    case the old order stays.
    """
    if not obeys_rules(venue, request):
        answer(venue, now_ns, ACK, CANCEL_REJECTED, request.target, request.side, 0.0, 0.0, 0.0)
        reject(venue, now_ns, request, REJECTED, request.qty)
    elif accept_cancel(venue, now_ns, request):
        accept_new(venue, now_ns, request)
    else:
        reject(venue, now_ns, request, REJECTED, request.qty)


@compiled
def goes_first(request: Rec) -> bool:
    """Whether the block rule lets the request go before takers."""
    return request.kind == CANCEL or request.kind == MODIFY or request.tif == POST_ONLY


@compiled
def accept(venue: Venue, now_ns: int, request: Rec) -> None:
    """Handle a request that has arrived, and mark it done."""
    if request.kind == CANCEL:
        accept_cancel(venue, now_ns, request)
    elif request.kind == MODIFY:
        accept_modify(venue, now_ns, request)
    else:
        accept_new(venue, now_ns, request)
    request.kind = 0
