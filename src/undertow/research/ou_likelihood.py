"""θ, σ_μ of the drift, and σ, σ_noise of the mid, by state-space maximum likelihood.

    dx = μ dt + σ dW,   dμ = −θμ dt + σ_μ dB,   y_i = x(t_i) + noise_i,  noise_i ~ N(0, σ_noise²)

y is the log mid in bps at irregular times about a second apart. The transition over any Δt is exact
(a = (1 − e^(−θΔt))/θ: x ← x + aμ; Var x = σ²Δt + (σ_μ/θ)²(Δt − 2a + (1 − e^(−2θΔt))/2θ), Cov = σ_μ²a²/2,
Var μ = P_∞(1 − e^(−2θΔt))). A gap starts x anew, diffuse; μ is predicted across it. σ is concentrated
out of the likelihood, the rest is found in log θ, log(σ_μ/σ), σ_noise/σ from the best of a grid.

A mid is not a Brownian motion of constant σ with Gaussian steps. Two things that would otherwise pose
as drift are taken out first (`series.relative_variance`, `series.winsorised`): the variance of each
step follows the local one, and steps beyond six local deviations are cut to six.

Whether there is a drift at all: twice the log-likelihood over that of σ_μ = 0 (where θ means nothing)
must exceed `EVIDENCE`; else `identified` is false, θ and σ_μ are what the maximiser wandered to, and
`sigma_mu_upper` (at θ = .02/s, 95 %) is all that can be said.

Source: docs/model.md §4; Durbin & Koopman (2012), ch. 4, 5 and 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from undertow.compiled import compiled
from undertow.kernel.drift_adaptation import SIGMA_MU_BOUNDS, THETA_BOUNDS
from undertow.research.series import log_mid_bps, relative_variance, winsorised

Floats = NDArray[np.float64]

EVIDENCE: Final = 8.0
"""Twice the log-likelihood ratio that counts as a drift (measured on white noise: tests/research)."""

REFERENCE_THETA: Final = 0.02

_STARTS: Final = tuple(
    (t, q) for t in (0.007, 0.02, 0.06, 0.3) for q in (0.001, 0.003, 0.01, 0.03, 0.1)
)  # θ, σ_μ/σ
_TINY: Final = 1e-6


@dataclass(frozen=True)
class OuFit:
    """A fitted drift. Errors are standard errors of the *logs* of θ and σ_μ (NaN where not identified)."""

    theta_per_s: float
    sigma_mu: float  # (bps/s)/√s
    sigma: float  # bps/√s
    sigma_noise: float  # bps
    theta_error: float
    sigma_mu_error: float
    evidence: float  # twice the log-likelihood over that of no drift
    identified: bool
    sigma_mu_upper: float  # 95 % upper limit at θ = .02/s
    seconds: float
    observations: int

    @property
    def stationary_variance(self) -> float:
        """P_∞ in (bps/s)²."""
        return self.sigma_mu**2 / (2.0 * self.theta_per_s)


@compiled
def _filter(
    time_s: Floats, y: Floats, relative: Floats, theta: float, q: float, noise: float, gap_s: float
) -> tuple[float, float, int]:
    """(Σ v²/F, Σ log F, count) at σ = 1, σ_μ = q, σ_noise = noise."""
    stationary = q * q / (2.0 * theta)
    r = noise * noise
    x, mu, pxx, pxm, pmm = y[0], 0.0, r, 0.0, stationary
    squares = logs = dt = e = a = grown = 0.0
    product = 1.0
    count = 0
    for i in range(1, len(y)):
        if time_s[i] - time_s[i - 1] != dt:  # most steps are alike
            dt = time_s[i] - time_s[i - 1]
            e = math.exp(-theta * dt)
            a = -math.expm1(-theta * dt) / theta
            grown = (q / theta) ** 2 * (dt - 2.0 * a + (1.0 - e * e) / (2.0 * theta))
        after = stationary + (pmm - stationary) * e * e
        if dt > gap_s:
            mu, pmm = mu * e, after
            x, pxx, pxm = y[i], r, 0.0
            continue
        pxx = pxx + 2.0 * a * pxm + a * a * pmm + relative[i] * dt + grown
        pxm = e * (pxm + a * pmm) + 0.5 * q * q * a * a
        pmm = after
        x, mu = x + a * mu, e * mu
        f, v = pxx + r, y[i] - x
        squares += v * v / f
        product *= f
        if not 1e-200 < product < 1e200:
            logs += math.log(product)
            product = 1.0
        count += 1
        kx, km = pxx / f, pxm / f
        x += kx * v
        mu += km * v
        pmm -= km * pxm
        pxm *= 1.0 - kx
        pxx *= 1.0 - kx
    return squares, logs + math.log(product), count


@dataclass(frozen=True)
class _Likelihood:
    """Minus the log-likelihood of one series, σ concentrated out."""

    time_s: Floats
    y: Floats
    relative: Floats
    gap_s: float

    def __call__(self, theta: float, q: float, noise: float) -> float:
        squares, logs, n = _filter(self.time_s, self.y, self.relative, theta, q, noise, self.gap_s)
        return 0.5 * (n * math.log(squares / n) + logs + n * (1.0 + math.log(2.0 * math.pi)))

    def sigma(self, theta: float, q: float, noise: float) -> float:
        """The σ that goes with them."""
        squares, _, n = _filter(self.time_s, self.y, self.relative, theta, q, noise, self.gap_s)
        return math.sqrt(squares / n)

    def best_noise(self, theta: float, q: float) -> tuple[float, float]:
        """(σ_noise/σ, minus the log-likelihood) for given θ and σ_μ/σ."""
        found = optimize.minimize_scalar(
            lambda c: self(theta, q, c), bounds=(0.0, 3.0), method="bounded", options={"xatol": 1e-4}
        )
        at_zero = self(theta, q, 0.0)
        return (float(found.x), float(found.fun)) if found.fun < at_zero else (0.0, at_zero)


def _simplex(theta: float, q: float, noise: float) -> Floats:
    at = np.array([math.log(theta), math.log(q), noise])
    return np.vstack([at, at + np.diag([0.5, 0.5, 0.1])])


def _maximise(likelihood: _Likelihood, noise: float) -> tuple[Floats, float]:
    """(log θ, log σ_μ/σ, σ_noise/σ) from the best of a grid of starts, and minus its log-likelihood."""
    bounds = [
        (math.log(THETA_BOUNDS[0]), math.log(THETA_BOUNDS[1])),
        (math.log(_TINY), 0.0),
        (0.0, 3.0),
    ]
    noise = max(noise, 0.01)
    theta, q = min(_STARTS, key=lambda start: likelihood(start[0], start[1], noise))
    found = optimize.minimize(
        lambda p: likelihood(math.exp(p[0]), math.exp(p[1]), p[2]),
        np.array([math.log(theta), math.log(q), noise]),
        method="Nelder-Mead",  # differences of a sum over 10⁵ steps give no gradient to rely on
        bounds=bounds,
        options={"initial_simplex": _simplex(theta, q, noise), "xatol": 2e-3, "fatol": 1e-3},
    )
    return np.asarray(found.x, dtype=np.float64), float(found.fun)


def _upper_limit(likelihood: _Likelihood, noise: float, sigma: float) -> float:
    """Largest σ_μ at the reference θ within 1.35 nats (95 %, one-sided) of its best, σ_noise held."""

    def cost(log_q: float) -> float:
        return likelihood(REFERENCE_THETA, math.exp(log_q), noise)

    low, high = math.log(_TINY), math.log(10.0 * SIGMA_MU_BOUNDS[1] / sigma)
    best = optimize.minimize_scalar(cost, bounds=(low, high), method="bounded")
    least = min(float(best.fun), cost(low)) + 1.3528
    if cost(high) <= least:
        return math.exp(high) * sigma
    root = optimize.brentq(lambda p: cost(p) - least, float(best.x), high, xtol=1e-3)
    return math.exp(float(root)) * sigma


def _errors(likelihood: _Likelihood, at: Floats) -> tuple[float, float]:
    """Standard errors of log θ and log σ_μ from the curvature; NaN where it is not a maximum."""
    free = [0, 1] if at[2] < 0.05 else [0, 1, 2]
    steps, hessian = np.array([0.05, 0.05, 0.02]), np.empty((len(free), len(free)))
    for m, i in enumerate(free):
        for n, j in enumerate(free):
            total = 0.0
            for si, sj in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                p = at.copy()
                p[i] += si * steps[i]
                p[j] += sj * steps[j]
                total += si * sj * likelihood(math.exp(p[0]), math.exp(p[1]), max(float(p[2]), 0.0))
            hessian[m, n] = total / (4.0 * steps[i] * steps[j])
    try:
        squared = np.diag(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        return math.nan, math.nan
    if (squared[:2] <= 0.0).any():
        return math.nan, math.nan
    return float(np.sqrt(squared[0])), float(np.sqrt(squared[1]))


def fit_ou_drift(
    time_s: Floats,
    mid: Floats,
    *,
    gap_s: float = 30.0,
    half_life_s: float = 300.0,
    winsor: float = 6.0,
    constant_sigma: bool = False,
) -> OuFit:
    """Fit the drift to a mid series (shapes (n,), seconds and price) sampled about once a second.

    `constant_sigma` takes the series as it is (simulations). ValueError below 100 steps or where the
    mid does not move.
    """
    time_s, y = log_mid_bps(time_s, mid)
    steps = np.diff(time_s) <= gap_s
    if steps.sum() < 100 or not np.diff(y)[steps].any():
        raise ValueError(f"a drift cannot be fitted to {int(steps.sum())} steps of this mid")
    relative = np.ones(len(y))
    if not constant_sigma:
        relative = relative_variance(time_s, y, half_life_s=half_life_s, gap_s=gap_s)
        y = winsorised(time_s, y, relative, deviations=winsor)
    likelihood = _Likelihood(time_s, y, relative, gap_s)
    null_noise, null = likelihood.best_noise(REFERENCE_THETA, _TINY)
    at, least = _maximise(likelihood, null_noise)
    theta, q, noise = math.exp(at[0]), math.exp(at[1]), float(at[2])
    sigma = likelihood.sigma(theta, q, noise)
    evidence = 2.0 * (null - least)
    identified = evidence > EVIDENCE
    theta_error, sigma_mu_error = _errors(likelihood, at) if identified else (math.nan, math.nan)
    return OuFit(
        theta_per_s=theta,
        sigma_mu=q * sigma,
        sigma=sigma,
        sigma_noise=noise * sigma,
        theta_error=theta_error,
        sigma_mu_error=sigma_mu_error,
        evidence=evidence,
        identified=identified,
        sigma_mu_upper=_upper_limit(likelihood, noise, sigma),
        seconds=float(np.diff(time_s)[steps].sum()),
        observations=int(steps.sum()),
    )
