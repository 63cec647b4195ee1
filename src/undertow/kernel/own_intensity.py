"""Own-fill intensity per side: κ from fills *and* the exposure that did not fill.

Resting orders at depth δ fill at Λ(δ) = R·e^(−κ(δ − h)), h the pivot depth. With n fills at δ_i and
T(δ) seconds of resting orders at depth δ,

    ln L(κ, R) = n·ln R − κΣ(δ_i − h) − R·E(κ),   E(κ) = Σ_δ T(δ)·e^(−κ(δ − h))
    R ~ Gamma(a₀, e^ψ(a₀)/R_m) integrated out:  −κΣ(δ_i − h) − (a₀ + n)·ln(e^ψ(a₀)/R_m + E(κ))
    κ ~ Gamma(α₀, α₀/κ_m)                                           κ_m, R_m: the market's fit

so E ln R = ln R_m a priori: with E R = R_m a maker that keeps to one depth reads a κ 12 % too low. Fill
distances alone only echo where one has quoted: a maker that quotes at cost + 1/κ̂ reads its own depth
back and walks away (true .3 → .09 in two days at one depth). Exposure is what stops it.

Constant memory: seconds are shared out between the two nearest of `N_DEPTHS` depth nodes, keeping
their mean depth; E(κ) on a grid of κ is one matrix product with e^(−κδ) held in the parameters. The
share-out overstates e^(−κδ) by at most (κ·gap)²/8, under 2 % where κδ ≤ 3. `own_refresh` computes the
posterior; between refreshes verbs only add. One aggressor fills several levels of a ladder at once,
so fills of a ladder are worth fewer than their number: `information` scales the likelihood.

What the exponential leaves, fills per forecast fill by depth, is `kernel.own_level`.

Not finite depths or rates, seconds ≤ 0 and time that runs backwards change nothing.
Source: docs/model.md §5 ("own-fill κ") and §8.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.ewma import decay
from undertow.kernel.own_level import N_NODES, NODES, add_at, refresh_excess
from undertow.kernel.ranges import require
from undertow.kernel.special import digamma
from undertow.records import Rec, new_record
from undertow.units import seconds_between

N_DEPTHS: Final = 64
N_KAPPAS: Final = 48
FIRST_DEPTH_BPS: Final = 0.1
DEPTH_RATIO: Final = 1.12
_LOG_RATIO: Final = math.log(DEPTH_RATIO)
KAPPA_RANGE: Final = (0.02, 20.0)

OWN_INTENSITY: Final = np.dtype(
    [
        ("exposure_s", "<f8", (2, N_DEPTHS)),  # at depth nodes; side 0 bid, 1 ask
        ("fills", "<f8", (2,)),
        ("depth", "<f8", (2,)),  # Σ depth of fills, bps
        ("node_fills", "<f8", (2, N_NODES)),  # at the nodes of `own_level`
        ("node_s", "<f8", (2, 2, N_NODES)),  # seconds of exposure there, by side
        # posterior as of the last refresh
        ("kappa", "<f8", (2,)),  # mean, 1/bp
        ("kappa_low", "<f8", (2,)),  # 95 % interval, 1/bp
        ("kappa_high", "<f8", (2,)),
        ("rate", "<f8", (2,)),  # e^(E ln R) at the mean κ, fills/s of one order at the pivot
        ("excess", "<f8", (2, N_NODES)),  # ρ − 1: what depths are filled beyond A·e^(−κδ)
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

OWN_INTENSITY_PARAMS: Final = np.dtype(
    [
        ("depth_bps", "<f8", (N_DEPTHS,)),
        ("kappa", "<f8", (N_KAPPAS,)),
        ("reach", "<f8", (N_KAPPAS, N_DEPTHS)),  # e^(−κ(δ − h))
        ("half_life_s", "<f8"),
        ("pivot_bps", "<f8"),
        ("prior_fills", "<f8"),  # α₀ of κ
        ("level_prior_fills", "<f8"),  # a₀ of R
        ("level_prior_scale", "<f8"),  # e^ψ(a₀)
        ("information", "<f8"),
        ("used", "u1"),
    ],
    align=True,
)


def own_intensity_params(
    *,
    half_life_s: float = 4.0 * 3600.0,
    pivot_bps: float = 1.5,
    prior_fills: float = 4.0,
    level_prior_fills: float = 4.0,
    information: float = 1.0,
    used: bool = True,
) -> Rec:
    """Forgetting (s), h, α₀ of κ's prior, a₀ of the level's, worth of a fill in (0, 1].

    `used`: whether quotes are made of it.
    """
    require("own_intensity", half_life_s=half_life_s, pivot_bps=pivot_bps, prior_fills=prior_fills)
    require("own_intensity", level_prior_fills=level_prior_fills)
    require("own_intensity", high=1.0, information=information)
    rec = new_record(OWN_INTENSITY_PARAMS)
    nodes = FIRST_DEPTH_BPS * DEPTH_RATIO ** (np.arange(N_DEPTHS) - 1.0)
    nodes[0] = 0.0
    kappas = np.geomspace(*KAPPA_RANGE, N_KAPPAS)
    rec["depth_bps"], rec["kappa"] = nodes, kappas
    rec["reach"] = np.exp(-np.outer(kappas, nodes - pivot_bps))
    rec["half_life_s"], rec["pivot_bps"] = half_life_s, pivot_bps
    rec["prior_fills"], rec["level_prior_fills"] = prior_fills, level_prior_fills
    rec["level_prior_scale"] = math.exp(digamma(level_prior_fills))
    rec["information"], rec["used"] = information, used
    return rec


def init_own_intensity(state: Rec, params: Rec) -> None:
    """Nothing is known of the own κ until the first refresh: NaN."""
    for name in ("kappa", "kappa_low", "kappa_high", "rate"):
        state[name] = np.nan


@compiled
def own_advance(state: Rec, params: Rec, now_ns: int) -> None:
    """Forget up to `now_ns`; time that runs backwards changes nothing. Call it as rarely as `own_refresh`."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s <= 0.0:
        return
    kept = decay(elapsed_s, params.half_life_s)
    for side in range(2):
        for k in range(N_DEPTHS):
            state.exposure_s[side, k] *= kept
        state.fills[side] *= kept
        state.depth[side] *= kept
    for place in range(2):
        for j in range(N_NODES):
            state.node_fills[place, j] *= kept
            for side in range(2):
                state.node_s[side, place, j] *= kept
    state.last_ns = now_ns


