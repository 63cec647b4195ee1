"""The coming funding settlements: when, and what each is expected to cost a long.

The next settlement is a forecast from what is known, the following ones decay towards zero with a
half-life in settlements:

    f̂   = w_c·current + w_p·predicted + w_e·EWMA,   w = (.2, .6, .2)·(1 − s) + (0, 1, 0)·s
    F_n = 10⁴ · f̂ · 2^(−(n − 1)/half-life)      bps of notional, paid by a long

`current` is the last settled rate, EWMA that of settled rates, `predicted` the venue's word for the
coming one, s the share of the interval that has passed: the venue averages over the interval, so
that much of the rate is already known. Weights of what is not known go to what is. A prediction is
spent when its settlement comes: until the next one `current` and EWMA speak.

A settlement time that has passed without a newer prediction rolls forward by whole intervals;
before any time is known, settlements fall on whole intervals since the epoch (Hyperliquid: on the
hour). Rates that are not finite are ignored, others held within ±`max_rate`. docs/model.md §2: the
sum over settlements makes one honest step of F_n when a settlement passes. Settled rates of a day
are kept in a ring for `funding_view`, one an interval (the last word of an interval stands).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, clip, decay, irregular_weight
from undertow.kernel.inputs import MAX_SETTLEMENTS
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

N_SETTLED: Final = 32

FUNDING_STATE: Final = np.dtype(
    [
        ("rate", "<f8"),  # the venue's word for the coming settlement, fraction per interval
        ("next_ns", "<i8"),  # its time, 0 if unknown
        ("settled_rate", "<f8"),
        ("settled_ns", "<i8"),
        ("usual_rate", "<f8"),  # EWMA of settled rates
        ("day_rate", "<f8", (N_SETTLED,)),  # settled rates, a ring
        ("day_ns", "<i8", (N_SETTLED,)),
        ("day_last", "<i8"),
        ("day_held", "<i8"),
        ("predicted", "u1"),  # `rate` is of a settlement to come
        ("settled", "u1"),  # a settlement has been seen
    ],
    align=True,
)

FUNDING_PARAMS: Final = np.dtype(
    [
        ("settlements", "<i8"),
        ("half_life", "<f8"),
        ("max_rate", "<f8"),
        ("current_weight", "<f8"),
        ("usual_weight", "<f8"),
        ("usual_half_life_s", "<f8"),
        # what `funding_view` needs
        ("day_s", "<f8"),
        ("min_observations", "<i8"),
        ("min_deviation", "<f8"),
        ("max_score", "<f8"),
    ],
    align=True,
)


def funding_params(
    *,
    settlements: int = 3,
    half_life_settlements: float = 8.0,
    max_rate: float = 0.04,
    current_weight: float = 0.2,
    usual_weight: float = 0.2,
    usual_half_life_s: float = 28_800.0,
    day_s: float = 86_400.0,
    min_observations: int = 3,
    min_deviation: float = 1e-6,
    max_score: float = 5.0,
) -> Rec:
    """Settlements to look ahead (1–24), decay of the expectation, bound of a rate (fraction);
    weights of current and EWMA far from a settlement; window, silence and bounds of the z-score.
    """
    if not 1 <= settlements <= MAX_SETTLEMENTS:
        raise ValueError(f"funding: settlements = {settlements} must lie in 1..{MAX_SETTLEMENTS}")
    require("funding", half_life_settlements=half_life_settlements, max_rate=max_rate)
    require("funding", usual_half_life_s=usual_half_life_s, day_s=day_s)
    require("funding", min_deviation=min_deviation, max_score=max_score)
    require("funding", low=1.0, high=float(N_SETTLED), min_observations=min_observations)
    require_not_negative("funding", current_weight=current_weight, usual_weight=usual_weight)
    if not current_weight + usual_weight < 1.0:
        raise ValueError("funding: current_weight + usual_weight must be below 1")
    rec = new_record(FUNDING_PARAMS)
    rec["settlements"], rec["half_life"], rec["max_rate"] = settlements, half_life_settlements, max_rate
    rec["current_weight"], rec["usual_weight"] = current_weight, usual_weight
    rec["usual_half_life_s"], rec["day_s"] = usual_half_life_s, day_s
    rec["min_observations"], rec["min_deviation"] = min_observations, min_deviation
    rec["max_score"] = max_score
    return rec


@compiled
def funding_predicted(state: Rec, params: Rec, rate: float, next_ns: int) -> None:
    """A FUNDING_RATE row: `rate` (fraction) is expected at `next_ns` (≤ 0: time unknown)."""
    if not abs(rate) < np.inf or (0 < next_ns <= state.settled_ns):
        return
    state.rate = clip(rate, -params.max_rate, params.max_rate)
    state.predicted = 1
    if next_ns > 0:
        state.next_ns = next_ns


@compiled
def _keep_settled(state: Rec, inst: Rec, exch_ns: int) -> None:
    """Put the settled rate into the day's ring; half an interval after the last it is a new one."""
    if state.day_held > 0:
        since_ns = exch_ns - state.day_ns[state.day_last]
        if 2 * since_ns >= inst.funding_interval_ns:
            state.day_last = (state.day_last + 1) % N_SETTLED
            state.day_held = min(state.day_held + 1, N_SETTLED)
    else:
        state.day_held = 1
    state.day_rate[state.day_last] = state.settled_rate
    state.day_ns[state.day_last] = exch_ns


