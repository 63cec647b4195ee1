"""How far the venue's clock is from ours.

A question that the venue answers with its time bounds the difference by the time the answer took
(NTP's measure): the sample of the quickest answer is the best. Frames alone only bound it from one
side, since a delay and a difference look alike.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from undertow.units import NS_PER_MS

_KEPT: Final = 16


class _Sample(NamedTuple):
    took_ns: int
    ahead_ns: int


class VenueTime:
    """Estimates ``venue's clock - ours``, from the quickest of the last 16 answers.

    ``ahead_ns`` is 0 until there is a sample; the error is at most ``uncertainty_ns``.
    """

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._least_ahead_ns: int | None = None

    def answered(self, sent_ns: int, venue_ms: int, recv_ns: int) -> None:
        """A question sent at `sent_ns` was answered with the venue's time `venue_ms`."""
        middle = (sent_ns + recv_ns) // 2
        self._samples.append(_Sample(recv_ns - sent_ns, venue_ms * NS_PER_MS - middle))

    def heard(self, venue_ms: int, recv_ns: int) -> None:
        """A frame of venue time `venue_ms` came: the venue is ahead by at least the difference."""
        ahead = venue_ms * NS_PER_MS - recv_ns
        if self._least_ahead_ns is None or ahead > self._least_ahead_ns:
            self._least_ahead_ns = ahead

    @property
    def ahead_ns(self) -> int:
        """Best estimate of how far the venue's clock is ahead of ours (negative: behind)."""
        best = min(self._samples).ahead_ns if self._samples else 0
        return best if self._least_ahead_ns is None else max(best, self._least_ahead_ns)

    @property
    def uncertainty_ns(self) -> int | None:
        """Largest error of `ahead_ns`; None without a sample."""
        return min(self._samples).took_ns // 2 if self._samples else None

    def venue_ms(self, now_ns: int) -> int:
        """The venue's time at our `now_ns`."""
        return (now_ns + self.ahead_ns) // NS_PER_MS