@compiled
def own_resting(state: Rec, params: Rec, index: int, depth: float, seconds: float) -> None:
    """An order rested `seconds` at `depth` bps on side `index`.

    Depths beyond the mid count as 0, beyond the last node (115 bps) as that.
    """
    if not (abs(depth) < np.inf and 0.0 < seconds < np.inf):
        return
    if depth <= 0.0:
        state.exposure_s[index, 0] += seconds
        return
    k = 0
    if depth >= FIRST_DEPTH_BPS:
        k = 1 + int(math.log(depth / FIRST_DEPTH_BPS) / _LOG_RATIO)
    if k >= N_DEPTHS - 1:
        state.exposure_s[index, N_DEPTHS - 1] += seconds
        return
    low, high = params.depth_bps[k], params.depth_bps[k + 1]
    share = min(max((depth - low) / (high - low), 0.0), 1.0)
    state.exposure_s[index, k] += (1.0 - share) * seconds
    state.exposure_s[index, k + 1] += share * seconds


@compiled
def own_fill(state: Rec, index: int, depth: float) -> None:
    """An order of side `index` was filled (once per order) at `depth` bps from the mid."""
    if not abs(depth) < np.inf:
        return
    state.fills[index] += 1.0
    state.depth[index] += max(depth, 0.0)


