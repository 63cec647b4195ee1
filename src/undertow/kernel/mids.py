"""The recent mids by exchange time, so that a print or a fill finds the mid *before* it.

A print's own message may reach the maker after the book it has already moved (both carry the time
of their block), and own fills arrive later still. Distances and markouts are measured from the
last mid that is strictly older than the event at the exchange.

State `MIDS`: a ring of the last 256 *changes* of the mid. Constant memory, no parameters.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec

N_MIDS: Final = 256

MIDS: Final = np.dtype(
    [
        ("exch_ns", "<i8", (N_MIDS,)),
        ("px", "<f8", (N_MIDS,)),
        ("last", "<i8"),  # slot of the newest
        ("held", "<i8"),
    ],
    align=True,
)


@compiled
def push_mid(state: Rec, exch_ns: int, mid: float) -> None:
    """Note that the mid is `mid` since `exch_ns`. Unchanged, NaN, infinite or ≤ 0: no update.

    A mid no newer than the last one replaces it: of one block, the last word stands.
    """
    if not (0.0 < mid < np.inf):
        return
    at = state.last
    if state.held > 0:
        if mid == state.px[at]:
            return
        if exch_ns <= state.exch_ns[at]:
            state.px[at] = mid
            return
        at = (at + 1) & (N_MIDS - 1)
    state.exch_ns[at] = exch_ns
    state.px[at] = mid
    state.last = at
    if state.held < N_MIDS:
        state.held += 1


@compiled
def mid_before(state: Rec, exch_ns: int) -> float:
    """The mid just before `exch_ns`; NaN if none is that old, the oldest held if the ring is full."""
    at = state.last
    for _ in range(state.held):
        if state.exch_ns[at] < exch_ns:
            return state.px[at]
        at = (at - 1) & (N_MIDS - 1)
    if state.held == N_MIDS:
        return state.px[(state.last + 1) & (N_MIDS - 1)]
    return np.nan


@compiled
def last_mid(state: Rec) -> float:
    """The newest mid, NaN before the first."""
    return state.px[state.last] if state.held > 0 else np.nan
