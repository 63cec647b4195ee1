"""The drift filter knows how much it does not know: coverage and error on simulated drift.

Expected numbers: ``golden/README.md`` of the project's model documents ("Drift filter on simulated OU
drift"): θ = .02/s, σ_μ = .01, σ = 1.4 bps/√s, Δt = 1 s, 2·10⁵ s; feature = μ + OU noise of deviation
n_x and time τ_x; its forecast of the 10 s return fitted on the first half; the filter run on the
second half with price and feature observations, R of the feature as it is or × 2τ_x/Δt.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from bars import Figure
from undertow.kernel.drift import DRIFT, drift_look, drift_params, init_drift, observation_of_forecast, update
from undertow.records import Rec, new_record

TITLE = "Drift filter: coverage of its 90 % interval, error over the prior's"

THETA, SIGMA_MU, SIGMA, HORIZON_S = 0.02, 0.01, 1.4, 10.0
Z90 = 1.6448536269514722


class Row(NamedTuple):
    """One line of the golden table: the feature's noise and the published coverage/error pairs."""

    deviation: float
    tau_s: float  # 0: white
    plain: tuple[float, float]
    inflated: tuple[float, float] | None


GOLDEN = (
    Row(0.05, 10.0, (0.585, 0.78), (0.903, 0.72)),
    Row(0.05, 30.0, (0.542, 0.86), (0.908, 0.82)),
    Row(0.02, 10.0, (0.619, 0.38), (0.915, 0.44)),
    Row(0.2, 10.0, (0.532, 1.58), (0.893, 0.96)),
    Row(0.05, 0.0, (0.880, 0.41), None),
)


def ou_path(rng: np.random.Generator, n: int, theta: float, deviation: float) -> NDArray[np.float64]:
    """A stationary Ornstein–Uhlenbeck path at steps of 1 s; white noise for θ = ∞."""
    if math.isinf(theta):
        return rng.normal(0.0, deviation, n)
    kept = math.exp(-theta)
    shocks = rng.normal(0.0, deviation * math.sqrt(1.0 - kept * kept), n)
    return _recursion(rng.normal(0.0, deviation), kept, shocks)


@nb.njit(cache=True)
def _recursion(start: float, kept: float, shocks: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.empty_like(shocks)
    x = start
    for i in range(len(shocks)):
        x = kept * x + shocks[i]
        out[i] = x
    return out


@nb.njit(cache=True)
def _filter(
    state: Rec,
    params: Rec,
    log_mid: NDArray[np.float64],
    forecast: NDArray[np.float64],
    forecast_variance: float,
    persistence: float,
    out: NDArray[np.float64],
) -> None:
    """Run the filter over prices at 1 s and, where `forecast_variance` > 0, forecasts beside them."""
    for i in range(len(log_mid)):
        drift_look(state, params, i * 1_000_000_000, 100.0 * math.exp(1e-4 * log_mid[i]), 1.4)
        if forecast_variance > 0.0:
            z, noise = observation_of_forecast(params, forecast[i], forecast_variance, 10.0, persistence)
            update(state, params, z, noise)
        out[i, 0] = state.mu
        out[i, 1] = state.variance


def coverage(
    n: int, seed: int, deviation: float, tau_s: float, *, inflate: bool, feature: bool = True
) -> tuple[float, float]:
    """(share of time the 90 % interval holds μ, RMSE/prior deviation) over the second half."""
    rng = np.random.default_rng(seed)
    prior = SIGMA_MU / math.sqrt(2.0 * THETA)
    mu = ou_path(rng, n, THETA, prior)
    log_mid = np.cumsum(mu + rng.normal(0.0, SIGMA, n))
    x = mu + ou_path(rng, n, 1.0 / tau_s if tau_s > 0.0 else math.inf, deviation)
    h, half = int(HORIZON_S), n // 2
    ahead = log_mid[h : half + h] - log_mid[:half]
    beta = float(np.dot(x[:half], ahead) / np.dot(x[:half], x[:half]))
    forecast = beta * x[half:]
    params = drift_params(theta_per_s=THETA, sigma_mu=SIGMA_MU, floor=0.0)
    state, out = new_record(DRIFT), np.empty((n - half, 2))
    init_drift(state, params)
    variance = float(np.var(beta * x[:half])) if feature else 0.0
    _filter(state, params, log_mid[half:], forecast, variance, tau_s if inflate else 0.0, out)
    error = (mu[half:] - out[:, 0])[500:]
    inside = np.abs(error) < Z90 * np.sqrt(out[500:, 1])
    return float(np.mean(inside)), float(np.sqrt(np.mean(error**2)) / prior)


def _figure(name: str, runs: NDArray[np.float64], golden: float, seeds: list[int]) -> Figure:
    """A golden value is one draw of an experiment whose fitted forecast varies from seed to seed."""
    average, slack = float(runs.mean()), 2.0 * float(runs.std(ddof=1)) + 0.01
    return Figure(
        name,
        round(average, 3),
        f"{golden:.3f} ± {slack:.3f} (two deviations over seeds)",
        abs(average - golden) <= slack,
        seeds,
        {"by_seed": runs.round(3).tolist()},
    )


def measure() -> list[Figure]:
    """Every row of the golden table at its size (no floor of P), over seeds; and the price alone."""
    n, seeds = 200_000, list(range(1, 9))
    figures = []
    for row in GOLDEN:
        for name, inflate, golden in (("as is", False, row.plain), ("inflated", True, row.inflated)):
            if golden is None:
                continue
            runs = np.array([coverage(n, s, row.deviation, row.tau_s, inflate=inflate) for s in seeds])
            label = f"n_x={row.deviation:g} τ_x={row.tau_s:g} s, R {name}"
            figures.append(_figure(f"{label}: coverage", runs[:, 0], golden[0], seeds))
            figures.append(_figure(f"{label}: RMSE / prior deviation", runs[:, 1], golden[1], seeds))
    runs = np.array([coverage(n, s, 0.05, 10.0, inflate=False, feature=False) for s in seeds])
    share, error = float(runs[:, 0].mean()), float(runs[:, 1].mean())
    return [
        *figures,
        Figure("price alone: coverage", round(share, 3), ".90 ± .01", abs(share - 0.9) <= 0.01, seeds),
        Figure("price alone: RMSE / prior deviation", round(error, 3), "< 1", error < 1.0, seeds),
    ]
