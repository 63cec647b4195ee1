"""When a maker withdrew a side, and when its belief had seen the trend."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAST_S: Final = 30.0
SEEN_S: Final = 10.0


def withdrawn_at_ns(
    observations: NDArray[np.void], side: int, reach_bps: float, least_s: float = LEAST_S
) -> int | None:
    """Begin of the first `least_s` seconds without a break in which no own order of `side` was in reach.

    In reach: working within `reach_bps` of the mid. Observations (dtype `undertow.maker.OBSERVATION`)
    before the maker's first order of that side do not count. None if it never withdrew.
    """
    px = observations["best_bid_px"] if side > 0 else observations["best_ask_px"]
    times, mid = observations["time_ns"], observations["mid"]
    with np.errstate(invalid="ignore"):
        near = -side * (px / mid - 1.0) * 1e4 <= reach_bps
    return _first_spell(times, ~near, int(np.argmax(near)) if near.any() else len(near), least_s)


def trend_seen_at_ns(observations: NDArray[np.void], direction: int, least_s: float = SEEN_S) -> int | None:
    """Begin of the first `least_s` seconds in which the drift's posterior stood a deviation from zero.

    A deviation: direction·μ̂ > √P, so that its own probability of the other sign is below 16 %. None if
    it never did, or the maker has no such belief.
    """
    drift, sd = observations["drift_bps_per_s"], observations["drift_sd_bps_per_s"]
    with np.errstate(invalid="ignore"):
        seen = direction * drift > sd
    return _first_spell(observations["time_ns"], seen, 0, least_s)


def _first_spell(
    times_ns: NDArray[np.int64], holds: NDArray[np.bool_], start: int, least_s: float
) -> int | None:
    """Time at which `holds` begins to be true for at least `least_s`, from index `start` on."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], holds[start:], [False])).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        begin = int(times_ns[start + first])
        if int(times_ns[start + last - 1]) - begin >= least_s * 1e9:
            return begin
    return None
