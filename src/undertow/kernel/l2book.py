"""An L2 book on an integer tick grid, fed by snapshots, diffs, best quotes and prints.

Each side is a ring of sizes indexed by tick, so a level is read and written in constant time and
the next best level is found by a short scan. What a feed does not show is *unknown*, not empty:
`level_qty` returns NaN beyond the last level of a snapshot and outside the ring's window.
"""

from __future__ import annotations

import functools
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import BBO, CLEAR, DEPTH, SNAPSHOT, TRADE
from undertow.instrument import price_of, tick_near
from undertow.records import Rec, new_record

NO_BID: Final = -(2**62)
NO_ASK: Final = 2**62

TOP: Final = np.dtype(
    [
        ("best_bid", "<i8"),
        ("best_ask", "<i8"),
        ("bid_known", "<i8"),  # lowest bid tick the feed speaks for
        ("ask_known", "<i8"),  # highest ask tick the feed speaks for
        ("window_low", "<i8"),  # first tick of the ring's window
        ("exch_ns", "<i8"),
        ("recv_ns", "<i8"),
        ("snapshot_ns", "<i8"),  # exchange time of the last snapshot or best quote
        ("outside", "<i8"),  # rows ignored because their price lay outside the window
        ("erode", "u1"),  # prints consume levels (feeds of snapshots); diffs do so by themselves
        ("placed", "u1"),  # the window has been placed
    ],
    align=True,
)


Book: TypeAlias = Rec
"""A record of ``bid`` and ``ask``, rings of sizes of the same power-of-two length, and ``top``, `TOP`.

One record rather than arrays side by side: compiled code then counts no references, which costs
more than the book itself (docs/decisions/0010).
"""


@functools.cache
def book_dtype(window_ticks: int) -> np.dtype[np.void]:
    """The record of a book whose rings hold `window_ticks` levels a side."""
    rings = [("top", TOP), ("bid", "<f8", (window_ticks,)), ("ask", "<f8", (window_ticks,))]
    return np.dtype(rings, align=True)


def new_book(*, window_ticks: int = 65_536, erode: bool = False) -> Book:
    """An empty book whose window spans `window_ticks` (a power of two) around the touch.

    Compiled code is specific to a window's size: keep to the default unless there is a reason.
    """
    if window_ticks < 16 or window_ticks & (window_ticks - 1):
        raise ValueError(f"window_ticks = {window_ticks} must be a power of two >= 16")
    book = new_record(book_dtype(window_ticks))
    top = book["top"]
    top["best_bid"], top["best_ask"] = NO_BID, NO_ASK
    top["bid_known"], top["ask_known"] = NO_BID, NO_ASK
    top["snapshot_ns"] = NO_BID
    top["erode"] = erode
    return book


@compiled
def has_both_sides(book: Book) -> bool:
    """Whether the book has a bid and an ask."""
    return book.top.best_bid != NO_BID and book.top.best_ask != NO_ASK


@compiled
def mid_price(book: Book, inst: Rec) -> float:
    """Mid of the touch, NaN while a side is empty."""
    if book.top.best_bid == NO_BID or book.top.best_ask == NO_ASK:
        return np.nan
    return 0.5 * (price_of(inst, book.top.best_bid) + price_of(inst, book.top.best_ask))


@compiled
def level_qty(book: Book, side: int, tick: int) -> float:
    """Displayed size at `tick`; 0 if known to be empty, NaN if the feed does not show it."""
    top = book.top
    if tick < top.window_low or tick >= top.window_low + book.bid.shape[0]:
        return np.nan
    at = tick & (book.bid.shape[0] - 1)
    if side > 0:
        return book.bid[at] if tick >= top.bid_known else np.nan
    return book.ask[at] if tick <= top.ask_known else np.nan


@compiled
def _clear_ticks(ring: NDArray[np.float64], low: int, high: int) -> None:
    """Zero the ring for ticks low..high inclusive (at most one turn)."""
    n = ring.shape[0]
    for tick in range(low, min(high, low + n - 1) + 1):
        ring[tick & (n - 1)] = 0.0


