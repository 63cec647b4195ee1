"""How sure a session's averages are: fills come in clusters, and counts are few."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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


def poisson_interval(count: int, coverage: float = 0.95) -> tuple[float, float]:
    """Interval of a Poisson mean after seeing `count` events, exact (Garwood 1936)."""
    from scipy.special import gammaincinv

    tail = 0.5 * (1.0 - coverage)
    low = float(gammaincinv(count, tail)) if count > 0 else 0.0
    return low, float(gammaincinv(count + 1, 1.0 - tail))
