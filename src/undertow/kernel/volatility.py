"""Volatility on the volume clock, per second: clean of jumps, total, and the one that is priced.

With r_i the return (bps) and d_i the duration (s) of tick i, at half-lives of 5, 20 and 100 ticks,

    σ_total² = EWMA(r_i²) / EWMA(d_i)
    σ_clean² = EWMA((π/2)·|r_i·r_{i−1}|) / EWMA(√(d_i·d_{i−1}))             (bipower variation)
    jump ratio = σ_total²/σ_clean² at 20 ticks,  w = clip(1 − 1/ratio, 0, .9)
    σ_h = (1 − w)·σ_clean + w·σ_total  at half-life h: the part of the variance that is jumps
          decides how far total volatility counts
    fast share = clip((σ_5/σ_100 − 1)/2, .3, .8),   blend = share·σ_5 + (1 − share)·σ_100
    σ_effective = blend × max(1, (σ_30s/σ_300s)^ν)

The fast share equals docs/model.md §5's rule where fast > 2·slow or fast < 1.6·slow and joins its
two branches (which leave a step of .2 at 2) by a straight line. Bipower is divided by the *geometric*
mean duration, since E|r_i r_{i−1}| ∝ √(d_i·d_{i−1}) where variance follows time. σ_30s and σ_300s
weigh ticks by age with mean age 15 s and 150 s, that of a flat window.

Start: a prior volatility worth `prior_ticks` observations. After a gap in the feed the estimate so
far is worth `prior_ticks` too, so it neither freezes nor jumps. Quiet markets: the clock closes
ticks by time. Not finite returns and durations ≤ 0 change nothing.

Source: docs/model.md §5; Barndorff-Nielsen & Shephard (2004) for bipower variation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, clip, decay, step_weight
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record

FAST: Final = 0
MEDIUM: Final = 1
SLOW: Final = 2

VOLATILITY: Final = np.dtype(
    [
        ("square", "<f8", (3,)),  # weighted Σ r², bps²
        ("duration", "<f8", (3,)),  # weighted Σ d, s
        ("weight", "<f8", (3,)),
        ("bipower", "<f8", (3,)),  # weighted Σ (π/2)|r r₋₁|, bps²
        ("pair_duration", "<f8", (3,)),
        ("window_square", "<f8", (2,)),
        ("window_duration", "<f8", (2,)),
        ("fourth", "<f8"),  # weighted Σ r⁴ at the slow half-life
        ("weight_squared", "<f8"),  # Σ of squared weights at the slow half-life
        ("previous_bps", "<f8"),  # last return, NaN after a gap
        ("previous_s", "<f8"),
        ("ticks", "<i8"),
    ],
    align=True,
)

VOLATILITY_PARAMS: Final = np.dtype(
    [
        ("alpha", "<f8", (3,)),
        ("prior_sigma", "<f8"),
        ("prior_duration_s", "<f8"),
        ("prior_ticks", "<f8"),
        ("floor_sigma", "<f8"),
        ("window_half_life_s", "<f8", (2,)),
        ("regime_power", "<f8"),
        ("kurtosis_prior_ticks", "<f8"),
    ],
    align=True,
)


def volatility_params(
    *,
    half_life_ticks: tuple[float, float, float] = (5.0, 20.0, 100.0),
    windows_s: tuple[float, float] = (30.0, 300.0),
    regime_power: float = 0.5,
    prior_sigma_bps_per_sqrt_s: float = 1.0,
    prior_duration_s: float = 3.0,
    prior_ticks: float = 1.0,
    floor_sigma_bps_per_sqrt_s: float = 0.01,
    kurtosis_prior_ticks: float = 30.0,
) -> Rec:
    """Half-lives in ticks (fast < medium < slow), windows in s, ν = `regime_power`, prior and floor."""
    fast, medium, slow = half_life_ticks
    require("volatility", fast_half_life=fast, medium_half_life=medium, slow_half_life=slow)
    if not fast < medium < slow:
        raise ValueError(f"volatility: half_life_ticks = {half_life_ticks} must increase")
    require("volatility", short_window=windows_s[0], long_window=windows_s[1], prior_ticks=prior_ticks)
    require("volatility", prior_sigma=prior_sigma_bps_per_sqrt_s, prior_duration_s=prior_duration_s)
    require("volatility", floor_sigma=floor_sigma_bps_per_sqrt_s)
    require_not_negative("volatility", regime_power=regime_power, kurtosis_prior_ticks=kurtosis_prior_ticks)
    rec = new_record(VOLATILITY_PARAMS)
    rec["alpha"] = [step_weight(h) for h in half_life_ticks]
    rec["prior_sigma"], rec["prior_duration_s"] = prior_sigma_bps_per_sqrt_s, prior_duration_s
    rec["prior_ticks"], rec["floor_sigma"] = prior_ticks, floor_sigma_bps_per_sqrt_s
    rec["window_half_life_s"] = [0.5 * w * math.log(2.0) for w in windows_s]
    rec["regime_power"], rec["kurtosis_prior_ticks"] = regime_power, kurtosis_prior_ticks
    return rec


def init_volatility(state: Rec, params: Rec) -> None:
    """Start from the prior, worth `prior_ticks` ticks of Gaussian returns."""
    square = params["prior_sigma"] ** 2 * params["prior_duration_s"]
    weight = np.minimum(params["prior_ticks"] * params["alpha"], 1.0)
    for name in ("square", "bipower"):
        state[name] = weight * square
    for name in ("duration", "pair_duration"):
        state[name] = weight * params["prior_duration_s"]
    state["weight"] = weight
    state["fourth"] = 3.0 * square**2 * weight[SLOW]
    state["weight_squared"] = params["prior_ticks"] * params["alpha"][SLOW] ** 2
    state["window_square"] = params["prior_ticks"] * square
    state["window_duration"] = params["prior_ticks"] * params["prior_duration_s"]
    state["previous_bps"] = np.nan


@compiled
def volatility_tick(state: Rec, params: Rec, return_bps: float, duration_s: float) -> None:
    """Learn one tick of the volume clock."""
    if not (abs(return_bps) < np.inf and 0.0 < duration_s < np.inf):
        return
    square = return_bps * return_bps
    paired = not np.isnan(state.previous_bps)
    if paired:
        bipower = 0.5 * math.pi * abs(return_bps * state.previous_bps)
        pair_duration = math.sqrt(duration_s * state.previous_s)
    for k in range(3):
        a = params.alpha[k]
        state.square[k] = blend(state.square[k], square, a)
        state.duration[k] = blend(state.duration[k], duration_s, a)
        state.weight[k] = blend(state.weight[k], 1.0, a)
        if paired:
            state.bipower[k] = blend(state.bipower[k], bipower, a)
            state.pair_duration[k] = blend(state.pair_duration[k], pair_duration, a)
    for k in range(2):
        kept = decay(duration_s, params.window_half_life_s[k])
        state.window_square[k] = kept * state.window_square[k] + square
        state.window_duration[k] = kept * state.window_duration[k] + duration_s
    slow = params.alpha[SLOW]
    state.fourth = blend(state.fourth, square * square, slow)
    state.weight_squared = (1.0 - slow) ** 2 * state.weight_squared + slow * slow
    state.previous_bps = return_bps
    state.previous_s = duration_s
    state.ticks += 1


@compiled
def volatility_gap(state: Rec, params: Rec) -> None:
    """After a gap what was known is worth `prior_ticks` ticks; no return reaches across it."""
    state.previous_bps = np.nan
    for k in range(3):
        kept = min(params.prior_ticks * params.alpha[k] / state.weight[k], 1.0)
        state.square[k] *= kept
        state.duration[k] *= kept
        state.weight[k] *= kept
        state.bipower[k] *= kept
        state.pair_duration[k] *= kept
        if k == SLOW:
            state.fourth *= kept
            state.weight_squared = min(state.weight_squared, params.prior_ticks * params.alpha[k] ** 2)
    for k in range(2):
        kept = min(params.prior_ticks * params.prior_duration_s / state.window_duration[k], 1.0)
        state.window_square[k] *= kept
        state.window_duration[k] *= kept


@compiled
def sigma_total(state: Rec, params: Rec, horizon: int) -> float:
    """Volatility with jumps at half-life FAST, MEDIUM or SLOW, bps/√s."""
    return max(math.sqrt(state.square[horizon] / state.duration[horizon]), params.floor_sigma)


@compiled
def sigma_clean(state: Rec, params: Rec, horizon: int) -> float:
    """Volatility without jumps at half-life FAST, MEDIUM or SLOW, bps/√s."""
    return max(math.sqrt(state.bipower[horizon] / state.pair_duration[horizon]), params.floor_sigma)


@compiled
def jump_weight(state: Rec, params: Rec) -> float:
    """Share of the variance that comes in jumps, clip(1 − BV/RV, 0, .9), at the medium half-life."""
    ratio = (sigma_clean(state, params, MEDIUM) / sigma_total(state, params, MEDIUM)) ** 2
    return clip(1.0 - ratio, 0.0, 0.9)


@compiled
def volatility_regime(state: Rec, params: Rec) -> float:
    """σ over the short window / σ over the long one (30 s / 300 s)."""
    floor = params.floor_sigma**2
    short = max(state.window_square[0] / state.window_duration[0], floor)
    long = max(state.window_square[1] / state.window_duration[1], floor)
    return math.sqrt(short / long)


@compiled
def sigma_effective(state: Rec, params: Rec) -> float:
    """The volatility that prices inventory and adverse selection, bps/√s."""
    w = jump_weight(state, params)
    fast = (1.0 - w) * sigma_clean(state, params, FAST) + w * sigma_total(state, params, FAST)
    slow = (1.0 - w) * sigma_clean(state, params, SLOW) + w * sigma_total(state, params, SLOW)
    share = clip(0.5 * (fast / slow - 1.0), 0.3, 0.8)
    return blend(slow, fast, share) * max(1.0, volatility_regime(state, params) ** params.regime_power)


@compiled
def excess_kurtosis(state: Rec, params: Rec) -> float:
    """Excess kurtosis of tick returns (slow half-life), shrunk to 0 by `kurtosis_prior_ticks`."""
    weight = state.weight[SLOW]
    square = state.square[SLOW] / weight
    if square <= 0.0:
        return 0.0
    ticks = weight * weight / state.weight_squared
    raw = state.fourth / weight / (square * square) - 3.0
    return raw * ticks / (ticks + params.kurtosis_prior_ticks)


@compiled
def sigma_relative_error(state: Rec, params: Rec) -> float:
    """Standard error of the slow σ_total as a fraction of it: ½·√((excess kurtosis + 2)/n)."""
    ticks = state.weight[SLOW] ** 2 / state.weight_squared
    return 0.5 * math.sqrt(max(excess_kurtosis(state, params) + 2.0, 0.5) / ticks)
