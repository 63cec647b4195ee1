"""The coming funding settlements: when, and what each is expected to cost a long.

The next settlement has the last predicted rate (or, before any prediction, the last settled one);
the following ones decay towards zero with a half-life in settlements:

    F_n = 10⁴ · rate · 2^(−(n − 1)/half-life)      bps of notional, paid by a long

A settlement time that has passed without a newer prediction rolls forward by whole intervals;
before any time is known, settlements fall on whole intervals since the epoch (Hyperliquid: on the
hour). Rates that are not finite are ignored, others held within ±`max_rate`. docs/model.md §2: the
sum over settlements makes one honest step of F_n when a settlement passes.
"""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.kernel.ewma import clip, decay
from undertow.kernel.inputs import MAX_SETTLEMENTS
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

FUNDING_STATE: Final = np.dtype(
    [
        ("rate", "<f8"),  # expected at the coming settlement, fraction per interval
        ("next_ns", "<i8"),  # its time, 0 if unknown
        ("settled_rate", "<f8"),
        ("settled_ns", "<i8"),
        ("known", "u1"),
    ],
    align=True,
)

FUNDING_PARAMS: Final = np.dtype(
    [("settlements", "<i8"), ("half_life", "<f8"), ("max_rate", "<f8")], align=True
)


def funding_params(
    *, settlements: int = 3, half_life_settlements: float = 8.0, max_rate: float = 0.04
) -> Rec:
    """Settlements to look ahead (1–24), decay of the expectation, bound of a rate (fraction)."""
    if not 1 <= settlements <= MAX_SETTLEMENTS:
        raise ValueError(f"funding: settlements = {settlements} must lie in 1..{MAX_SETTLEMENTS}")
    require("funding", half_life_settlements=half_life_settlements, max_rate=max_rate)
    rec = new_record(FUNDING_PARAMS)
    rec["settlements"], rec["half_life"], rec["max_rate"] = settlements, half_life_settlements, max_rate
    return rec


@nb.njit(cache=True)
def funding_predicted(state: Rec, params: Rec, rate: float, next_ns: int) -> None:
    """A FUNDING_RATE row: `rate` (fraction) is expected at `next_ns` (≤ 0: time unknown)."""
    if not abs(rate) < np.inf:
        return
    state.rate = clip(rate, -params.max_rate, params.max_rate)
    state.known = 1
    if next_ns > 0:
        state.next_ns = next_ns


@nb.njit(cache=True)
def funding_settled(state: Rec, params: Rec, inst: Rec, rate: float, exch_ns: int) -> None:
    """A FUNDING row: `rate` was charged at `exch_ns`; the next settlement is one interval on."""
    if not abs(rate) < np.inf or exch_ns < state.settled_ns:
        return
    state.settled_rate = clip(rate, -params.max_rate, params.max_rate)
    state.settled_ns = exch_ns
    if not state.known:
        state.rate = state.settled_rate
        state.known = 1
    state.next_ns = max(state.next_ns, exch_ns + inst.funding_interval_ns)


@nb.njit(cache=True)
def funding_schedule(
    state: Rec,
    params: Rec,
    inst: Rec,
    now_ns: int,
    funding_bps: NDArray[np.float64],
    funding_in_s: NDArray[np.float64],
) -> int:
    """Write F_n (bps) and t_n (s from now, > 0) of the coming settlements; returns how many.

    None while no rate is known.
    """
    if not state.known:
        return 0
    interval_ns = inst.funding_interval_ns
    next_ns = state.next_ns
    if next_ns <= now_ns:
        next_ns += ((now_ns - next_ns) // interval_ns + 1) * interval_ns
    kept = decay(1.0, params.half_life)
    rate_bps = 1e4 * state.rate
    first_s = seconds_between(now_ns, next_ns)
    for n in range(params.settlements):
        funding_bps[n] = rate_bps
        funding_in_s[n] = first_s + n * interval_ns * 1e-9
        rate_bps *= kept
    return params.settlements
