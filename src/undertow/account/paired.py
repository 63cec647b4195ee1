"""How sure a difference between two makers on the same market is: over seeds, or over time.

Both makers meet the same prices and the same flow, so what they share cancels in the difference and
its error is that of the differences, not of either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

MIN_PAIRS: Final = 8
"""Fewer sessions or blocks than this give no standard error."""

BLOCK_S: Final = 600.0
"""Length of the blocks of time into which one recording is cut, seconds."""


@dataclass(frozen=True)
class Difference:
    """A difference, its standard error and their ratio; NaN where there are too few pairs.

    `over` says what was paired: ``"seeds"`` (`value` is the mean per session) or ``"blocks"`` of time
    (`value` is the sum over the recording).
    """

    value: float
    error: float
    t: float
    pairs: int
    over: Literal["seeds", "blocks"]


def over_seeds(differences: Sequence[float]) -> Difference:
    """Mean of independent paired differences, with the usual standard error s/√n."""
    x = np.asarray(differences, dtype=np.float64)
    n = len(x)
    value = float(x.mean()) if n else math.nan
    error = float(x.std(ddof=1)) / math.sqrt(n) if n >= MIN_PAIRS else math.nan
    return Difference(value, error, _ratio(value, error), n, "seeds")


def over_blocks(differences: Sequence[float]) -> Difference:
    """Sum of paired differences of consecutive blocks, with a HAC error.

    Newey and West (1987): Bartlett weights up to lag ⌊4(n/100)^(2/9)⌋ (their 1994 rule of thumb), times
    n/(n - 1).
    """
    x = np.asarray(differences, dtype=np.float64)
    n = len(x)
    value = float(x.sum())
    if n < MIN_PAIRS:
        return Difference(value, math.nan, math.nan, n, "blocks")
    e = x - x.mean()
    lags = int(4.0 * (n / 100.0) ** (2.0 / 9.0))
    variance = float(e @ e) / n
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(e[lag:] @ e[:-lag]) / n
    error = math.sqrt(max(variance, 0.0) * n * n / (n - 1.0))
    return Difference(value, error, _ratio(value, error), n, "blocks")


def _ratio(value: float, error: float) -> float:
    return value / error if error > 0.0 else math.nan
