"""The market's resting orders by id: an open-addressed table, probed linearly, kept half empty.

An entry is found, written and removed in constant time. Removal moves later entries of a run up
(Knuth, The Art of Computer Programming 3, §6.4, Algorithm R), so no graves are left. An order voided
by a CLEAR row keeps its entry, for the image that follows may show that it still stands.
"""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.records import Rec

FREE: Final = 0
STANDS: Final = 1
VOID: Final = 2
FEWEST: Final = 8_192

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


@nb.njit(cache=True)
def _home(standing: NDArray[np.void], order_id: int) -> int:
    """Where the entry of an id would best stand (the finaliser of MurmurHash3)."""
    x = np.uint64(order_id)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return np.int64(x & np.uint64(standing.shape[0] - 1))  # type: ignore[return-value]


@nb.njit(cache=True)
def slot_of(standing: NDArray[np.void], order_id: int) -> int:
    """Place of the id's entry, or the free place where it would go."""
    at = _home(standing, order_id)
    while standing[at].state != FREE and standing[at].id != order_id:
        at = (at + 1) & (standing.shape[0] - 1)
    return at


@nb.njit(cache=True)
def write(order: Rec, order_id: int, side: int, tick: int, qty: float, place: int) -> None:
    """Fill an entry."""
    order.id = order_id
    order.side = side
    order.tick = tick
    order.qty = qty
    order.place = place
    order.state = STANDS


@nb.njit(cache=True)
def remove(standing: NDArray[np.void], at: int) -> None:
    """Take out the entry at `at`; those that had to make way for it move up."""
    mask = standing.shape[0] - 1
    gap = at
    k = (at + 1) & mask
    while standing[k].state != FREE:
        home = _home(standing, standing[k].id)
        if ((k - home) & mask) >= ((k - gap) & mask):
            standing[gap] = standing[k]
            gap = k
        k = (k + 1) & mask
    standing[gap].state = FREE


@nb.njit(cache=True)
def _copy_standing(old: NDArray[np.void], new: NDArray[np.void]) -> None:
    for k in range(old.shape[0]):
        if old[k].state == STANDS:
            new[slot_of(new, old[k].id)] = old[k]


def roomier(standing: NDArray[np.void]) -> NDArray[np.void]:
    """The table without its voided entries, with twice the room if it still needs it."""
    alive = int(np.count_nonzero(standing["state"] == STANDS))
    room = len(standing) if 4 * alive < len(standing) else 2 * len(standing)
    new = np.zeros(room, dtype=STANDING)
    _copy_standing(standing, new)
    return new