@compiled
def _log_posterior(
    state: Rec, params: Rec, index: int, at: int, market_kappa: float, market_rate: float
) -> float:
    """ln posterior density of ln κ at grid point `at`, up to a constant."""
    kappa, n = params.kappa[at], state.fills[index]
    exposed = 0.0
    for k in range(N_DEPTHS):
        exposed += params.reach[at, k] * state.exposure_s[index, k]
    prior = params.level_prior_fills
    fit = -kappa * (state.depth[index] - n * params.pivot_bps)
    fit -= (prior + n) * math.log(params.level_prior_scale / market_rate + exposed)
    alpha = params.prior_fills
    return params.information * fit + alpha * math.log(kappa) - alpha / market_kappa * kappa


@compiled
def _quantile(params: Rec, mass: float, weights: NDArray[np.float64], total: float) -> float:
    """κ up to which `mass` of the grid's weight lies, linear in ln κ between points."""
    below = 0.0
    step = math.log(params.kappa[1] / params.kappa[0])
    for j in range(N_KAPPAS):
        w = weights[j] / total
        if below + w >= mass:
            return params.kappa[j] * math.exp(step * ((mass - below) / w - 0.5))
        below += w
    return params.kappa[N_KAPPAS - 1]


@compiled
def own_refresh(state: Rec, params: Rec, index: int, market_kappa: float, market_rate: float) -> None:
    """Compute the posterior of side `index` anew.

    `market_kappa` (1/bp) and `market_rate` (orders/s reaching the pivot, A·e^(−κ·h)) are the market's
    fit; not positive and finite: no refresh.
    """
    if not (0.0 < market_kappa < np.inf and 0.0 < market_rate < np.inf):
        return
    weights = np.empty(N_KAPPAS)
    best = -np.inf
    for j in range(N_KAPPAS):
        weights[j] = _log_posterior(state, params, index, j, market_kappa, market_rate)
        best = max(best, weights[j])
    total = centre = 0.0
    for j in range(N_KAPPAS):
        weights[j] = math.exp(weights[j] - best)
        total += weights[j]
        centre += weights[j] * params.kappa[j]
    state.kappa[index] = centre / total
    state.kappa_low[index] = _quantile(params, 0.025, weights, total)
    state.kappa_high[index] = _quantile(params, 0.975, weights, total)
    kappa, exposed = centre / total, 0.0
    for k in range(N_DEPTHS):
        exposed += state.exposure_s[index, k] * math.exp(-kappa * (params.depth_bps[k] - params.pivot_bps))
    shape = math.exp(digamma(params.level_prior_fills + state.fills[index]))
    state.rate[index] = shape / (params.level_prior_scale / market_rate + exposed)


@compiled
def own_kappa(state: Rec, index: int) -> tuple[float, float, float]:
    """(mean of κ, 95 % low, high) in 1/bp of side `index` as of its last refresh; NaN before."""
    return state.kappa[index], state.kappa_low[index], state.kappa_high[index]


@compiled
def own_rate(state: Rec, index: int) -> float:
    """R: fills per second of one order resting at the pivot depth, as of the last refresh; NaN before."""
    return state.rate[index]


@compiled
def own_resting_at(state: Rec, index: int, depth: float, touch: float, seconds: float) -> None:
    """The same for the nodes of `kernel.own_level`; `touch` is half the market's spread, bps."""
    if abs(depth) < np.inf and 0.0 < seconds < np.inf:
        add_at(state.node_s[index], depth, touch, seconds)


@compiled
def own_refresh_depths(
    state: Rec, params: Rec, rates: tuple[float, float], kappas: tuple[float, float]
) -> None:
    """Compute anew how depths are filled beyond A·e^(−κδ) of the two sides (`kernel.own_level`)."""
    predicted = np.zeros((2, N_NODES))
    for side in range(2):
        for j in range(N_NODES):
            rate = rates[side] * math.exp(-kappas[side] * NODES[j])
            for place in range(2):
                predicted[place, j] += rate * state.node_s[side, place, j]
    prior, worth = params.level_prior_fills, params.information
    refresh_excess(state.excess, state.node_fills, predicted, prior, worth)
