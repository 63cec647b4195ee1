"""Stochastic volatility: mean-reverting log-variance, fitted online, with what is not known.

    h = ln σ² = m + x,   dx = −k·x dt + ξ dW,   s² = ξ²/2k stationary,   corr(dW, dB) = ρ the leverage

Ticks are gathered into bins of some seconds, each weighed by w = 1/(d + d̄/5): nearly by 1/d, which
makes their squares alike, but a tick of next to no time cannot rule. A bin of ν = (Σwd)²/Σ(wd)²
degrees of freedom is one observation of h (Harvey, Ruiz & Shephard 1994, with χ²_ν instead of χ²_1):

    y = ln(Σwr²/Σwd) − ψ(ν/2) + ln(ν/2) = h + ε,   Var ε = f·ψ'(ν/2) − s²kD/3 (at least a tenth)

f = 1, 2, 4 allows for returns that are not Gaussian within a bin; s²kD/3 is what averaging x over
the bin takes from its variance, to first order. A Kalman filter on (x, m) runs for
each point of a grid of (k, s, f); their likelihoods, forgotten with a half-life, weigh them. Level,
speed, vol-of-vol and the current h are the mixture's means, their errors the mixture's deviations
plus those of a grid cell. The level starts at the first bin, its variance 4, and walks slowly.

Leverage: the sign of a bin's return against the surprise in the *next* bin's y, predicted from before
both: E[z_i·(y_{i+1} − ŷ)] = ρ·ξ·√D·c(ν)·g², z = Σr/√Σr², c(ν) = E√(χ²_ν/ν), g = (1 − e^(−kD))/(kD).

Not finite returns and durations ≤ 0 change nothing. Source: docs/model.md §5; Harvey, Ruiz & Shephard,
Rev. Econ. Studies 61 (1994) 247–264; the mixture is Magill's adaptive estimator (1965).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, clip, decay
from undertow.kernel.ranges import require
from undertow.kernel.special import digamma, mean_root_chi2, trigamma
from undertow.records import Rec, new_record

N_SPEEDS: Final = 7
N_DEVIATIONS: Final = 6
NOISES: Final = (1.0, 2.0, 4.0)
N_MODELS: Final = N_SPEEDS * N_DEVIATIONS * len(NOISES)
MAX_FREEDOM: Final = 1e4
_NODES: Final = (0.046910077030668, 0.230765344947158, 0.5, 0.769234655052842, 0.953089922969332)
_WEIGHTS: Final = (
    0.118463442528095,
    0.239314335249683,
    0.284444444444444,
    0.239314335249683,
    0.118463442528095,
)

STOCHASTIC_VOLATILITY: Final = np.dtype(
    [
        # filters: x, m, Var x, Cov, Var m, ln of weight
        ("x", "<f8", (N_MODELS,)),
        ("m", "<f8", (N_MODELS,)),
        ("p_xx", "<f8", (N_MODELS,)),
        ("p_xm", "<f8", (N_MODELS,)),
        ("p_mm", "<f8", (N_MODELS,)),
        ("log_weight", "<f8", (N_MODELS,)),
        # the mixture as of the last bin
        ("level", "<f8"),  # E m, ln bps²/s
        ("deviation", "<f8"),  # E x
        ("level_variance", "<f8"),
        ("deviation_variance", "<f8"),
        ("covariance", "<f8"),
        ("log_speed", "<f8"),  # E ln k
        ("log_speed_error", "<f8"),
        ("log_xi", "<f8"),  # E ln ξ
        ("log_xi_error", "<f8"),
        ("stationary", "<f8"),  # e^(2·E ln s)
        # leverage
        ("forecast", "<f8"),  # of the next bin's y from before the last one
        ("last_z", "<f8"),  # NaN after a gap
        ("last_reach", "<f8"),  # √D·c(ν)·g² of the last bin
        ("lever_product", "<f8"),
        ("lever_square", "<f8"),
        ("lever_reach", "<f8"),
        # the open bin
        ("sum_bps", "<f8"),
        ("sum_square", "<f8"),
        ("sum_weighted", "<f8"),  # Σ w·r²
        ("sum_share", "<f8"),  # Σ w·d
        ("sum_share_squared", "<f8"),
        ("seconds", "<f8"),
        ("usual_s", "<f8"),  # d̄, running mean of durations
        ("durations", "<f8"),  # how many are behind it, at most 100
        ("ticks", "<i8"),
        ("bins", "<i8"),
    ],
    align=True,
)

STOCHASTIC_VOLATILITY_PARAMS: Final = np.dtype(
    [
        ("speed", "<f8", (N_MODELS,)),
        ("variance", "<f8", (N_MODELS,)),  # s²
        ("noise", "<f8", (N_MODELS,)),
        ("cell_log_speed", "<f8"),  # variance of ln k within a cell of the grid
        ("cell_log_deviation", "<f8"),
        ("bin_s", "<f8"),
        ("min_ticks", "<i8"),
        ("half_life_s", "<f8"),
        ("level_walk", "<f8"),  # variance per second
        ("floor_square", "<f8"),
    ],
    align=True,
)


def stochastic_volatility_params(
    *,
    bin_s: float = 15.0,
    min_ticks: int = 4,
    half_life_s: float = 6.0 * 3600.0,
    time_constants_s: tuple[float, float] = (20.0, 3600.0),
    deviations: tuple[float, float] = (0.15, 1.5),
    level_walk_per_sqrt_hour: float = 0.1,
    floor_sigma_bps_per_sqrt_s: float = 0.01,
) -> Rec:
    """Bins, memory of the likelihoods, ends of the grids of 1/k (s) and of s (ln σ²), walk of m."""
    require("stochastic_volatility", bin_s=bin_s, min_ticks=min_ticks, half_life_s=half_life_s)
    require("stochastic_volatility", low=time_constants_s[0], slowest_s=time_constants_s[1])
    require("stochastic_volatility", fastest_s=time_constants_s[0], smallest=deviations[0])
    require("stochastic_volatility", low=deviations[0], largest=deviations[1])
    require("stochastic_volatility", level_walk=level_walk_per_sqrt_hour, floor=floor_sigma_bps_per_sqrt_s)
    rec = new_record(STOCHASTIC_VOLATILITY_PARAMS)
    speeds = 1.0 / np.geomspace(*time_constants_s, N_SPEEDS)
    spread = np.geomspace(*deviations, N_DEVIATIONS)
    grid = np.meshgrid(speeds, spread**2, np.array(NOISES), indexing="ij")
    rec["speed"], rec["variance"], rec["noise"] = (axis.ravel() for axis in grid)
    rec["cell_log_speed"] = math.log(speeds[0] / speeds[1]) ** 2 / 12.0
    rec["cell_log_deviation"] = math.log(spread[1] / spread[0]) ** 2 / 12.0
    rec["bin_s"], rec["min_ticks"], rec["half_life_s"] = bin_s, min_ticks, half_life_s
    rec["level_walk"] = level_walk_per_sqrt_hour**2 / 3600.0
    rec["floor_square"] = floor_sigma_bps_per_sqrt_s**2
    return rec


def init_stochastic_volatility(state: Rec, params: Rec) -> None:
    """Every model at its stationary spread; the level waits for the first bin."""
    state["p_xx"] = params["variance"]
    state["last_z"] = np.nan
    _mix(state, params)


@compiled
def _predict(state: Rec, params: Rec, seconds: float) -> None:
    for g in range(N_MODELS):
        kept = math.exp(-params.speed[g] * seconds)
        state.x[g] *= kept
        state.p_xm[g] *= kept
        state.p_xx[g] = params.variance[g] + (state.p_xx[g] - params.variance[g]) * kept * kept
        state.p_mm[g] += params.level_walk * seconds


@compiled
def _update(state: Rec, params: Rec, y: float, noise: float, seconds: float) -> None:
    """Kalman update of every model, and of its weight by how well it had foreseen `y`."""
    kept = decay(seconds, params.half_life_s)
    best = -np.inf
    for g in range(N_MODELS):
        to_x, to_m = state.p_xx[g] + state.p_xm[g], state.p_xm[g] + state.p_mm[g]
        averaged = params.variance[g] * params.speed[g] * seconds / 3.0
        total = to_x + to_m + max(noise * params.noise[g] - averaged, 0.1 * noise)
        surprise = y - state.x[g] - state.m[g]
        state.x[g] += to_x / total * surprise
        state.m[g] += to_m / total * surprise
        state.p_xx[g] -= to_x * to_x / total
        state.p_xm[g] -= to_x * to_m / total
        state.p_mm[g] -= to_m * to_m / total
        fit = -0.5 * (math.log(total) + surprise * surprise / total)
        state.log_weight[g] = kept * state.log_weight[g] + fit
        best = max(best, state.log_weight[g])
    for g in range(N_MODELS):
        state.log_weight[g] -= best


@compiled
def _mix(state: Rec, params: Rec) -> None:
    """Means and deviations of the mixture."""
    total = speed = speed_2 = xi = xi_2 = spread = 0.0
    m = x = mm = xx = xm = 0.0
    for g in range(N_MODELS):
        w = math.exp(state.log_weight[g])
        log_speed, log_variance = math.log(params.speed[g]), math.log(params.variance[g])
        log_xi = 0.5 * (log_variance + math.log(2.0) + log_speed)
        total += w
        speed += w * log_speed
        speed_2 += w * log_speed * log_speed
        xi += w * log_xi
        xi_2 += w * log_xi * log_xi
        spread += w * log_variance
        m += w * state.m[g]
        x += w * state.x[g]
        mm += w * (state.p_mm[g] + state.m[g] * state.m[g])
        xx += w * (state.p_xx[g] + state.x[g] * state.x[g])
        xm += w * (state.p_xm[g] + state.x[g] * state.m[g])
    state.level, state.deviation = m / total, x / total
    state.level_variance = mm / total - state.level * state.level
    state.deviation_variance = xx / total - state.deviation * state.deviation
    state.covariance = xm / total - state.level * state.deviation
    state.log_speed, state.log_xi = speed / total, xi / total
    cell = params.cell_log_speed
    state.log_speed_error = math.sqrt(max(speed_2 / total - state.log_speed**2, 0.0) + cell)
    cell = 0.25 * cell + params.cell_log_deviation
    state.log_xi_error = math.sqrt(max(xi_2 / total - state.log_xi**2, 0.0) + cell)
    state.stationary = math.exp(spread / total)


@compiled
def _learn_leverage(state: Rec, params: Rec, y: float, seconds: float) -> None:
    """The surprise in `y` against the return of the bin before."""
    if np.isnan(state.last_z):
        return
    kept = decay(seconds, params.half_life_s)
    moved = state.last_z * (y - state.forecast)
    state.lever_product = kept * state.lever_product + moved
    state.lever_square = kept * kept * state.lever_square + moved * moved
    state.lever_reach = kept * state.lever_reach + state.last_reach


@compiled
def _empty_bin(state: Rec) -> None:
    state.sum_bps = state.sum_square = state.sum_weighted = 0.0
    state.sum_share = state.sum_share_squared = state.seconds = 0.0
    state.ticks = 0


@compiled
def _close_bin(state: Rec, params: Rec) -> None:
    """Read the open bin as one observation and open the next."""
    seconds = state.seconds
    freedom = min(state.sum_share * state.sum_share / state.sum_share_squared, MAX_FREEDOM)
    variance = max(state.sum_weighted / state.sum_share, params.floor_square)
    y = math.log(variance) - digamma(0.5 * freedom) + math.log(0.5 * freedom)
    noise = trigamma(0.5 * freedom)
    if state.bins == 0:
        state.m[:] = y
        state.p_mm[:] = 4.0
    _learn_leverage(state, params, y, seconds)
    _predict(state, params, seconds)
    _mix(state, params)
    fading = math.exp(-math.exp(state.log_speed) * seconds)
    state.forecast = state.level + state.deviation * fading
    _update(state, params, y, noise, seconds)
    _mix(state, params)
    pass_through = (1.0 - fading) / (math.exp(state.log_speed) * seconds)
    state.last_z = state.sum_bps / math.sqrt(max(state.sum_square, params.floor_square * seconds))
    state.last_reach = math.sqrt(seconds) * mean_root_chi2(freedom) * pass_through**2
    state.bins += 1
    _empty_bin(state)


@compiled
def stochastic_volatility_tick(state: Rec, params: Rec, return_bps: float, duration_s: float) -> None:
    """Learn one tick's return (bps) over `duration_s` seconds."""
    if not (abs(return_bps) < np.inf and 0.0 < duration_s < np.inf):
        return
    state.durations = min(state.durations + 1.0, 100.0)
    state.usual_s = blend(state.usual_s, duration_s, 1.0 / state.durations)
    weight = 1.0 / (duration_s + 0.2 * state.usual_s)
    state.sum_bps += return_bps
    state.sum_square += return_bps * return_bps
    state.sum_weighted += weight * return_bps * return_bps
    state.sum_share += weight * duration_s
    state.sum_share_squared += (weight * duration_s) ** 2
    state.seconds += duration_s
    state.ticks += 1
    full = state.seconds >= params.bin_s and state.ticks >= params.min_ticks
    if full or state.seconds >= 4.0 * params.bin_s:
        _close_bin(state, params)


