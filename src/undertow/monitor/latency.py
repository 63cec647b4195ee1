"""A histogram of delays that costs a binary search and two additions per observation."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

EDGES_S: Final = (
    *(50e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 750e-6),
    *(1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper edges of the buckets, seconds; one more bucket holds what is longer."""


class LatencyHistogram(msgspec.Struct):
    """Counts of delays by `EDGES_S`, and their sum."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(EDGES_S) + 1))
    total_s: float = 0.0

    def observe_ns(self, delay_ns: int) -> None:
        """Count one delay."""
        seconds = delay_ns * 1e-9
        self.counts[bisect_left(EDGES_S, seconds)] += 1
        self.total_s += seconds

    @property
    def n(self) -> int:
        """Delays counted."""
        return sum(self.counts)

    def quantile_s(self, share: float) -> float | None:
        """Upper edge of the bucket in which the quantile lies, s; None while empty, inf beyond the last."""
        n = self.n
        if n == 0:
            return None
        seen = 0
        for edge, count in zip((*EDGES_S, float("inf")), self.counts, strict=True):
            seen += count
            if seen >= share * n:
                return edge
        return float("inf")
