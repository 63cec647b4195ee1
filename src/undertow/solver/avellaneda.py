"""The simulation of Avellaneda and Stoikov (2008), Quantitative Finance 8(3), 217–224, tables 1–3.

Mid moves ±σ√dt, quotes around s − qγσ²(T − t) (or around s: the symmetric strategy) with the spread
γσ²(T − t) + (2/γ)·ln(1 + γ/k), whose average over time the symmetric strategy quotes throughout. A
quote δ from the mid fills with probability A·e^(−kδ)·dt in a step.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray


class Outcome(NamedTuple):
    """Over the paths: mean and deviation of the profit, deviation of the final inventory."""

    profit: float
    profit_std: float
    final_std: float
    paths: int


@nb.njit(cache=True)  # allocates or draws at random, which `compiled` cannot (ADR 40)
def _run(
    seed: int,
    profit: NDArray[np.float64],
    final: NDArray[np.float64],
    gamma: float,
    sigma: float,
    arrival: float,
    k: float,
    horizon: float,
    dt: float,
    follows_inventory: bool,
) -> None:
    np.random.seed(seed)  # noqa: NPY002  Numba's generator
    steps = int(horizon / dt + 0.5)
    base = 2.0 / gamma * math.log(1.0 + gamma / k)
    step = sigma * math.sqrt(dt)
    average = base + 0.5 * gamma * sigma**2 * (horizon + dt)
    for path in range(profit.shape[0]):
        s, q, cash = 100.0, 0, 0.0
        for i in range(steps):
            left = horizon - i * dt
            skew = 0.0
            half = 0.5 * average
            if follows_inventory:
                skew = q * gamma * sigma**2 * left
                half = 0.5 * (base + gamma * sigma**2 * left)
            bid, ask = half + skew, half - skew
            bought = np.random.random() < arrival * math.exp(-k * bid) * dt  # noqa: NPY002
            sold = np.random.random() < arrival * math.exp(-k * ask) * dt  # noqa: NPY002
            if bought:
                q += 1
                cash -= s - bid
            if sold:
                q -= 1
                cash += s + ask
            s += step if np.random.random() < 0.5 else -step  # noqa: NPY002
        profit[path] = cash + q * s
        final[path] = q


def simulate(
    gamma: float, *, inventory: bool, paths: int, seed: int, sigma: float = 2.0, dt: float = 0.005
) -> Outcome:
    """`paths` paths with the tables' s = 100, T = 1, A = 140, k = 1.5, q₀ = 0."""
    profit, final = np.empty(paths), np.empty(paths)
    _run(seed, profit, final, gamma, sigma, 140.0, 1.5, 1.0, dt, inventory)
    return Outcome(float(profit.mean()), float(profit.std()), float(final.std()), paths)
