"""Maximum likelihood of the two-sided exponential Hawkes process, and its simulation.

    λ_s(t) = μ_s + β·Σ_{t_i < t} (same if i on s, else cross)·e^(−β(t − t_i))
    ln L = Σ_i ln λ_{s_i}(t_i) − Σ_s ∫_0^T λ_s dt

by the recursion of Ogata (1981), linear in the number of orders. Orders of one time (one block) do
not excite each other. The fit runs over ln μ_b, ln μ_a, ln β and the logits of the branching ratio
same + cross (< 1 by construction) and of the share of `same` in it; standard errors are by the
delta method from the observed information.

Source: Ogata, IEEE Trans. Inf. Theory 27 (1981) 23–31; Ozaki, Ann. Inst. Stat. Math. 31 (1979) 145–155.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numba as nb
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from undertow.compiled import compiled
from undertow.kernel.hawkes import hawkes_params
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec

DECAY_RANGE: Final = (0.05, 10.0)
MIN_ORDERS: Final = 20


@dataclass(frozen=True)
class HawkesFit:
    """What was fitted: rates in orders/s, β in 1/s, children per order; `errors` in the same order."""

    mu_bid: float
    mu_ask: float
    decay_per_s: float
    branching_same: float
    branching_cross: float
    errors: tuple[float, float, float, float, float]
    log_likelihood: float
    poisson_log_likelihood: float
    orders: int
    seconds: float

    def params(self, **changes: float) -> Rec:
        """Parameters of the online estimator: β and branching of this fit, the rest as given."""
        return hawkes_params(
            decay_per_s=self.decay_per_s,
            branching_same=self.branching_same,
            branching_cross=self.branching_cross,
            **changes,
        )


@compiled
def _log_likelihood(
    times: NDArray[np.float64],
    sides: NDArray[np.int64],
    seconds: float,
    mu: NDArray[np.float64],
    same: float,
    cross: float,
    decay: float,
) -> float:
    total = -(mu[0] + mu[1]) * seconds
    excitation = np.zeros(2)  # by orders strictly before the current time
    waiting = np.zeros(2)  # orders at the current time
    last = 0.0
    for i in range(times.shape[0]):
        if i == 0 or times[i] > last:
            kept = math.exp(-decay * (times[i] - last))
            excitation = (excitation + waiting) * kept
            waiting[:] = 0.0
            last = times[i]
        side = sides[i]
        rate = mu[side] + decay * (same * excitation[side] + cross * excitation[1 - side])
        if rate <= 0.0:
            return -np.inf
        total += math.log(rate) + (same + cross) * math.expm1(-decay * (seconds - times[i]))
        waiting[side] += 1.0
    return total


def log_likelihood(
    times_s: NDArray[np.float64],
    sides: NDArray[np.int64],
    seconds: float,
    *,
    mu: tuple[float, float],
    branching_same: float,
    branching_cross: float,
    decay_per_s: float,
) -> float:
    """ln L of orders at `times_s` in [0, `seconds`] on `sides` (0 bid, 1 ask); −∞ if impossible.

    `mu` in orders/s. Raises ValueError if times decrease or lie outside, or sides are not 0 or 1.
    """
    times, which = _checked(times_s, sides, seconds)
    require("hawkes", decay_per_s=decay_per_s)
    require_not_negative("hawkes", mu_bid=mu[0], mu_ask=mu[1], same=branching_same, cross=branching_cross)
    return float(
        _log_likelihood(times, which, seconds, np.array(mu), branching_same, branching_cross, decay_per_s)
    )


def _checked(
    times_s: NDArray[np.float64], sides: NDArray[np.int64], seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    times, which = np.asarray(times_s, dtype=np.float64), np.asarray(sides, dtype=np.int64)
    if times.shape != which.shape or times.ndim != 1:
        raise ValueError(f"hawkes: times {times.shape} and sides {which.shape} must be one row each")
    require("hawkes", seconds=seconds)
    if len(times) and not (np.all(np.diff(times) >= 0.0) and times[0] >= 0.0 and times[-1] <= seconds):
        raise ValueError(f"hawkes: times must not decrease and lie within 0 and {seconds} s")
    if not np.all((which == 0) | (which == 1)):
        raise ValueError("hawkes: sides must be 0 (bid) or 1 (ask)")
    return times, which


def _natural(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(μ_b, μ_a, β, same, cross) of the unbounded coordinates."""
    total, share = 1.0 / (1.0 + np.exp(-x[3])), 1.0 / (1.0 + np.exp(-x[4]))
    return np.array([np.exp(x[0]), np.exp(x[1]), np.exp(x[2]), total * share, total * (1.0 - share)])


