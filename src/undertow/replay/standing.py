"""The market's resting orders by id: an open-addressed table of fixed size, probed linearly.

It is one record, like the book, so that compiled code counts no references to it
(docs/decisions/0010); where no order ids exist its memory is never touched. An entry is found,
written and removed in constant time. Removal moves later entries of a run up
(Knuth, The Art of Computer Programming 3, §6.4, Algorithm R), so no graves are left. An order voided
by a CLEAR row keeps its entry, for the image that follows may show that it still stands.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.records import Rec

FREE: Final = 0
STANDS: Final = 1
VOID: Final = 2
SLOTS: Final = 131_072
MOST: Final = SLOTS // 8 * 7
"""Most orders that may stand at one time."""

STANDING: Final = np.dtype(
    [
        ("id", "<i8"),
        ("tick", "<i8"),
        ("place", "<i8"),  # in the order of arrival of all orders, ours too
        ("qty", "<f8"),
        ("side", "i1"),
        ("state", "u1"),
    ],
    align=True,
)
"""A market order. `state`: FREE (no entry), STANDS, or VOID since a CLEAR row."""

STANDING_ORDERS: Final = np.dtype([("taken", "<i8"), ("slots", STANDING, (SLOTS,))], align=True)
"""The table and how many of its entries are taken."""


@compiled
def _home(slots: NDArray[np.void], order_id: int) -> int:
    """Where the entry of an id would best stand (the finaliser of MurmurHash3)."""
    x = np.uint64(order_id)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return np.int64(x & np.uint64(slots.shape[0] - 1))  # type: ignore[return-value]


@compiled
def slot_of(slots: NDArray[np.void], order_id: int) -> int:
    """Place of the id's entry, or the free place where it would go."""
    at = _home(slots, order_id)
    while slots[at].state != FREE and slots[at].id != order_id:
        at = (at + 1) & (slots.shape[0] - 1)
    return at


@compiled
def write(order: Rec, order_id: int, side: int, tick: int, qty: float, place: int) -> None:
    """Fill an entry."""
    order.id = order_id
    order.side = side
    order.tick = tick
    order.qty = qty
    order.place = place
    order.state = STANDS


@compiled
def remove(slots: NDArray[np.void], at: int) -> None:
    """Take out the entry at `at`; those that had to make way for it move up."""
    mask = slots.shape[0] - 1
    gap = at
    k = (at + 1) & mask
    while slots[k].state != FREE:
        home = _home(slots, slots[k].id)
        if ((k - home) & mask) >= ((k - gap) & mask):
            slots[gap] = slots[k]
            gap = k
        k = (k + 1) & mask
    slots[gap].state = FREE


def drop_void(table: Rec) -> None:
    """Forget the orders that are void; `ValueError` if those that stand are too many all the same."""
    old = table["slots"].copy()
    alive = old[old["state"] == STANDS]
    if len(alive) >= MOST:
        raise ValueError(f"more than {MOST} orders stand at one time; that is more than 'fifo' can follow")
    table["slots"]["state"] = FREE
    for order in alive:
        table["slots"][slot_of(table["slots"], order["id"])] = order
    table["taken"] = len(alive)
