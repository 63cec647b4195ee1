"""What a quantity was a while ago: a ring of samples just dense enough for one window.

Samples are kept no closer than a 48th of the window, 64 of them, so the ring spans at least four
thirds of it. `lagged` answers with the value that stood the window ago, or with the oldest held
while the ring is younger (a partial window), and with the time it is from: differences are taken
over the time that has really passed. Constant memory, no parameters but the window.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec

N_SAMPLES: Final = 64
PER_WINDOW: Final = 48

LAGGED: Final = np.dtype(
    [
        ("at_ns", "<i8", (N_SAMPLES,)),
        ("value", "<f8", (N_SAMPLES,)),
        ("last", "<i8"),  # slot of the newest
        ("held", "<i8"),
    ],
    align=True,
)


@compiled
def lag_clear(state: Rec) -> None:
    """Forget all samples (a gap)."""
    state.held = 0


@compiled
def lag_push(state: Rec, window_ns: int, now_ns: int, value: float) -> None:
    """Note that the quantity is `value` since `now_ns`.

    Not finite, too soon after the last sample, or not later than it: no update.
    """
    if not abs(value) < np.inf:
        return
    if state.held > 0:
        since_ns = now_ns - state.at_ns[state.last]
        if since_ns <= 0 or since_ns * PER_WINDOW < window_ns:
            return
        state.last = (state.last + 1) & (N_SAMPLES - 1)
    state.at_ns[state.last] = now_ns
    state.value[state.last] = value
    if state.held < N_SAMPLES:
        state.held += 1


@compiled
def lagged(state: Rec, window_ns: int, now_ns: int) -> tuple[float, float]:
    """(value then, seconds since then), NaN and 0 without a sample before `now_ns`."""
    if state.held == 0:
        return np.nan, 0.0
    then_ns = now_ns - window_ns
    low, high = 0, state.held - 1  # samples back from the newest: find the fewest that are old enough
    while low < high:
        middle = (low + high) // 2
        if state.at_ns[(state.last - middle) & (N_SAMPLES - 1)] <= then_ns:
            high = middle
        else:
            low = middle + 1
    slot = (state.last - low) & (N_SAMPLES - 1)
    elapsed_s = (now_ns - state.at_ns[slot]) * 1e-9
    if elapsed_s <= 0.0:
        return np.nan, 0.0
    return state.value[slot], elapsed_s