@compiled
def _place_window(book: Book, center: int) -> None:
    """Move the window so that `center` lies in its middle; levels that fall out are forgotten."""
    top = book.top
    n = book.bid.shape[0]
    low = center - n // 2
    if not top.placed:
        top.placed = 1
        top.window_low = low
        return
    shift = low - top.window_low
    if shift >= n or shift <= -n:
        book.bid[:] = 0.0
        book.ask[:] = 0.0
    elif shift > 0:
        _clear_ticks(book.bid, top.window_low, low - 1)
        _clear_ticks(book.ask, top.window_low, low - 1)
    elif shift < 0:
        _clear_ticks(book.bid, low + n, top.window_low + n - 1)
        _clear_ticks(book.ask, low + n, top.window_low + n - 1)
    top.window_low = low
    if top.best_bid != NO_BID and top.best_bid < low:
        top.best_bid = NO_BID
    if top.best_ask != NO_ASK and top.best_ask >= low + n:
        top.best_ask = NO_ASK


@compiled
def _next_bid(book: Book, tick: int) -> int:
    """Highest occupied bid tick at or below `tick`."""
    mask = book.bid.shape[0] - 1
    low = max(book.top.window_low, book.top.bid_known)
    while tick >= low:
        if book.bid[tick & mask] > 0.0:
            return tick
        tick -= 1
    return NO_BID


@compiled
def _next_ask(book: Book, tick: int) -> int:
    """Lowest occupied ask tick at or above `tick`."""
    mask = book.ask.shape[0] - 1
    high = min(book.top.window_low + book.ask.shape[0] - 1, book.top.ask_known)
    while tick <= high:
        if book.ask[tick & mask] > 0.0:
            return tick
        tick += 1
    return NO_ASK


@compiled
def clear_through(book: Book, side: int, tick: int) -> None:
    """Void the levels of `side` from the touch through `tick` (inclusive)."""
    top = book.top
    if side >= 0 and top.best_bid != NO_BID:
        _clear_ticks(book.bid, max(tick, top.window_low), top.best_bid)
        top.best_bid = _next_bid(book, min(top.best_bid, tick - 1))
    if side <= 0 and top.best_ask != NO_ASK:
        _clear_ticks(book.ask, top.best_ask, min(tick, top.window_low + book.ask.shape[0] - 1))
        top.best_ask = _next_ask(book, max(top.best_ask, tick + 1))


@compiled
def set_level(book: Book, side: int, tick: int, qty: float) -> None:
    """The level of `side` at `tick` now shows `qty`. A crossing level voids what it crosses."""
    top = book.top
    n = book.bid.shape[0]
    if not top.placed:
        _place_window(book, tick)
    elif tick < top.window_low or tick >= top.window_low + n:
        improves = (side > 0 and (tick > top.best_bid)) or (side < 0 and tick < top.best_ask)
        if not improves or qty <= 0.0:
            top.outside += 1
            return
        _place_window(book, tick)
    at = tick & (n - 1)
    if side > 0:
        book.bid[at] = qty
        if qty > 0.0:
            if tick > top.best_bid:
                top.best_bid = tick
                if tick >= top.best_ask:
                    clear_through(book, -1, tick)
                _keep_centered(book, tick)
            if tick < top.bid_known:
                top.bid_known = tick
        elif tick == top.best_bid:
            top.best_bid = _next_bid(book, tick - 1)
    else:
        book.ask[at] = qty
        if qty > 0.0:
            if tick < top.best_ask:
                top.best_ask = tick
                if tick <= top.best_bid:
                    clear_through(book, 1, tick)
                _keep_centered(book, tick)
            if tick > top.ask_known:
                top.ask_known = tick
        elif tick == top.best_ask:
            top.best_ask = _next_ask(book, tick + 1)


@compiled
def _keep_centered(book: Book, tick: int) -> None:
    n = book.bid.shape[0]
    at = tick - book.top.window_low
    if at < n // 8 or at >= n - n // 8:
        _place_window(book, tick)


@compiled
def clear_side(book: Book, side: int) -> None:
    """Void a whole side (0: both)."""
    if side >= 0:
        book.bid[:] = 0.0
        book.top.best_bid = NO_BID
    if side <= 0:
        book.ask[:] = 0.0
        book.top.best_ask = NO_ASK


@compiled
def _clear_known(book: Book) -> None:
    top = book.top
    n = book.bid.shape[0]
    if top.best_bid != NO_BID:
        _clear_ticks(book.bid, max(top.window_low, top.bid_known), top.best_bid)
    if top.best_ask != NO_ASK:
        _clear_ticks(book.ask, top.best_ask, min(top.window_low + n - 1, top.ask_known))
    top.best_bid, top.best_ask = NO_BID, NO_ASK


