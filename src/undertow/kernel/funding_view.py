"""What expected funding says of crowding: how far it stands from its day.

    mean = Σ w_i f_i/Σ w_i,   deviation² = Σ w_i (f_i − mean)²/Σ w_i · n/(n − 1),   z = (f̂ − mean)/deviation

over the rates settled in the last 24 h, w_i the time each was charged for (an interval; twice that
at most where settlements were missed), n = (Σw)²/Σw². f̂ is `funding_forecast`. The feature is −z:
crowded longs pay and are expected to leave (docs/model.md §4, §8). Silent before `min_observations`
settled rates, and before f̂. The deviation is `min_deviation` at least (venues pay the same rate for
hours: a step from it is no miracle) and |z| is held within `max_score`.
"""

from __future__ import annotations

import math

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip
from undertow.kernel.funding import N_SETTLED, funding_forecast
from undertow.records import Rec
from undertow.units import seconds_between


@compiled
def _charged_s(state: Rec, inst: Rec, back: int) -> float:
    """Seconds that the `back`-th latest settled rate was charged for."""
    interval_s = inst.funding_interval_ns * 1e-9
    if back + 1 >= state.day_held:
        return interval_s
    slot = (state.day_last - back) % N_SETTLED
    return min(seconds_between(state.day_ns[(slot - 1) % N_SETTLED], state.day_ns[slot]), 2.0 * interval_s)


@compiled
def funding_day(state: Rec, params: Rec, inst: Rec, now_ns: int) -> tuple[float, float, int]:
    """(mean, deviation, settled rates behind them) of the day before `now_ns`; NaN without any.

    Fractions per interval. The deviation is NaN below two rates and not floored here.
    """
    total, squares, weighted, count = 0.0, 0.0, 0.0, 0
    for back in range(state.day_held):
        slot = (state.day_last - back) % N_SETTLED
        if seconds_between(state.day_ns[slot], now_ns) > params.day_s:
            break
        weight = _charged_s(state, inst, back)
        total += weight
        squares += weight * weight
        weighted += weight * state.day_rate[slot]
        count += 1
    if count == 0:
        return np.nan, np.nan, 0
    mean = weighted / total
    n = total * total / squares
    if count < 2 or n <= 1.0:
        return mean, np.nan, count
    spread = 0.0
    for back in range(count):
        slot = (state.day_last - back) % N_SETTLED
        weight = _charged_s(state, inst, back)
        off = state.day_rate[slot] - mean
        spread += weight * off * off
    return mean, math.sqrt(spread / total * n / (n - 1.0)), count


@compiled
def funding_score(state: Rec, params: Rec, inst: Rec, now_ns: int) -> float:
    """z of expected funding against its day, within ±`max_score`; NaN while silent."""
    mean, deviation, count = funding_day(state, params, inst, now_ns)
    forecast = funding_forecast(state, params, inst, now_ns)
    if count < params.min_observations or np.isnan(deviation) or np.isnan(forecast):
        return np.nan
    z = (forecast - mean) / max(deviation, params.min_deviation)
    return clip(z, -params.max_score, params.max_score)


@compiled
def funding_feature(state: Rec, params: Rec, inst: Rec, now_ns: int) -> float:
    """−z: positive (bullish) when longs are paid more, or pay less, than they have been."""
    return -funding_score(state, params, inst, now_ns)
