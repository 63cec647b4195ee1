"""The receive clock: how far it stands behind the exchange's, and putting it right.

A delay is ``recv_ns - exch_ns``. With honest clocks it is the network's, positive; a receive clock
that runs behind shows negative ones. The true delay cannot be told from the offset, but the
smallest delay of a stretch is nearly constant, so the *lower envelope* of the delays shows how the
clocks drift apart: the line that lies below all delays and closest to them in sum, which is the edge
of their lower convex hull over the mean time. The correction puts that line at `MIN_DELAY_MS`.

Reference: Moon, Skelly and Towsley, "Estimation and removal of clock skew from network delay
measurements", INFOCOM 1999 (the linear programming estimator).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import Batch, Feed
from undertow.data.report import Report
from undertow.events import INFERRED
from undertow.units import NS_PER_MS, NS_PER_S

NO_TIME: Final = -(2**63)
"""Exchange time of a row whose source gives none, until `timed` has inferred one."""
MIN_DELAY_MS: Final = 1.0
_BEHIND_SHARE: Final = 0.01
_BEHIND_ROWS: Final = 10
_WINDOW_NS: Final = NS_PER_S


@dataclass(frozen=True)
class ClockFix:
    """What to add to a receive time: ``offset_ns - drift·(recv_ns - start_ns)``."""

    start_ns: int
    offset_ns: int
    drift: float = 0.0

    def __call__(self, recv_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Corrected receive times."""
        drifted = np.rint(self.drift * (recv_ns - self.start_ns)).astype(np.int64)
        return recv_ns + (self.offset_ns - drifted)


def estimate_fix(feeds: Iterable[Feed], min_delay_ms: float = MIN_DELAY_MS) -> ClockFix | None:
    """The correction that a recording's receive clock needs, or None if it is sound.

    It is sound if, in the first batch of each feed, at most 1 % of the rows (or fewer than ten) are
    received before they happened. Otherwise all feeds are read through once for the smallest delay of
    each second.
    """
    feeds = list(feeds)
    if not any(_is_behind(feed) for feed in feeds):
        return None
    lowest: dict[int, tuple[int, int]] = {}
    for feed in feeds:
        for _, batch in feed.batches(Report()):
            _note_lowest(lowest, batch)
    points = np.array([lowest[second] for second in sorted(lowest)], dtype=np.int64)
    start = int(points[0, 0])
    level, slope = lower_envelope((points[:, 0] - start).astype(np.float64), points[:, 1].astype(np.float64))
    return ClockFix(start, round(min_delay_ms * NS_PER_MS - level), slope)


def _is_behind(feed: Feed) -> bool:
    for _, batch in feed.batches(Report()):
        rows = batch.rows[batch.rows["exch_ns"] != NO_TIME]
        if len(rows):
            behind = np.count_nonzero(rows["recv_ns"] < rows["exch_ns"])
            return bool(behind >= _BEHIND_ROWS and behind > _BEHIND_SHARE * len(rows))
    return False


def _note_lowest(lowest: dict[int, tuple[int, int]], batch: Batch) -> None:
    """Keep (receive time, delay) of the smallest delay in each second."""
    rows = batch.rows[batch.rows["exch_ns"] != NO_TIME]
    recv, delay = rows["recv_ns"], rows["recv_ns"] - rows["exch_ns"]
    order = np.lexsort((delay, recv // _WINDOW_NS))
    seconds, first = np.unique(recv[order] // _WINDOW_NS, return_index=True)
    for second, at in zip(seconds.tolist(), order[first].tolist(), strict=True):
        point = (int(recv[at]), int(delay[at]))
        if second not in lowest or point[1] < lowest[second][1]:
            lowest[second] = point


def lower_envelope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Level at x = 0 and slope of the line below all points, with the least sum of distances.

    `x` increasing. The edge of the lower convex hull over the mean of `x`.
    """
    if len(x) == 1:
        return float(y[0]), 0.0
    hull: list[int] = []
    for k in range(len(x)):
        while len(hull) > 1:
            i, j = hull[-2], hull[-1]
            if (y[j] - y[i]) * (x[k] - x[i]) < (y[k] - y[i]) * (x[j] - x[i]):
                break
            hull.pop()
        hull.append(k)
    middle = x.mean()
    right = next(n for n in range(1, len(hull)) if x[hull[n]] >= middle)
    i, j = hull[right - 1], hull[right]
    slope = float((y[j] - y[i]) / (x[j] - x[i]))
    return float(y[i] - slope * x[i]), slope


def timed(batches: Iterator[tuple[str, Batch]], fix: ClockFix | None) -> Iterator[tuple[str, Batch]]:
    """Batches with their receive times corrected and every exchange time filled in.

    A row without exchange time is given its receive time less the median delay of the timed rows of
    its batch (0 before any), flagged INFERRED.
    """
    typical = 0
    for file, batch in batches:
        rows = batch.rows
        if fix is not None:
            rows["recv_ns"] = fix(rows["recv_ns"])
        untimed = rows["exch_ns"] == NO_TIME
        if untimed.any():
            delay = (rows["recv_ns"] - rows["exch_ns"])[~untimed]
            if len(delay):
                typical = max(int(np.median(delay)), 0)
            rows["exch_ns"][untimed] = rows["recv_ns"][untimed] - typical
            rows["flags"][untimed] |= INFERRED
        yield file, batch
