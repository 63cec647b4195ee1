"""The arithmetic of the GLFT grid, free of any engine, so that a peer can run the very same.

Guéant, Lehalle and Fernandez-Tapia (2013), "Dealing with the inventory risk", asymptotic quotes
(their eqs. 4.6-4.7 with ξ = γ), calibrated as hftbacktest's tutorial "GLFT Market Making Model and
Grid Trading" does: the intensity λ(δ) = A·e^(-kδ) by log-linear regression on how deep aggressor
orders reached. Depths are in ticks from the mid, time in seconds, inventory in orders.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled

BINS: Final = 500
"""Half-tick bins of arrival depth."""


@compiled
def fit_intensity(
    depths: NDArray[np.float64], counts: NDArray[np.float64], window_s: float, bins_used: int
) -> tuple[float, float]:
    """A (1/s) and k (1/tick) of λ(δ) = A·e^(-kδ); NaN where fewer than three bins were reached.

    ``depths``: how many ticks from the mid aggressors reached in each cycle of the window (not
    finite: no trade). ``counts``: scratch of `BINS`. A quote in bin i, centred i + ½ half-ticks
    out, would have been reached by every cycle whose depth lies beyond that bin.
    """
    counts[:] = 0.0
    deepest = 0
    for depth in depths:
        if np.isfinite(depth):
            at = int(np.round(depth / 0.5)) - 1
            if 0 <= at < counts.shape[0]:
                deepest = max(deepest, at)
                counts[at] += 1.0
    if deepest <= 2:
        return np.nan, np.nan
    reached = 0.0
    for i in range(deepest, -1, -1):
        here = counts[i]
        counts[i] = reached
        reached += here
    n = min(deepest, bins_used)
    sx = sy = sxx = sxy = 0.0
    for i in range(n):
        x = i + 0.5
        y = np.log(counts[i] / window_s)
        sx += x
        sy += y
        sxx += x * x
        sxy += x * y
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    return np.exp((sy - slope * sx) / n), -slope


@compiled
def spread_of_changes(changes: NDArray[np.float64]) -> float:
    """Standard deviation of the finite entries, about their average."""
    n, total = 0, 0.0
    for change in changes:
        if np.isfinite(change):
            n += 1
            total += change
    if n == 0:
        return np.nan
    average, squares = total / n, 0.0
    for change in changes:
        if np.isfinite(change):
            squares += (change - average) ** 2
    return np.sqrt(squares / n)


@compiled
def coefficients(gamma: float, a: float, k: float) -> tuple[float, float]:
    """c₁ and c₂ of GLFT's quotes for one order per fill (ξ = γ, Δ = 1)."""
    c1 = np.log(1.0 + gamma / k) / gamma
    c2 = np.sqrt(gamma / (2.0 * a * k) * (1.0 + gamma / k) ** (k / gamma + 1.0))
    return c1, c2


@compiled
def grid(
    mid: float,
    best_bid: int,
    best_ask: int,
    position: float,
    c1: float,
    c2: float,
    volatility: float,
    spread_factor: float,
    skew_factor: float,
    least_gap: int,
) -> tuple[int, int, int]:
    """Tick of the best bid, of the best ask, and the gap between rungs.

    Half-spread (c₁ + c₂σ/2)·`spread_factor`, skew c₂σ·`skew_factor` per order of inventory; quotes
    never improve the touch; the gap is the half-spread and rungs lie on multiples of it, so that a
    small move of the mid leaves the grid where it is.
    """
    half_spread = (c1 + 0.5 * c2 * volatility) * spread_factor
    reservation = mid - c2 * volatility * skew_factor * position
    bid = int(min(np.round(reservation - half_spread), float(best_bid)))
    ask = int(max(np.round(reservation + half_spread), float(best_ask)))
    gap = max(int(np.round(half_spread)), least_gap)
    return bid // gap * gap, -(-ask // gap) * gap, gap
