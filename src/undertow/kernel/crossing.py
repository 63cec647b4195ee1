"""Quotes that run over a resting order: fills without a print.

When the market moves faster than a maker can react, the opposite touch comes to where the maker's
order still stands, and whoever quotes there takes it. No print of the recorded market shows that, since
the order was not in it. So besides aggressor orders the *touch* is watched: on side s the reach is

    reach = distance of the opposite touch beyond the mid the maker could have acted on, bps

A stretch of positive reach is one event, as deep as its deepest moment, and one more for every reaction
time it lasts: the maker has priced another order by then. It counts like an aggressor order that reached
this depth (fill intensity, markouts), but not for order sizes or flow. What a print of that side has
reached within the reaction time is already counted as an order: only a deeper reach is an event of its
own. Without latency reach is never positive.

Source: docs/model.md §2 (Λ is the rate of being *filled* at a depth), for a maker with latency.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec

CROSSING: Final = np.dtype(
    [
        ("deepest_bps", "<f8", (2,)),  # of the stretch under way, 0 if none; side 0 bid, 1 ask
        ("began_ns", "<i8", (2,)),  # exchange time it began
        ("mid", "<f8", (2,)),  # the actionable mid at its deepest moment
        ("time_ns", "<i8", (2,)),  # exchange time of that moment
        ("recv_ns", "<i8", (2,)),
        ("printed_bps", "<f8", (2,)),  # depth of the deepest order lately
        ("printed_ns", "<i8", (2,)),
        ("ended", "u1", (2,)),  # a stretch is over and has not been taken
    ],
    align=True,
)


@compiled
def crossing_order(state: Rec, index: int, depth: float, exch_ns: int, lag_ns: int) -> None:
    """An aggressor order reached `depth` bps on side `index`: shallower crossings are part of it."""
    if not abs(depth) < np.inf:
        return
    if exch_ns - state.printed_ns[index] > lag_ns or depth >= state.printed_bps[index]:
        state.printed_bps[index] = depth
        state.printed_ns[index] = exch_ns


@compiled
def crossing_look(
    state: Rec, index: int, reach: float, mid: float, exch_ns: int, now_ns: int, lag_ns: int
) -> None:
    """The opposite touch stands `reach` bps beyond the actionable `mid` on side `index`; NaN: no look."""
    if np.isnan(reach):
        return
    if state.deepest_bps[index] > 0.0 and exch_ns - state.began_ns[index] > lag_ns:
        reach = 0.0  # it goes on, as another event
    if reach > 0.0:
        if state.deepest_bps[index] == 0.0:
            state.began_ns[index] = exch_ns
        if reach > state.deepest_bps[index]:
            state.deepest_bps[index] = reach
            state.mid[index] = mid
            state.time_ns[index] = exch_ns
            state.recv_ns[index] = now_ns
        return
    if state.deepest_bps[index] > 0.0:
        recent = state.time_ns[index] - state.printed_ns[index] <= lag_ns
        if recent and state.deepest_bps[index] <= state.printed_bps[index]:
            state.deepest_bps[index] = 0.0
        else:
            state.ended[index] = 1


@compiled
def take_crossing(state: Rec, index: int) -> None:
    """Forget the stretch of side `index`: it has been counted."""
    state.deepest_bps[index] = 0.0
    state.ended[index] = 0
