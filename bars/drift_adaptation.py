"""How fast θ and σ_μ of the drift are learned online, started three times off; and from white noise.

Simulated OU drift at 1 s, price observations only, the true σ given. The truth is θ = .02/s,
σ_μ = .01 (bps/s)/√s, in a market as loud as Binance's BTC perpetual (σ = 1.4 bps/√s) and as calm as
Hyperliquid's (.57).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

from bars import Figure
from bars.filter_coverage import ou_path
from undertow.kernel.belief import BELIEF, belief_cycle, belief_params, init_belief
from undertow.kernel.features import N_FEATURES
from undertow.records import Rec, new_record

TITLE = "Adaptation of the drift's parameters: how long from three times off"

DAY_S = 86_400
HOUR_S = 3_600


@nb.njit(cache=True)
def _run(
    state: Rec,
    params: Rec,
    log_mid: NDArray[np.float64],
    sigma: float,
    features: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Drive the belief at 1 s; θ and σ_μ at the end of every hour into `out`."""
    for i in range(len(log_mid)):
        mid = 100.0 * math.exp(1e-4 * log_mid[i])
        belief_cycle(state, params, (i + 1) * 1_000_000_000, mid, sigma, features)
        if (i + 1) % HOUR_S == 0:
            out[(i + 1) // HOUR_S - 1, 0] = state.adaptation.theta
            out[(i + 1) // HOUR_S - 1, 1] = state.adaptation.sigma_mu


def adapted(
    *, seed: int, days: float, theta: float, sigma_mu: float, sigma: float, start: tuple[float, float]
) -> NDArray[np.float64]:
    """(hours, 2): θ and σ_μ in use at the end of each hour, started at `start`; `sigma_mu` 0: white noise."""
    rng = np.random.default_rng(seed)
    n = round(days * DAY_S)
    mu = ou_path(rng, n, theta, sigma_mu / math.sqrt(2.0 * theta)) if sigma_mu > 0.0 else np.zeros(n)
    log_mid = np.cumsum(mu + rng.normal(0.0, sigma, n))
    params = belief_params(theta_per_s=start[0], sigma_mu=start[1])
    state = new_record(BELIEF)
    init_belief(state, params)
    out = np.empty((n // HOUR_S, 2))
    _run(state, params, log_mid, sigma, np.full(N_FEATURES, np.nan), out)
    return out


def _far(sigma: float, off: float, factor: float, seeds: list[int]) -> Figure:
    """From `off` times the true σ_μ: where a day leaves it, and half a day, two and seven."""
    days = (0.5, 1.0, 2.0, 7.0)
    at = [round(24 * d) - 1 for d in days]
    start = (0.02, 0.01 * off)
    paths = [adapted(seed=s, days=7.0, theta=0.02, sigma_mu=0.01, sigma=sigma, start=start) for s in seeds]
    logs = np.log(np.array(paths)[:, at])
    middle = np.exp(logs.mean(axis=0))
    value = float(middle[1, 1] / 0.01)
    return Figure(
        f"σ_μ over the truth after a day, σ = {sigma:g}, started at {off:.2g}×",
        round(value, 2),
        f"within a factor of {factor:g}",
        abs(math.log(value)) < math.log(factor),
        seeds,
        {
            "days": days,
            "sigma_mu": middle[:, 1].round(4).tolist(),
            "theta": middle[:, 0].round(4).tolist(),
            "log σ_μ, deviation over seeds": logs[:, :, 1].std(axis=0).round(2).tolist(),
        },
    )


def measure() -> list[Figure]:
    """Both markets from below and above (the loud one need only come nearer); and white noise."""
    seeds = list(range(1, 21))
    figures = [_far(sigma, off, f, seeds) for sigma, f in ((0.57, 1.4), (1.4, 3.0)) for off in (1 / 3, 3.0)]
    start = (0.02, 0.005)
    paths = [adapted(seed=s, days=7.0, theta=0.02, sigma_mu=0.0, sigma=1.4, start=start) for s in seeds]
    runs = np.array(paths) / start
    highest, end = float(runs[:, :, 1].max()), float(np.exp(np.log(runs[:, -1, 1]).mean()))
    detail = {
        "lowest": round(float(runs[:, :, 1].min()), 2),
        "after a week": round(end, 2),
        "share of hours above 1.2": round(float((runs[:, :, 1] > 1.2).mean()), 3),
        "θ over its start": [round(float(runs[:, :, 0].min()), 2), round(float(runs[:, :, 0].max()), 2)],
    }
    name = "white noise: highest σ_μ over its start in any hour of a week"
    passed = highest <= 2.0 and end < 1.0
    return [
        *figures,
        Figure(name, round(highest, 2), "<= 2, and lower after the week", passed, seeds, detail),
    ]