def fit_hawkes(times_s: NDArray[np.float64], sides: NDArray[np.int64], seconds: float) -> HawkesFit:
    """Maximum-likelihood fit to orders at `times_s` (s from the start) on `sides` during `seconds`.

    β is held within .05–10/s, the range of the online estimator. Raises ValueError with fewer than
    `MIN_ORDERS` orders on a side, or where `log_likelihood` would.
    """
    times, which = _checked(times_s, sides, seconds)
    counts = np.bincount(which, minlength=2)
    if counts.min() < MIN_ORDERS:
        raise ValueError(f"hawkes: {counts.tolist()} orders per side, needs {MIN_ORDERS}")

    def loss(x: NDArray[np.float64]) -> float:
        n = _natural(x)
        value = _log_likelihood(times, which, seconds, n[:2], float(n[3]), float(n[4]), float(n[2]))
        return -float(value) if math.isfinite(value) else 1e300

    rates = np.log(counts / seconds)
    low, high = np.log(DECAY_RANGE)
    bounds = [(r - 12.0, r + 2.0) for r in rates] + [(low, high), (-8.0, 8.0), (-8.0, 8.0)]
    best: Any = None
    for decay in (0.15, 0.7, 3.0):  # the likelihood in β may have several maxima
        start = np.array([*(rates - math.log(2.0)), math.log(decay), 0.0, 1.0])
        found = optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds)
        if best is None or found.fun < best.fun:
            best = found
    mu_bid, mu_ask, decay, same, cross = (float(v) for v in _natural(best.x))
    return HawkesFit(
        mu_bid=mu_bid,
        mu_ask=mu_ask,
        decay_per_s=min(max(decay, DECAY_RANGE[0]), DECAY_RANGE[1]),
        branching_same=same,
        branching_cross=cross,
        errors=_errors(loss, best.x),
        log_likelihood=-float(best.fun),
        poisson_log_likelihood=float(np.sum(counts * rates - counts)),
        orders=len(times),
        seconds=seconds,
    )


def _errors(loss: Any, x: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    """Standard errors of the natural parameters; NaN where the likelihood is not curved."""
    step, n = 1e-3, len(x)
    unit = step * np.eye(n)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            corners = loss(x + unit[i] + unit[j]) - loss(x + unit[i] - unit[j])
            corners += loss(x - unit[i] - unit[j]) - loss(x - unit[i] + unit[j])
            hessian[i, j] = hessian[j, i] = corners / (4.0 * step * step)
    jacobian = np.array([(_natural(x + e) - _natural(x - e)) / (2.0 * step) for e in unit]).T
    try:
        covariance = jacobian @ np.linalg.inv(hessian) @ jacobian.T
    except np.linalg.LinAlgError:
        return (math.nan,) * 5
    variances = np.diag(covariance)
    a, b, c, d, e = (math.sqrt(v) if v > 0.0 else math.nan for v in variances)
    return a, b, c, d, e


@nb.njit(cache=True)  # allocates or draws at random, which `compiled` cannot (ADR 40)
def _thin(
    seed: int, seconds: float, mu: NDArray[np.float64], same: float, cross: float, decay: float, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    np.random.seed(seed)  # noqa: NPY002 - compiled code's own generator
    times, sides = np.empty(limit), np.empty(limit, dtype=np.int64)
    excitation = np.zeros(2)
    now, n = 0.0, 0
    while n < limit:
        ceiling = mu[0] + mu[1] + decay * (same + cross) * (excitation[0] + excitation[1])
        wait = -math.log(1.0 - np.random.random()) / ceiling  # noqa: NPY002
        now += wait
        if now > seconds:
            break
        excitation *= math.exp(-decay * wait)
        bid = mu[0] + decay * (same * excitation[0] + cross * excitation[1])
        ask = mu[1] + decay * (same * excitation[1] + cross * excitation[0])
        u = np.random.random() * ceiling  # noqa: NPY002
        if u >= bid + ask:
            continue
        side = 0 if u < bid else 1
        excitation[side] += 1.0
        times[n], sides[n] = now, side
        n += 1
    return times[:n], sides[:n]


def simulate_hawkes(
    seed: int,
    seconds: float,
    *,
    mu: tuple[float, float],
    branching_same: float,
    branching_cross: float,
    decay_per_s: float,
    limit: int = 1_000_000,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Times (s) and sides of a simulated path by thinning; at most `limit` orders.

    Raises ValueError if branching is not below 1.
    """
    require("hawkes", seconds=seconds, mu_bid=mu[0], mu_ask=mu[1], decay_per_s=decay_per_s)
    require_not_negative("hawkes", branching_same=branching_same, branching_cross=branching_cross)
    if not branching_same + branching_cross < 1.0:
        raise ValueError("hawkes: branching_same + branching_cross must be below 1")
    times, sides = _thin(seed, seconds, np.array(mu), branching_same, branching_cross, decay_per_s, limit)
    return times, sides
