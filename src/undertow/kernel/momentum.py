"""Momentum: the mid's signed return over 100, 500 and 2000 ms, and knives.

    momentum_w(t) = 10⁴·ln( mid(t)/mid(t − w) )                       bps; w = 100, 500, 2000 ms
    falling = min(|momentum_500|/20 bps, 2) if all windows fell, else 0;  rising mirrored
    knife   = rising − falling

A ring of the last `N_SLOTS` mids by receive time. Mids that come within longest window/(N_SLOTS − 2)
of the start of the newest slot (3.9 ms by default) replace the mid in it, so the ring always reaches
back over the longest window, however fast the feed; what that costs is that mid(t − w) may be the mid
up to 3.9 ms *after* t − w. Feeds slower than one mid per 3.9 ms lose nothing.

A window that begins before the first mid is NaN, and so are the scores. Looks more than `gap_s` apart
have a gap between them: the ring starts anew, no return reaches across. A mid that is not positive
and finite, and time that runs backwards, change nothing; of one time the last word stands.

Source: docs/model.md §5 and §8 (the score reads the 500 ms window, not the shortest one).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import ms_to_ns, s_to_ns

N_SLOTS: Final = 512
N_WINDOWS: Final = 3
KNIFE_WINDOW: Final = 1
MAX_KNIFE: Final = 2.0

MOMENTUM: Final = np.dtype(
    [
        ("start_ns", "<i8", (N_SLOTS,)),
        ("px", "<f8", (N_SLOTS,)),
        ("last", "<i8"),  # slot of the newest
        ("held", "<i8"),
        ("look_ns", "<i8"),
    ],
    align=True,
)

MOMENTUM_PARAMS: Final = np.dtype(
    [("window_ns", "<i8", (N_WINDOWS,)), ("spacing_ns", "<i8"), ("gap_ns", "<i8"), ("knife_bps", "<f8")],
    align=True,
)


def momentum_params(
    *,
    windows_ms: tuple[float, float, float] = (100.0, 500.0, 2000.0),
    knife_bps: float = 20.0,
    gap_s: float = 10.0,
) -> Rec:
    """Windows in ms (increasing), the move of the middle one that scores 1, and what is a gap."""
    short, middle, long = windows_ms
    require("momentum", short_ms=short, middle_ms=middle, long_ms=long, knife_bps=knife_bps, gap_s=gap_s)
    if not short < middle < long:
        raise ValueError(f"momentum: windows_ms = {windows_ms} must increase")
    rec = new_record(MOMENTUM_PARAMS)
    rec["window_ns"] = [ms_to_ns(w) for w in windows_ms]
    rec["spacing_ns"] = ms_to_ns(long / (N_SLOTS - 2)) + 1
    rec["knife_bps"], rec["gap_ns"] = knife_bps, s_to_ns(gap_s)
    return rec


@compiled
def momentum_gap(state: Rec) -> None:
    """The feed reports a gap: forget all mids."""
    state.held = 0


@compiled
def momentum_look(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """The mid is `mid` as of `now_ns`; call at every book message, changed or not."""
    if not (0.0 < mid < np.inf):
        return
    if state.held > 0:
        if now_ns < state.look_ns:
            return
        if now_ns - state.look_ns > params.gap_ns:
            state.held = 0
    state.look_ns = now_ns
    at = state.last
    if state.held > 0:
        if mid == state.px[at]:
            return
        if now_ns - state.start_ns[at] < params.spacing_ns:
            state.px[at] = mid
            return
        at = (at + 1) & (N_SLOTS - 1)
    state.start_ns[at] = now_ns
    state.px[at] = mid
    state.last = at
    if state.held < N_SLOTS:
        state.held += 1


@compiled
def _mid_at(state: Rec, then_ns: int) -> float:
    """The mid that stood at `then_ns`; NaN if none held is that old."""
    low, high = 0, state.held  # age in slots: the youngest that began by `then_ns`
    while low < high:
        age = (low + high) // 2
        if state.start_ns[(state.last - age) & (N_SLOTS - 1)] <= then_ns:
            high = age
        else:
            low = age + 1
    if low == state.held:
        return np.nan
    return state.px[(state.last - low) & (N_SLOTS - 1)]


@compiled
def momentum_bps(state: Rec, params: Rec, window: int, now_ns: int) -> float:
    """Return of the mid over window 0, 1 or 2 up to `now_ns`, bps; NaN while not that much is known."""
    if state.held == 0 or now_ns < state.look_ns or now_ns - state.look_ns > params.gap_ns:
        return np.nan
    return 1e4 * math.log(state.px[state.last] / _mid_at(state, now_ns - params.window_ns[window]))


@compiled
def _knife(state: Rec, params: Rec, sign: float, now_ns: int) -> float:
    for window in range(N_WINDOWS):
        move = momentum_bps(state, params, window, now_ns)
        if np.isnan(move):
            return np.nan
        if not sign * move > 0.0:
            return 0.0
    return min(abs(momentum_bps(state, params, KNIFE_WINDOW, now_ns)) / params.knife_bps, MAX_KNIFE)


@compiled
def falling_knife(state: Rec, params: Rec, now_ns: int) -> float:
    """0 unless the mid fell over all windows; 1 is 20 bps in the middle one, 2 the most. NaN: unknown."""
    return _knife(state, params, -1.0, now_ns)


@compiled
def rising_knife(state: Rec, params: Rec, now_ns: int) -> float:
    """The same of a rise."""
    return _knife(state, params, 1.0, now_ns)


@compiled
def knife(state: Rec, params: Rec, now_ns: int) -> float:
    """Rising − falling knife score, within ±2."""
    return rising_knife(state, params, now_ns) - falling_knife(state, params, now_ns)
