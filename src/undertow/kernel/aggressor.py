"""Prints gathered into aggressor orders: one taker at one time is one order, however many prints.

Feeds name no taker, so prints of one side at one exchange time are one order (docs/model.md §1).
What it reached is its *deepest* print; it is complete when an event of a later exchange time
arrives, or a timer some time after. Each side gathers on its own, so the order of simultaneous
prints does not matter. How many levels it crossed is the number of distinct prices it printed at, up
to `N_LEVELS`; to count them in any order, the lowest `N_LEVELS` of its prices are kept, sorted.

Side index throughout the estimators: 0 the bid (hit by aggressor sells), 1 the ask.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import depth_bps, s_to_ns

N_LEVELS: Final = 32

AGGRESSOR: Final = np.dtype(
    [
        ("level_px", "<f8", (2, N_LEVELS)),  # distinct prices, ascending
        ("levels", "<i8", (2,)),  # how many; at most N_LEVELS
        ("exch_ns", "<i8", (2,)),
        ("recv_ns", "<i8", (2,)),  # of the latest print
        ("mid", "<f8", (2,)),  # before the order
        ("deepest_px", "<f8", (2,)),
        ("qty", "<f8", (2,)),
        ("prints", "<i8", (2,)),  # 0: no order is being gathered
    ],
    align=True,
)

AGGRESSOR_PARAMS: Final = np.dtype([("wait_ns", "<i8")], align=True)


def aggressor_params(*, wait_s: float = 0.1) -> Rec:
    """`wait_s`: after this long without a print of the block a timer may call an order complete."""
    require("aggressor", wait_s=wait_s)
    rec = new_record(AGGRESSOR_PARAMS)
    rec["wait_ns"] = s_to_ns(wait_s)
    return rec


@compiled(inline="always")
def side_index(maker_side: int) -> int:
    """0 for the bid (+1), 1 for the ask (−1)."""
    return 0 if maker_side > 0 else 1


@compiled(inline="always")
def maker_side(index: int) -> int:
    """+1 for index 0, −1 for index 1."""
    return 1 - 2 * index


@compiled
def is_complete(state: Rec, params: Rec, index: int, exch_ns: int, now_ns: int) -> bool:
    """Whether the order gathered on side `index` is over, seen from an event at `exch_ns`.

    For a timer pass ``exch_ns`` 0: then only the wait counts.
    """
    if state.prints[index] == 0:
        return False
    return exch_ns > state.exch_ns[index] or now_ns - state.recv_ns[index] > params.wait_ns


@compiled
def _count_level(state: Rec, index: int, px: float) -> None:
    """Note `px` among the distinct prices of the order on side `index`."""
    held = state.levels[index]
    at = held
    while at > 0 and state.level_px[index, at - 1] >= px:
        at -= 1
    if at == N_LEVELS or (at < held and state.level_px[index, at] == px):
        return
    for k in range(min(held, N_LEVELS - 1), at, -1):
        state.level_px[index, k] = state.level_px[index, k - 1]
    state.level_px[index, at] = px
    state.levels[index] = min(held + 1, N_LEVELS)


@compiled
def add_print(
    state: Rec, aggressor_side: int, exch_ns: int, recv_ns: int, px: float, qty: float, mid: float
) -> None:
    """Add a print to the order of its side; call after complete orders have been taken.

    `mid` is the mid before the block, read once, at the order's first print. Prints of unknown
    side, or with a price or size that is not positive and finite, are ignored.
    """
    if aggressor_side == 0 or not (0.0 < px < np.inf and 0.0 < qty < np.inf):
        return
    i = side_index(-aggressor_side)
    state.recv_ns[i] = recv_ns
    if state.prints[i] == 0:
        state.exch_ns[i] = exch_ns
        state.mid[i] = mid
        state.deepest_px[i] = px
        state.qty[i] = qty
        state.prints[i] = 1
        state.levels[i] = 0
        _count_level(state, i, px)
        return
    _count_level(state, i, px)
    state.prints[i] += 1
    state.qty[i] += qty
    if i == 0:
        state.deepest_px[i] = min(state.deepest_px[i], px)
    else:
        state.deepest_px[i] = max(state.deepest_px[i], px)


@compiled
def order_depth_bps(state: Rec, index: int) -> float:
    """Distance of the order's deepest print from the mid before it; NaN if that mid is unknown."""
    return depth_bps(state.deepest_px[index], state.mid[index], maker_side(index))


@compiled
def take_order(state: Rec, index: int) -> None:
    """Forget the order of side `index`: it has been counted."""
    state.prints[index] = 0
