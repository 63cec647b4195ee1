"""Even ladders of post-only orders: cancel what is no longer wanted, send what is missing.

A ladder is `levels` ticks from `top` outwards, `gap` ticks apart. One tick holds at most one own
order, whatever its side and status, so an order whose cancel is on its way still blocks its price
(the rule of the hftbacktest tutorials, whose order id is the tick).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.desk import LIVE, POST_ONLY, put_cancel, put_new
from undertow.records import Rec


@compiled
def rung_of(side: int, top: int, gap: int, levels: int, tick: int) -> int:
    """Number of the rung at `tick` (0 is the best), -1 if the ladder has none there."""
    distance = (top - tick) * side
    if distance < 0 or distance % gap != 0 or distance // gap >= levels:
        return -1
    return distance // gap


@compiled
def has_order_at(desk: Rec, tick: int) -> bool:
    """Whether any working order, of either side and in any status, stands at `tick`."""
    for slot in range(desk.n_working):  # noqa: SIM110
        if desk.working[slot].tick == tick:
            return True
    return False


@compiled
def cancel_others(
    desk: Rec, actions: NDArray[np.void], n: int, side: int, top: int, gap: int, levels: int
) -> int:
    """Cancel the live orders of `side` that stand on no rung; returns the number of actions."""
    for slot in range(desk.n_working):
        order = desk.working[slot]
        if order.side == side and order.status == LIVE and rung_of(side, top, gap, levels, order.tick) < 0:
            n = put_cancel(desk, actions, n, slot)
    return n


@compiled
def send_missing(
    desk: Rec,
    actions: NDArray[np.void],
    n: int,
    side: int,
    top: int,
    gap: int,
    levels: int,
    qty: float,
) -> int:
    """Send a post-only order for every rung without one; returns the number of actions."""
    for k in range(levels):
        tick = top - side * gap * k
        if tick > 0 and not has_order_at(desk, tick):
            n = put_new(desk, actions, n, side, tick, qty, POST_ONLY, False, k, np.nan, np.nan)
    return n
