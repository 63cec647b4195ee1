"""The short-lived alphas of recent decisions, so that a fill is judged net of what was priced then.

What the reservation price already carried when an order was priced is not adverse selection
(docs/model.md §3: "net of the μ̂ already priced"). An order that is met now was priced one reaction
time ago (`kernel.reaction`), with the alpha of that moment. A ring of the last 128 decisions: the
total move the alphas expected, and the part of it that they expected within a reaction time, bps. Constant
memory, no parameters.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec

N_PAST: Final = 128

ALPHA_PAST: Final = np.dtype(
    [
        ("time_ns", "<i8", (N_PAST,)),
        ("alpha_bps", "<f8", (N_PAST,)),
        ("soon_bps", "<f8", (N_PAST,)),
        ("last", "<i8"),
        ("held", "<i8"),
    ],
    align=True,
)


@compiled
def push_alpha(state: Rec, now_ns: int, alpha_bps: float, soon_bps: float) -> None:
    """Note the alpha of a decision taken now; not finite, or time that runs backwards: no update."""
    if not (abs(alpha_bps) < np.inf and abs(soon_bps) < np.inf):
        return
    at = state.last
    if state.held > 0:
        if now_ns <= state.time_ns[at]:
            return
        at = (at + 1) & (N_PAST - 1)
    state.time_ns[at] = now_ns
    state.alpha_bps[at] = alpha_bps
    state.soon_bps[at] = soon_bps
    state.last = at
    if state.held < N_PAST:
        state.held += 1


@compiled
def alpha_at(state: Rec, time_ns: int) -> tuple[float, float]:
    """(total, soon) of the last decision at or before `time_ns`, else of the oldest held; 0, 0 if empty."""
    if state.held == 0:
        return 0.0, 0.0
    at = state.last
    for _ in range(state.held - 1):
        if state.time_ns[at] <= time_ns:
            break
        at = (at - 1) & (N_PAST - 1)
    return state.alpha_bps[at], state.soon_bps[at]
