"""What the session was like: position, drawdown, turnover, round trips, and how sure its Sharpe is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.account.decomposition import Floats
from undertow.instrument import Instrument

MIN_ROUND_TRIPS: Final = 100
"""Below this many round trips a Sharpe ratio says nothing about the strategy."""

SECONDS_PER_YEAR: Final = 365.25 * 86_400.0


@dataclass(frozen=True)
class Sharpe:
    """Annualised Sharpe ratio of equity changes in USD, with all one needs to distrust it.

    `error` is the standard error for independent changes, √((1 + ½S²)/n) of the ratio per sample
    (Lo 2002, eq. 9), annualised alike. `trusted` is False below `MIN_ROUND_TRIPS`.
    """

    value: float
    error: float
    sampling_s: float
    samples: int
    trusted: bool


def round_trips(position_after: Floats, size_step: float) -> int:
    """How often the position came back to flat or changed sign."""
    sign = np.where(np.abs(position_after) < 0.5 * size_step, 0.0, np.sign(position_after))
    before = np.concatenate(([0.0], sign[:-1]))
    return int(np.count_nonzero((before != 0.0) & (sign != before)))


def max_drawdown(equity: Floats) -> float:
    """Largest fall of `equity` below its highest value so far (which starts at 0)."""
    known = equity[np.isfinite(equity)]
    if len(known) == 0:
        return 0.0
    peak = np.maximum(np.maximum.accumulate(known), 0.0)
    return float((peak - known).max())


def position_usd(observations: NDArray[np.void], instrument: Instrument) -> Floats:
    """Signed value of the position in each observation, USD; NaN where there is no mid."""
    held: Floats = observations["position"] * instrument.contract_value
    return held if instrument.contract == "inverse" else held * observations["mid"]


def on_grid(times_ns: NDArray[np.int64], values: Floats, step_s: float) -> Floats:
    """`values`, held until the next one, read every `step_s` seconds from the first time on."""
    if len(times_ns) == 0:
        return np.empty(0)
    grid = np.arange(int(times_ns[0]), int(times_ns[-1]) + 1, round(step_s * 1e9))
    held: Floats = values[np.searchsorted(times_ns, grid, side="right") - 1]
    return held


def inventory_half_life_s(times_ns: NDArray[np.int64], position: Floats) -> float:
    """Lag at which the position's correlation with itself has fallen to one half, seconds.

    About zero, not about its average: flat is where the position ought to return. Linear between
    lags; NaN where the position is always flat or the correlation never falls so far within a
    quarter of the session.
    """
    if len(times_ns) < 16:
        return math.nan
    step_s = max(float(times_ns[-1] - times_ns[0]) * 1e-9 / 50_000.0, 1.0)
    x = on_grid(times_ns, np.nan_to_num(position), step_s)
    n = len(x)
    if n < 16 or not (x != 0.0).any():
        return math.nan
    spectrum = np.fft.rfft(x, 2 * n)
    products = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[: n // 4]
    correlation = products / np.arange(n, n - len(products), -1)
    correlation /= correlation[0]
    below = np.flatnonzero(correlation <= 0.5)
    if len(below) == 0:
        return math.nan
    k = int(below[0])
    above, under = float(correlation[k - 1]), float(correlation[k])
    return step_s * (k - 1 + (above - 0.5) / (above - under))


def sharpe(times_ns: NDArray[np.int64], equity: Floats, trips: int) -> Sharpe | None:
    """Sharpe ratio of equity changes over minutes (over seconds in a session under an hour).

    None where there are fewer than 16 changes or equity never changed.
    """
    known = np.isfinite(equity)
    times_ns, equity = times_ns[known], equity[known]
    if len(times_ns) < 2:
        return None
    span_s = float(times_ns[-1] - times_ns[0]) * 1e-9
    step_s = 60.0 if span_s >= 3600.0 else 10.0
    changes = np.diff(on_grid(times_ns, equity, step_s))
    n = len(changes)
    spread = float(changes.std(ddof=1)) if n >= 16 else 0.0
    if spread <= 0.0:
        return None
    per_sample = float(changes.mean()) / spread
    yearly = math.sqrt(SECONDS_PER_YEAR / step_s)
    error = math.sqrt((1.0 + 0.5 * per_sample**2) / n)
    return Sharpe(per_sample * yearly, error * yearly, step_s, n, trips >= MIN_ROUND_TRIPS)
