"""The arithmetic of Hummingbot's Avellaneda-Stoikov, free of any engine.

`quotes` are the strategy's formulas, `fit_exponential` its trading intensity, `instant_volatility` its
volatility. Prices and distances are in quote currency, σ in quote currency per √tick.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled

_GRID: Final = 33
_GOLDEN: Final = 0.6180339887498949
_GOLDEN_STEPS: Final = 40


@compiled
def instant_volatility(mids: NDArray[np.float64], newest: int) -> float:
    """√(Σ (m_i - m_{i-1})² / n) over a full ring of `n` mids whose newest entry stands at `newest`.

    n, not n - 1, as the strategy's indicator has it.
    """
    n = mids.shape[0]
    squares = 0.0
    for i in range(1, n):
        step = mids[(newest + 1 + i) % n] - mids[(newest + i) % n]
        squares += step * step
    return np.sqrt(squares / n)


@compiled
def merge_levels(
    levels: NDArray[np.int64], amounts: NDArray[np.float64], x: NDArray[np.int64], y: NDArray[np.float64]
) -> int:
    """Sum `amounts` by equal `levels` into ascending `x` and their `y`; returns how many there are."""
    n = 0
    for i in np.argsort(levels):
        if n == 0 or levels[i] != x[n - 1]:
            x[n] = levels[i]
            y[n] = 0.0
            n += 1
        y[n - 1] += amounts[i]
    return n


@compiled
def _explained(x: NDArray[np.int64], y: NDArray[np.float64], n: int, decay: float) -> float:
    """Σy² less the residual sum of squares of the best a·e^(-decay·(x - x₀)): what the curve explains."""
    cross = square = 0.0
    for i in range(n):
        e = np.exp(-decay * (x[i] - x[0]))
        cross += y[i] * e
        square += e * e
    return cross * cross / square


@compiled
def fit_exponential(x: NDArray[np.int64], y: NDArray[np.float64], n: int, unit: float) -> tuple[float, float]:
    """α and κ (1 over quote currency) of y ≈ α·e^(-κ·x·unit), plain least squares with α, κ ≥ 0.

    The first `n` entries of ascending distinct `x` (whole `unit`s of price) and non-negative `y`. For
    a given κ the best α is known, so one dimension is searched: a logarithmic grid, then golden
    section around its best point. NaN for fewer than two levels.
    """
    if n < 2:
        return np.nan, np.nan
    span, gap = float(x[n - 1] - x[0]), float(x[1] - x[0])
    low, high = np.log(1e-3 / span), np.log(40.0 / gap)
    width = (high - low) / (_GRID - 1)
    best, at = -1.0, low
    for k in range(_GRID):
        found = _explained(x, y, n, np.exp(low + k * width))
        if found > best:
            best, at = found, low + k * width
    left, right = at - width, min(at + width, high)
    a, b = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
    fa, fb = _explained(x, y, n, np.exp(a)), _explained(x, y, n, np.exp(b))
    for _ in range(_GOLDEN_STEPS):
        if fa >= fb:
            right, b, fb = b, a, fa
            a = right - _GOLDEN * (right - left)
            fa = _explained(x, y, n, np.exp(a))
        else:
            left, a, fa = a, b, fb
            b = left + _GOLDEN * (right - left)
            fb = _explained(x, y, n, np.exp(b))
    decay = np.exp(0.5 * (left + right))
    if _explained(x, y, n, 0.0) >= _explained(x, y, n, decay):
        decay = 0.0
    cross = square = 0.0
    for i in range(n):
        e = np.exp(-decay * (x[i] - x[0]))
        cross += y[i] * e
        square += e * e
    return cross / square * np.exp(decay * x[0]), decay / unit


@compiled
def quotes(
    mid: float,
    q: float,
    gamma: float,
    sigma: float,
    kappa: float,
    time_left: float,
    min_spread: float,
    squared: bool,
) -> tuple[float, float, float, float]:
    """Reservation price, optimal spread, bid and ask, all in quote currency.

    With s = σ (`squared`: σ², the paper's), `q` the position over the account and `time_left` a
    share of the horizon::

        r = mid - q·γ·s·time_left,   spread = γ·s·time_left + (2/γ)·ln(1 + γ/κ)

    Bid and ask are r ∓ spread/2, but never nearer to the mid than half of `min_spread`.
    """
    s = sigma * sigma if squared else sigma
    reservation = mid - q * gamma * s * time_left
    spread = gamma * s * time_left + 2.0 / gamma * np.log(1.0 + gamma / kappa)
    bid = min(reservation - 0.5 * spread, mid - 0.5 * min_spread)
    ask = max(reservation + 0.5 * spread, mid + 0.5 * min_spread)
    return reservation, spread, bid, ask
