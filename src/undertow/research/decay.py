"""How fast what a feature foretells arrives: its decay; and whether it observes the drift or is an alpha.

A signal x that moves the mid at rate·x bps/s and decays at θ_x gives over the stretch (a, b] ahead

    E[r(a, b)] = rate·x·(e^(−θ_x·a) − e^(−θ_x·b))/θ_x

Returns over disjoint stretches are nearly independent, so rate and θ_x are found by weighted least
squares from one joint regression per stretch. A feature is an *alpha*, not an observation of μ, if

- it claims more than perfect knowledge of μ could: K̂ of its own forecast > .9, or no drift is there;
- or what it foretells arrives in another time than a drift's: with θ_x free its profile fits better
  by χ² > 6.63 (1 %) and θ_x is more than twice the drift's.

A signal that is over within the horizon of the forecast is an alpha whatever the drift
(`quick_signals`), and what it foretold is taken out of the mid before a drift is looked for
(`net_of`): a likelihood that knows of one hidden rate only would else take the alpha for it.

Source: docs/model.md §4 ("a feature whose R² demands K̂ > .9 is not measuring μ").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.research.hac import least_squares
from undertow.research.regression import MOST_KNOWN, hac_lag, known_share, reach_s, step_of
from undertow.research.series import forward_returns

Floats = NDArray[np.float64]

STRETCHES_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
DECAY_BOUNDS: Final = (1e-3, 5.0)
CHI2_1: Final = 6.635
CHI2_10: Final = 2.706

OBSERVATION: Final = "observation"
ALPHA: Final = "alpha"


@dataclass(frozen=True)
class Profile:
    """Loadings by stretch: `loading[m, j]` bps per unit over (edges[m], edges[m + 1]], with errors."""

    names: tuple[str, ...]
    edges_s: Floats
    loading: Floats
    error: Floats
    deviation: Floats  # standard deviation of each feature


@dataclass(frozen=True)
class Decay:
    """One feature's decay (1/s), its rate (bps/s per unit), and how the drift's own θ would fit."""

    name: str
    decay_per_s: float
    rate: float
    rate_error: float
    excess_chi2: float  # χ² with the drift's θ − χ² with its own


def profile(
    time_s: Floats, mid: Floats, x: Floats, names: tuple[str, ...], *, gap_s: float = 10.0
) -> Profile:
    """Joint regressions of the returns over each stretch ahead on features `x` (n, k)."""
    step_s = step_of(time_s)
    edges = np.array([e for e in STRETCHES_S if e == 0.0 or e >= 0.999 * step_s])
    spoken = np.isfinite(x).all(axis=1)
    center = x[spoken].mean(axis=0)
    loading, error = (np.full((len(edges) - 1, len(names)), np.nan) for _ in range(2))
    for m in range(len(edges) - 1):
        r = forward_returns(time_s, mid, edges[m], edges[m + 1], gap_s=gap_s)
        ok = spoken & np.isfinite(r)
        if ok.sum() < 10 * (len(names) + 1):
            continue
        lag = hac_lag(edges[m + 1] - edges[m], step_s, int(ok.sum()))
        beta, spread = least_squares(x[ok] - center, r[ok] - r[ok].mean(), lag)
        loading[m], error[m] = beta, np.sqrt(np.maximum(np.diag(spread), 1e-300))
    return Profile(names, edges, loading, error, x[spoken].std(axis=0))


def _shape(theta: float, edges: Floats) -> Floats:
    return np.asarray((np.exp(-theta * edges[:-1]) - np.exp(-theta * edges[1:])) / theta)


def _rate_and_chi2(p: Profile, j: int, theta: float) -> tuple[float, float, float]:
    """(rate, its error, χ²) of feature j for a given decay."""
    ok = np.isfinite(p.loading[:, j])
    shape = _shape(theta, p.edges_s)[ok]
    weight, b = p.error[ok, j] ** -2, p.loading[ok, j]
    information = float((weight * shape**2).sum())
    rate = float((weight * shape * b).sum()) / information
    return rate, information**-0.5, float((weight * (b - rate * shape) ** 2).sum())


def fit_decay(p: Profile, j: int, drift_theta: float) -> Decay:
    """Decay and rate of feature j. The decay lies within `DECAY_BOUNDS`, on a fine logarithmic grid.

    Of the decays that fit (χ² within its 10 % point of the best) the fastest: long stretches say little, and
    a slow decay multiplies a rate seen in seconds into a move that nobody has seen.
    """
    grid = np.exp(np.linspace(math.log(DECAY_BOUNDS[0]), math.log(DECAY_BOUNDS[1]), 200))
    chi2 = np.array([_rate_and_chi2(p, j, float(theta))[2] for theta in grid])
    fastest = float(grid[np.flatnonzero(chi2 <= chi2.min() + CHI2_10)[-1]])
    rate, error, _ = _rate_and_chi2(p, j, fastest)
    with_drift = _rate_and_chi2(p, j, drift_theta)[2]
    return Decay(p.names[j], fastest, rate, error, with_drift - float(chi2.min()))


def _explained(p: Profile, horizon_s: float, theta: float) -> float:
    """Variance (bps²) of the return over `horizon_s` that the profile's only feature explains if its
    signal decays at `theta`; what noise in the fitted rate would explain is taken off."""
    rate, error, _ = _rate_and_chi2(p, 0, theta)
    return max(rate**2 - error**2, 0.0) * float(p.deviation[0]) ** 2 * reach_s(theta, horizon_s) ** 2


def quick_signals(
    time_s: Floats, mid: Floats, x: Floats, names: tuple[str, ...], *, horizon_s: float = 10.0
) -> list[Decay]:
    """The features of `x` (n, k) whose signal is over within the horizon: decay above 1/h, told from a
    decay of 1/h by the 1 % point of χ². They are alphas whatever the drift."""
    p = profile(time_s, mid, x, names)
    found = [fit_decay(p, j, 1.0 / horizon_s) for j in range(len(names))]
    return [d for d in found if d.excess_chi2 > CHI2_1 and d.decay_per_s > 1.0 / horizon_s]


def net_of(time_s: Floats, mid: Floats, x: Floats, decays: list[Decay], *, gap_s: float = 10.0) -> Floats:
    """(n,) the mid without the moves its quick signals foretold, column j of `x` that of `decays[j]`.

    Between two samples a signal x moves the mid by rate·x·(1 − e^(−θΔ))/θ; a silent one by nothing.
    """
    dt = np.diff(time_s)
    moved = np.zeros(len(time_s))
    for j, d in enumerate(decays):
        signal = x[:, j] - np.nanmean(x[:, j])
        step = d.rate * np.nan_to_num(signal[:-1]) * -np.expm1(-d.decay_per_s * dt) / d.decay_per_s
        moved[1:] += np.cumsum(np.where(dt <= gap_s, step, 0.0))
    return np.asarray(mid * np.exp(-1e-4 * moved))


def joint_scales(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    decays: list[Decay],
    *,
    horizon_s: float = 10.0,
    gap_s: float = 10.0,
) -> tuple[Floats, Floats]:
    """(scales, errors) of the signals' moves looked at together, column j of `x` that of `decays[j]`.

    Each decay was fitted as if its signal were the only one; signals that tell the same would be counted
    twice. r(0, h) is regressed on the moves rate·x·(1 − e^(−θh))/θ that each foretells; a silent one
    foretells none. A scale of 1: all of it is its own.
    """
    moves = np.empty((len(time_s), len(decays)))
    for j, d in enumerate(decays):
        signal = np.nan_to_num(x[:, j] - np.nanmean(x[:, j]))
        moves[:, j] = d.rate * signal * reach_s(d.decay_per_s, horizon_s)
    r = forward_returns(time_s, mid, 0.0, horizon_s, gap_s=gap_s)
    ok = np.isfinite(r)
    lag = hac_lag(horizon_s, step_of(time_s), int(ok.sum()))
    scale, spread = least_squares(moves[ok] - moves[ok].mean(axis=0), r[ok] - r[ok].mean(), lag)
    return scale, np.sqrt(np.maximum(np.diag(spread), 0.0))


@dataclass(frozen=True)
class Kind:
    """What a feature is, and why."""

    name: str
    kind: str  # OBSERVATION or ALPHA
    known: float  # K̂ of its own forecast over the horizon
    decay: Decay
    reason: str


def classify(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    names: tuple[str, ...],
    *,
    theta: float,
    stationary: float,
    horizon_s: float = 10.0,
) -> list[Kind]:
    """Observation or alpha, for every feature of `x` (n, k), beside the drift (θ, P_∞; 0: no drift)."""
    p = profile(time_s, mid, x, names)
    out = []
    for j, name in enumerate(names):
        own = profile(time_s, mid, x[:, [j]], (name,)) if len(names) > 1 else p
        alone = fit_decay(own, 0, theta)
        claims = max(_explained(own, horizon_s, theta), _explained(own, horizon_s, alone.decay_per_s))
        known = known_share(claims, stationary, theta, horizon_s)
        decay = fit_decay(p, j, theta)
        faster = decay.excess_chi2 > CHI2_1 and decay.decay_per_s > 2.0 * theta
        if known > MOST_KNOWN:
            kind = Kind(name, ALPHA, known, decay, f"claims K̂ = {known:.2f} > {MOST_KNOWN:g}")
        elif faster:
            why = f"arrives at {decay.decay_per_s:.2g}/s, the drift reverts at {theta:.2g}/s"
            kind = Kind(name, ALPHA, known, decay, why)
        else:
            kind = Kind(name, OBSERVATION, known, decay, f"K̂ = {known:.2f}")
        out.append(kind)
    return out
