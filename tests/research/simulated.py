"""Simulated mids with known drift, alphas and features, at 1 s or finer."""

from __future__ import annotations

import math

import numpy as np
from bars.filter_coverage import ou_path
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def drifting(
    seed: int, n: int, *, theta: float = 0.02, sigma_mu: float = 0.01, sigma: float = 0.57, noise: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """(times, mid, μ) at 1 s; `noise` is the bounce of the mid in bps."""
    rng = np.random.default_rng(seed)
    mu = ou_path(rng, n, theta, sigma_mu / math.sqrt(2.0 * theta)) if sigma_mu > 0.0 else np.zeros(n)
    # what moves the mid after second i is μ_i
    log_mid = np.concatenate([[0.0], np.cumsum(mu + rng.normal(0.0, sigma, n))[:-1]])
    log_mid = log_mid + rng.normal(0.0, noise, n)
    return np.arange(n, dtype=np.float64), 100.0 * np.exp(1e-4 * log_mid), mu


def with_alpha(
    seed: int, n: int, *, decay: float, rate: float, sigma: float = 0.57, step_s: float = 0.5
) -> tuple[Floats, Floats, Floats]:
    """(times, mid, x): x is OU with decay 1/s `decay` and deviation 1, and moves the mid by rate·x bps/s."""
    rng = np.random.default_rng(seed)
    fine = 10
    kept = math.exp(-decay * step_s / fine)
    shocks = rng.normal(0.0, math.sqrt(1.0 - kept**2), n * fine)
    x = np.empty(n * fine)
    level = rng.normal()
    for i, shock in enumerate(shocks):
        x[i] = level
        level = kept * level + shock
    moves = rate * x * step_s / fine + rng.normal(0.0, sigma * math.sqrt(step_s / fine), n * fine)
    log_mid = np.concatenate([[0.0], np.cumsum(moves)[:-1]])
    return step_s * np.arange(n), 100.0 * np.exp(1e-4 * log_mid[::fine]), x[::fine]