@compiled
def apply_snapshot(book: Book, inst: Rec, levels: NDArray[np.float64]) -> None:
    """Replace the book by a snapshot of shape (4, depth); beyond its last levels all is unknown."""
    top = book.top
    _clear_known(book)
    top.bid_known, top.ask_known = NO_ASK, NO_BID
    n = book.bid.shape[0]
    for side in (1, -1):
        row = 0 if side > 0 else 2
        ring = book.bid if side > 0 else book.ask
        for k in range(levels.shape[1]):
            px, qty = levels[row, k], levels[row + 1, k]
            if not (px > 0.0 and qty > 0.0):
                break
            tick = tick_near(inst, px)
            if k == 0:
                if not top.placed:
                    _place_window(book, tick)
                at = tick - top.window_low
                if at < n // 8 or at >= n - n // 8:
                    _place_window(book, tick)
                if side > 0:
                    top.best_bid = tick
                else:
                    top.best_ask = tick
            if tick < top.window_low or tick >= top.window_low + n:
                top.outside += 1
                break
            ring[tick & (n - 1)] += qty
            if side > 0:
                top.bid_known = tick
            else:
                top.ask_known = tick


@compiled
def set_best(book: Book, side: int, tick: int, qty: float) -> None:
    """The touch of `side` is `qty` at `tick`: better levels are gone."""
    top = book.top
    if side > 0 and top.best_bid != NO_BID and top.best_bid > tick:
        clear_through(book, 1, tick + 1)
    elif side < 0 and top.best_ask != NO_ASK and top.best_ask < tick:
        clear_through(book, -1, tick - 1)
    set_level(book, side, tick, qty)


@compiled
def erode(book: Book, aggressor: int, tick: int, qty: float) -> None:
    """A print consumes the level it happened at and voids the levels it must have passed."""
    top = book.top
    mask = book.bid.shape[0] - 1
    if aggressor > 0 and top.best_ask != NO_ASK and tick >= top.best_ask:
        if tick > top.best_ask:
            clear_through(book, -1, tick - 1)
        if tick == top.best_ask:
            left = book.ask[tick & mask] - qty
            set_level(book, -1, tick, max(left, 0.0))
    elif aggressor < 0 and top.best_bid != NO_BID and tick <= top.best_bid:
        if tick < top.best_bid:
            clear_through(book, 1, tick + 1)
        if tick == top.best_bid:
            left = book.bid[tick & mask] - qty
            set_level(book, 1, tick, max(left, 0.0))


@compiled
def apply_level(book: Book, inst: Rec, row: Rec) -> None:
    """Apply a DEPTH row."""
    set_level(book, row.side, tick_near(inst, row.px), row.qty)
    book.top.exch_ns = row.exch_ns
    book.top.recv_ns = row.recv_ns


@compiled
def apply_print(book: Book, inst: Rec, row: Rec) -> None:
    """A TRADE row consumes the book where prints erode it.

    A print no later than the last snapshot or best quote is already in what that showed.
    """
    if book.top.erode and row.exch_ns > book.top.snapshot_ns:
        erode(book, row.side, tick_near(inst, row.px), row.qty)


@compiled
def apply_row(book: Book, inst: Rec, row: Rec, snapshots: NDArray[np.float64]) -> None:
    """Apply a market row to the book; rows of other kinds leave it alone."""
    kind = row.kind
    if kind == DEPTH:
        apply_level(book, inst, row)
        return
    if kind == TRADE:
        apply_print(book, inst, row)
    elif kind == BBO:
        book.top.snapshot_ns = row.exch_ns
        if row.qty > 0.0:
            set_best(book, row.side, tick_near(inst, row.px), row.qty)
        else:
            clear_side(book, row.side)
    elif kind == SNAPSHOT:
        book.top.snapshot_ns = row.exch_ns
        apply_snapshot(book, inst, snapshots[row.ref])
    elif kind == CLEAR:
        if np.isnan(row.px):
            clear_side(book, row.side)
        else:
            clear_through(book, row.side, tick_near(inst, row.px))
    else:
        return
    book.top.exch_ns = row.exch_ns
    book.top.recv_ns = row.recv_ns
