"""The belief's 90 % interval covers 90 %: several features, their noise correlated and persistent.

Simulated OU drift (θ = .02/s, σ_μ = .01) at 1 s, four features of it through the whole belief:

    x_k = gain_k·μ + deviation_k·(√½·common_k + √½·own_k),    noise times 5, 10, 20, 40 s

common_k are filtered from the same shocks at each feature's own time, so noises are correlated; the
fourth feature has gain 0: nothing but noise, correlated with the others'. Calibrated on the first
half (research/calibrate.py), run on the second. Two markets: as calm as Hyperliquid's BTC perpetual
(σ = .57 bps/√s, where six days of price tell θ and σ_μ, which are fitted too) and as loud as Binance's
(σ = 1.4, where they do not: there θ and σ_μ are given, as in bars/filter_coverage.py).

The rule by which R grows with the noise's persistence is set beside the plain 2τ/Δt on the cases of
bars/filter_coverage.py.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

from bars import Figure
from bars.filter_coverage import Z90, ou_path
from undertow.kernel.belief import BELIEF, belief_cycle, belief_params, init_belief
from undertow.kernel.drift import ou_predict
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.records import Rec, new_record
from undertow.research.calibrate import drift_in_use, fit_forecast
from undertow.research.ou_likelihood import fit_ou_drift

TITLE = "Belief: coverage of its 90 % interval, four features with correlated, persistent noise"

THETA, SIGMA_MU = 0.02, 0.01
CALM, LOUD = 0.57, 1.4
NAMES = ("book_imbalance_10", "flow_slow", "trend", "lead")
TAU_S = (5.0, 10.0, 20.0, 40.0)
DEVIATION = (0.05, 0.06, 0.05, 0.08)
GAIN = (1.0, 1.0, 0.5, 0.0)

Floats = NDArray[np.float64]


def market(seed: int, n: int, sigma: float) -> tuple[Floats, Floats, Floats]:
    """(μ in bps/s, log mid in bps, features (n, 4))."""
    rng = np.random.default_rng(seed)
    mu = ou_path(rng, n, THETA, SIGMA_MU / math.sqrt(2.0 * THETA))
    log_mid = np.cumsum(mu + rng.normal(0.0, sigma, n))
    columns = []
    for tau, deviation, gain in zip(TAU_S, DEVIATION, GAIN, strict=True):
        common = ou_path(np.random.default_rng([seed, 7]), n, 1.0 / tau, 1.0)
        own = ou_path(rng, n, 1.0 / tau, 1.0)
        columns.append(gain * mu + deviation * math.sqrt(0.5) * (common + own))
    return mu, log_mid, np.column_stack(columns)


@nb.njit(cache=True)
def _run(
    state: Rec,
    params: Rec,
    log_mid: Floats,
    sigma: float,
    x: Floats,
    at: NDArray[np.int64],
    features: Floats,
    out: Floats,
) -> None:
    """Drive the belief once a second; μ̂ and P after each cycle into `out`."""
    for i in range(len(log_mid)):
        for k in range(len(at)):
            features[at[k]] = x[i, k]
        mid = 100.0 * math.exp(1e-4 * log_mid[i])
        belief_cycle(state, params, (i + 1) * 1_000_000_000, mid, sigma, features)
        out[i, 0] = state.drift.mu
        out[i, 1] = state.drift.variance


def _score(mu: Floats, out: Floats) -> tuple[float, float]:
    """(share of time the 90 % interval holds μ, RMSE over the prior's), the first 500 s left out."""
    error = (mu - out[:, 0])[500:]
    inside = np.abs(error) < Z90 * np.sqrt(out[500:, 1])
    prior = SIGMA_MU / math.sqrt(2.0 * THETA)
    return float(np.mean(inside)), float(np.sqrt(np.mean(error**2)) / prior)


def honesty(seed: int, n: int, sigma: float, *, fit_drift: bool) -> tuple[float, float]:
    """(coverage, RMSE over the prior's) on the second half, calibrated on the first."""
    mu, log_mid, x = market(seed, n, sigma)
    half = n // 2
    time_s, mid = np.arange(half, dtype=np.float64), 100.0 * np.exp(1e-4 * log_mid[:half])
    theta, sigma_mu = THETA, SIGMA_MU
    if fit_drift:
        theta, sigma_mu = drift_in_use(fit_ou_drift(time_s, mid, constant_sigma=True))
    part, sigma_mu = fit_forecast(time_s, mid, x[:half], NAMES, theta=theta, sigma_mu=sigma_mu)
    given = {}
    if part is not None:
        given = {
            "loadings": {f.name: f.loading for f in part.features},
            "centers": {f.name: f.center for f in part.features},
            "covariance": np.array(part.covariance),
            "tau_noise_s": part.tau_noise_s,
        }
    params = belief_params(
        theta_per_s=theta, sigma_mu=sigma_mu, floor=0.0, frozen=True, pace_cycles=(1, 1, 1), **given
    )
    state, out = new_record(BELIEF), np.empty((n - half, 2))
    init_belief(state, params)
    at = np.array([FEATURE_NAMES.index(name) for name in NAMES])
    _run(state, params, log_mid[half:], sigma, x[half:], at, np.full(N_FEATURES, np.nan), out)
    return _score(mu[half:], out)


def _bar(name: str, runs: Floats, seeds: list[int], *, barred: bool = True) -> Figure:
    """A figure of coverage by seed; `barred` False: reported, for what cannot be known."""
    average = float(runs[:, 0].mean())
    detail = {
        "by_seed": runs[:, 0].round(3).tolist(),
        "seeds within .86–.94": round(float((np.abs(runs[:, 0] - 0.9) <= 0.04).mean()), 2),
        "RMSE over the prior's": round(float(runs[:, 1].mean()), 3),
    }
    passed = 0.88 <= average <= 0.92
    bar = ".88–.92" if barred else "reported, not barred"
    return Figure(f"{name}: coverage", round(average, 3), bar, passed or not barred, seeds, detail)


@nb.njit(cache=True)
def _plain_rule(log_mid: Floats, sigma: float, z: Floats, noise: float, tau: float, out: Floats) -> None:
    """The filter of price and one observation, R × max(1, 2τ/Δt) at Δt = 1 s."""
    stationary = 0.0025
    mu, p = 0.0, 2.0 * stationary
    for i in range(1, len(log_mid)):
        mu, p = ou_predict(mu, p, 0.02, stationary, 1.0)
        for seen, r in ((log_mid[i] - log_mid[i - 1], sigma * sigma), (z[i], noise * max(1.0, 2.0 * tau))):
            gain = p / (p + r)
            mu, p = mu + gain * (seen - mu), (1.0 - gain) * p
        out[i, 0], out[i, 1] = mu, p


def side_by_side(seed: int, n: int, deviation: float, tau: float) -> tuple[float, float, float, float]:
    """(coverage, RMSE) by the plain rule, then by the belief's; one feature, its truth known."""
    rng = np.random.default_rng(seed)
    prior = SIGMA_MU / math.sqrt(2.0 * THETA)
    mu = ou_path(rng, n, THETA, prior)
    log_mid = np.cumsum(mu + rng.normal(0.0, LOUD, n))
    x = mu + ou_path(rng, n, 1.0 / tau, deviation)
    plain, own = np.zeros((n, 2)), np.zeros((n, 2))
    _plain_rule(log_mid, LOUD, x, deviation**2, tau, plain)
    known = prior**2 / (prior**2 + deviation**2)
    reach = -math.expm1(-10.0 * THETA) / THETA
    params = belief_params(
        theta_per_s=THETA,
        sigma_mu=SIGMA_MU,
        floor=0.0,
        frozen=True,
        loadings={"book_imbalance_10": known * reach},
        covariance=np.array([[prior**2 + deviation**2]]),
        tau_noise_s=tau,
    )
    state = new_record(BELIEF)
    init_belief(state, params)
    at = np.array([FEATURE_NAMES.index("book_imbalance_10")])
    _run(state, params, log_mid, LOUD, x[:, None], at, np.full(N_FEATURES, np.nan), own)
    return (*_score(mu, plain), *_score(mu, own))


def measure() -> list[Figure]:
    """Coverage over 20 seeds of 11.6 days; and the two rules side by side."""
    seeds, n = list(range(1, 21)), 1_000_000
    figures = []
    for name, sigma, fit, barred in (
        ("calm market, all fitted on the first half", CALM, True, True),
        ("calm market, θ and σ_μ given", CALM, False, True),
        ("loud market, θ and σ_μ given", LOUD, False, True),
        ("loud market, all fitted on the first half", LOUD, True, False),
    ):
        runs = np.array([honesty(s, n, sigma, fit_drift=fit) for s in seeds])
        figures.append(_bar(name, runs, seeds, barred=barred))
    for deviation, tau in ((0.05, 10.0), (0.05, 30.0), (0.02, 10.0), (0.02, 30.0), (0.2, 10.0)):
        runs = np.array([side_by_side(s, 200_000, deviation, tau) for s in seeds])
        plain_coverage, plain_error, coverage, error = runs.mean(axis=0)
        detail = {
            "coverage by 2τ/Δt": round(float(plain_coverage), 3),
            "RMSE over the prior's": round(float(error), 3),
            "RMSE by 2τ/Δt": round(float(plain_error), 3),
        }
        name = f"R of repeated noise, n_x={deviation:g} τ_x={tau:g} s: coverage"
        passed = bool(0.88 <= coverage <= 0.92 and error <= plain_error + 0.002)
        bar = ".88–.92, no larger an error than by 2τ/Δt"
        figures.append(Figure(name, round(float(coverage), 3), bar, passed, seeds, detail))
    return figures
