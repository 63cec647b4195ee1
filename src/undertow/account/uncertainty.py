"""How sure a session's averages are: fills come in clusters, and counts are few."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL: Final = 0.025
Z: Final = 1.959964

MIN_BLOCKS: Final = 8
"""Fewer independent stretches of time than this give no standard error."""


def block_length_s(horizon_s: float) -> float:
    """Length of the stretches of time taken as independent for a `horizon_s` markout."""
    return max(2.0 * horizon_s, 10.0)


def clustered_mean(
    values: Floats, weights: Floats, times_ns: NDArray[np.int64], block_s: float
) -> tuple[float, float]:
    """Weighted mean of `values` and its standard error, clustered in time blocks of `block_s`.

    Fills seconds apart share most of their markout, so their errors are added within a block before
    they are squared (Liang and Zeger, 1986, with the small-sample factor B/(B - 1)); the usual
    σ/√n is too small by a factor of several. NaN error below `MIN_BLOCKS` blocks, NaN mean for no
    values.
    """
    total = float(weights.sum())
    if len(values) == 0 or total <= 0.0:
        return math.nan, math.nan
    average = float((weights * values).sum()) / total
    block = ((times_ns - times_ns.min()) // round(block_s * 1e9)).astype(np.int64)
    _, index = np.unique(block, return_inverse=True)
    sums = np.bincount(index, weights=weights * (values - average))
    n = len(sums)
    if n < MIN_BLOCKS:
        return average, math.nan
    return average, math.sqrt(n / (n - 1) * float((sums**2).sum())) / total


def poisson_interval(count: int) -> tuple[float, float]:
    """95 % interval of a Poisson mean after seeing `count` events (Garwood 1936).

    Exact below 50 events; from there Byar's approximation (Breslow and Day 1987, §2.3), which is
    within 0.02 % of it.
    """
    if count < 50:
        low = _mean_with(count - 1, 1.0 - TAIL) if count > 0 else 0.0
        return low, _mean_with(count, TAIL)
    above = count + 1.0
    low = count * (1.0 - 1.0 / (9.0 * count) - Z / (3.0 * math.sqrt(count))) ** 3
    return low, above * (1.0 - 1.0 / (9.0 * above) + Z / (3.0 * math.sqrt(above))) ** 3


def _mean_with(count: int, probability: float) -> float:
    """Poisson mean under which `count` events or fewer have `probability`, by bisection."""
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        term = total = math.exp(-middle)
        for k in range(1, count + 1):
            term *= middle / k
            total += term
        low, high = (middle, high) if total > probability else (low, middle)
    return 0.5 * (low + high)
