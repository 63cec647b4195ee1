"""One row in, actions out: the only way events reach a maker, in replay, paper and live alike.

`dispatch` is a template. The six entrances below stand for a maker's own; `undertow.maker.bind`
replaces them and compiles the result, so the maker is inlined into whatever loop calls it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import ACK, BBO, DEPTH, END, FILL, FUNDING, ORDER_ADD, TIMER, TRADE
from undertow.kernel.desk import desk_row
from undertow.kernel.l2book import Book, apply_level, apply_row
from undertow.records import Rec

DECIDE: Final = -1
"""What an entrance returns to have ``on_timer`` called at once."""


@compiled
def unheard(desk: Rec, inst: Rec, book: Book, row: Rec) -> bool:
    """Take in a row that no entrance hears of: a level that does not end its message.

    Returns whether `row` was one. Nearly all rows of a feed of diffs are; loops spare themselves
    the call of `dispatch` for them, which would do the same.
    """
    if row.kind != DEPTH or row.flags & END:
        return False
    desk.now_ns = row.recv_ns
    apply_level(book, inst, row)
    return True


def _entrance(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Placeholder of an entrance: sees one row, writes actions, returns how many."""
    raise AssertionError("an entrance was not bound")


on_book = on_trade = on_fill = on_ack = on_funding = on_timer = _entrance


def dispatch(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    row: Rec,
    snapshots: NDArray[np.float64],
    actions: NDArray[np.void],
) -> int:
    """Show `row` to the maker's book and desk, then to the maker; returns the number of actions.

    ``on_book`` after the last row of a book message, of levels or of orders; ``on_trade`` at each
    print, before the book loses what it consumed (where prints erode the book); ``on_funding`` for
    funding, mark, oracle, open interest, reference prices and gaps. An entrance that returns `DECIDE`
    has ``on_timer`` called with the same row: a maker driven by events need not hold its decision in
    every entrance.
    """
    state.desk.now_ns = row.recv_ns
    kind = row.kind
    n = 0
    if kind == TRADE:
        n = on_trade(state, params, inst, book, row, actions)
        apply_row(book, inst, row, snapshots)
    elif kind <= BBO or kind >= ORDER_ADD:
        apply_row(book, inst, row, snapshots)  # the sums of order-level rows stand beside them
        if row.flags & END:
            n = on_book(state, params, inst, book, row, actions)
    elif kind == TIMER:
        n = DECIDE
    elif kind == FILL:
        desk_row(state.desk, inst, row)
        n = on_fill(state, params, inst, book, row, actions)
    elif kind == ACK:
        desk_row(state.desk, inst, row)
        n = on_ack(state, params, inst, book, row, actions)
    else:
        if kind == FUNDING:
            desk_row(state.desk, inst, row)
        n = on_funding(state, params, inst, book, row, actions)
    if n == DECIDE:
        return on_timer(state, params, inst, book, row, actions)
    return n
