"""One side of a book as a list of levels, best first, and what prints and best quotes do to it.

A level is ``(key, qty)`` with ``key = -side·px``: keys grow away from the touch on either side, so one
set of functions serves both. The rules are those of `undertow.kernel.l2book`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

Level: TypeAlias = tuple[float, float]
Levels: TypeAlias = list[Level]


def erode(levels: Levels, key: float, qty: float) -> None:
    """A print of `qty` at `key` voids the levels it passed and consumes the one it happened at."""
    if not levels or key < levels[0][0]:
        return
    at = bisect_left(levels, (key,))
    if at:
        del levels[:at]
    if levels and levels[0][0] == key:
        left = levels[0][1] - qty
        if left > 0.0:
            levels[0] = (key, left)
        else:
            del levels[0]


def set_best(levels: Levels, best: Level | None) -> Levels:
    """A new list: `levels` with the touch at `best` (None: the side is empty)."""
    if best is None:
        return []
    at = bisect_left(levels, (best[0],))
    if at < len(levels) and levels[at][0] == best[0]:
        at += 1
    return [best, *levels[at:]]


def cross(levels: Levels, opposite_touch: float) -> None:
    """Void the levels that a touch of the other side at `opposite_touch` (its key) has crossed."""
    at = bisect_left(levels, (-opposite_touch,))
    if at < len(levels) and levels[at][0] == -opposite_touch:
        at += 1
    if at:
        del levels[:at]