@compiled
def stochastic_volatility_gap(state: Rec, params: Rec, gap_s: float) -> None:
    """Nothing was seen for `gap_s` seconds: the open bin is dropped, what is known fades."""
    _empty_bin(state)
    state.last_z = np.nan
    if not 0.0 < gap_s < np.inf or state.bins == 0:
        return
    _predict(state, params, gap_s)
    _mix(state, params)


@compiled
def sv_level(state: Rec) -> tuple[float, float]:
    """(m, its error): ln of bps²/s; NaN before the first bin."""
    if state.bins == 0:
        return np.nan, np.nan
    return state.level, math.sqrt(max(state.level_variance, 0.0))


@compiled
def sv_speed(state: Rec) -> tuple[float, float]:
    """(k in 1/s, error of ln k)."""
    return math.exp(state.log_speed), state.log_speed_error


@compiled
def sv_vol_of_vol(state: Rec) -> tuple[float, float]:
    """(ξ in 1/√s, error of ln ξ)."""
    return math.exp(state.log_xi), state.log_xi_error


@compiled
def sv_log_variance(state: Rec) -> tuple[float, float]:
    """(h, its error) as of the last bin: ln of bps²/s; NaN before the first bin."""
    if state.bins == 0:
        return np.nan, np.nan
    total = state.level_variance + 2.0 * state.covariance + state.deviation_variance
    return state.level + state.deviation, math.sqrt(max(total, 0.0))


