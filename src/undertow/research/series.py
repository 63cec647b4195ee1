"""Mid series made ready: sorted out, gaps known, bursts and jumps told apart from drift."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_mid_bps(time_s: Floats, mid: Floats) -> tuple[Floats, Floats]:
    """(times, 10⁴·ln mid) of the samples that are positive, finite and later than all before them."""
    time_s, mid = np.asarray(time_s, dtype=np.float64), np.asarray(mid, dtype=np.float64)
    if time_s.shape != mid.shape or time_s.ndim != 1:
        raise ValueError(f"time_s {time_s.shape} and mid {mid.shape} must be one-dimensional and alike")
    good = np.isfinite(time_s) & np.isfinite(mid) & (mid > 0.0)
    time_s, y = time_s[good], 1e4 * np.log(mid[good])
    if len(time_s) == 0:
        return time_s, y
    before = np.concatenate([[-np.inf], np.maximum.accumulate(time_s)[:-1]])
    later = time_s > before
    return time_s[later], y[later]


@nb.njit(cache=True)
def _sums_before(square: Floats, duration: Floats, kept: Floats) -> Floats:
    """Decayed sums of squares and of durations of the steps before each step, shape (2, n)."""
    out = np.zeros((2, len(square)))
    for i in range(1, len(square)):
        out[0, i] = kept[i] * (out[0, i - 1] + square[i - 1])
        out[1, i] = kept[i] * (out[1, i - 1] + duration[i - 1])
    return out


def relative_variance(
    time_s: Floats, y: Floats, *, half_life_s: float = 300.0, gap_s: float = 30.0
) -> Floats:
    """(n,) variance rate around the step into each sample over its average.

    A two-sided exponential mean of the squared steps, the step itself left out, with ten seconds of
    the average as a prior and a tenth of it as floor. 1 at the first sample and in short series.
    """
    dt, step = np.diff(time_s), np.diff(y)
    ok = dt <= gap_s
    out = np.ones(len(y))
    if ok.sum() < 10:
        return out
    square, duration = np.where(ok, step**2, 0.0), np.where(ok, dt, 0.0)
    average = square.sum() / duration.sum()
    if average <= 0.0:
        return out
    kept = 2.0 ** (-dt / half_life_s)
    before = _sums_before(square, duration, kept)
    after = _sums_before(square[::-1].copy(), duration[::-1].copy(), kept[::-1].copy())[:, ::-1]
    sums = before + after
    rate = np.maximum((sums[0] + 10.0 * average) / (sums[1] + 10.0), 0.1 * average)
    out[1:] = rate / float(np.average(rate, weights=np.maximum(duration, 1e-12)))
    return out


def winsorised(time_s: Floats, y: Floats, relative: Floats, *, deviations: float = 6.0) -> Floats:
    """`y` with every step cut to ± `deviations` of its local standard deviation.

    The unit is the root mean square of the standardised steps, once more without those beyond the cut.
    """
    step = np.diff(y)
    scale = np.sqrt(relative[1:] * np.diff(time_s))
    size = np.abs(step) / scale
    unit = float(np.sqrt(np.mean(size**2)))
    unit = float(np.sqrt(np.mean(np.minimum(size, deviations * unit) ** 2)))
    limit = deviations * unit * scale
    out = np.empty_like(y)
    out[0] = y[0]
    out[1:] = y[0] + np.cumsum(np.clip(step, -limit, limit))
    return out


def forward_returns(
    time_s: Floats, mid: Floats, start_s: float, end_s: float, *, gap_s: float = 10.0
) -> Floats:
    """(n,) return in bps from `start_s` to `end_s` after each sample; NaN where it cannot be known.

    The mid at a time is the last sample at or before it. A return is unknown beyond the end of the
    series, over a stretch with a gap longer than `gap_s`, and from samples that are not in order.
    """
    time_s, mid = np.asarray(time_s, dtype=np.float64), np.asarray(mid, dtype=np.float64)
    if not 0.0 <= start_s < end_s:
        raise ValueError(f"a return from {start_s} s to {end_s} s")
    if (np.diff(time_s) < 0.0).any():
        raise ValueError("times must not decrease")
    n = len(time_s)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = 1e4 * np.log(np.where(mid > 0.0, mid, np.nan))
    slack = 1e-6
    first = np.searchsorted(time_s, time_s + start_s + slack, side="right") - 1
    last = np.searchsorted(time_s, time_s + end_s + slack, side="right") - 1
    breaks = np.concatenate([[0], np.cumsum(np.diff(time_s) > gap_s)])
    out = y[last] - y[first]
    within = time_s + end_s <= time_s[-1] + slack if n else np.zeros(0, dtype=bool)
    whole = breaks[last] == breaks[np.arange(n)]
    # a sample that must stand for a later time must not have a gap behind it
    following = np.minimum(last + 1, n - 1)
    whole &= (time_s + end_s <= time_s[last] + slack) | (breaks[following] == breaks[last])
    out[~(within & whole)] = np.nan
    return out