@compiled
def funding_settled(state: Rec, params: Rec, inst: Rec, rate: float, exch_ns: int) -> None:
    """A FUNDING row: `rate` was charged at `exch_ns`; the next settlement is one interval on."""
    if not abs(rate) < np.inf or exch_ns < state.settled_ns:
        return
    held = clip(rate, -params.max_rate, params.max_rate)
    weight = irregular_weight(0.0, seconds_between(state.settled_ns, exch_ns), params.usual_half_life_s)
    state.usual_rate = blend(state.usual_rate, held, weight) if state.settled else held
    state.settled_rate = held
    state.settled_ns = exch_ns
    state.settled = 1
    if state.next_ns <= exch_ns:
        state.predicted = 0  # what it foretold has come
    state.next_ns = max(state.next_ns, exch_ns + inst.funding_interval_ns)
    _keep_settled(state, inst, exch_ns)


@compiled
def next_settlement_ns(state: Rec, inst: Rec, now_ns: int) -> int:
    """Time of the first settlement after `now_ns`."""
    interval_ns = inst.funding_interval_ns
    next_ns = state.next_ns
    if next_ns <= now_ns:
        next_ns += ((now_ns - next_ns) // interval_ns + 1) * interval_ns
    return next_ns


@compiled
def funding_forecast(state: Rec, params: Rec, inst: Rec, now_ns: int) -> float:
    """f̂ of the coming settlement, fraction per interval; NaN while no rate is known.

    The share of the interval that has passed is taken from the clock, so f̂ moves continuously
    towards the prediction; it starts anew when a settlement passes.
    """
    if not (state.predicted or state.settled):
        return np.nan
    if not state.settled:
        return state.rate
    current, usual = params.current_weight, params.usual_weight
    if not state.predicted:
        spoken = current + usual
        if spoken == 0.0:
            return state.settled_rate
        return (current * state.settled_rate + usual * state.usual_rate) / spoken
    left_s = seconds_between(now_ns, next_settlement_ns(state, inst, now_ns))
    left = clip(left_s / (inst.funding_interval_ns * 1e-9), 0.0, 1.0)
    current, usual = current * left, usual * left
    rest = (1.0 - current - usual) * state.rate
    return current * state.settled_rate + rest + usual * state.usual_rate


@compiled
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
    rate = funding_forecast(state, params, inst, now_ns)
    if np.isnan(rate):
        return 0
    kept = decay(1.0, params.half_life)
    rate_bps = 1e4 * rate
    first_s = seconds_between(now_ns, next_settlement_ns(state, inst, now_ns))
    for n in range(params.settlements):
        funding_bps[n] = rate_bps
        funding_in_s[n] = first_s + n * (inst.funding_interval_ns * 1e-9)
        rate_bps *= kept
    return params.settlements