@compiled
def sv_leverage(state: Rec) -> tuple[float, float]:
    """(ρ within ±1, its error): correlation of returns with changes of h; (0, 1) before it is known."""
    reach = math.exp(state.log_xi) * state.lever_reach
    if not reach > 0.0:
        return 0.0, 1.0
    error = math.sqrt(state.lever_square) / reach
    rho = state.lever_product / reach
    return clip(rho, -1.0, 1.0), min(math.sqrt(error**2 + (rho * state.log_xi_error) ** 2), 1.0)


@compiled
def _expected_log(state: Rec, speed: float, after_s: float) -> tuple[float, float]:
    """Mean and variance of h `after_s` seconds from now."""
    kept = math.exp(-speed * after_s)
    centre = state.level + state.deviation * kept
    known = state.level_variance + (2.0 * state.covariance + state.deviation_variance * kept) * kept
    return centre, max(known, 0.0) + state.stationary * (1.0 - kept * kept)


@compiled
def sv_forecast(state: Rec, params: Rec, horizon_s: float) -> tuple[float, float]:
    """(mean σ² expected over the next `horizon_s` in bps²/s, deviation of h half-way); NaN if unknown."""
    if state.bins == 0 or not 0.0 < horizon_s < np.inf:
        return np.nan, np.nan
    speed = math.exp(state.log_speed)
    near_s = min(horizon_s, 4.0 / speed)
    total = 0.0
    for i in range(5):
        centre, spread = _expected_log(state, speed, near_s * _NODES[i])
        total += _WEIGHTS[i] * near_s * math.exp(centre + 0.5 * spread)
    centre, spread = _expected_log(state, speed, horizon_s)
    total += (horizon_s - near_s) * math.exp(centre + 0.5 * spread)
    _, half_way = _expected_log(state, speed, 0.5 * horizon_s)
    return total / horizon_s, math.sqrt(half_way)
