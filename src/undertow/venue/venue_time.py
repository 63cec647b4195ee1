"""How far the venue's clock is from ours.

A question that the venue answers with its time bounds the difference by the time the answer took
(NTP's measure), at that moment: since then our clock may have been slewed (`undertow.clock.WallClock`).
The best sample is the one whose bound is the smallest now. Frames alone bound the difference from one side
only, since a delay and a difference look alike.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from undertow.clock import WallClock
from undertow.units import NS_PER_MS

_KEPT: Final = 16


class Ahead(NamedTuple):
    """``venue's clock - ours``, ns (< 0: behind); wrong by at most ``unsure_ns`` (None: not measured)."""

    ns: int
    unsure_ns: int | None


class _Sample(NamedTuple):
    took_ns: int
    ahead_ns: int
    at_ns: int

    def unsure_ns(self, now_ns: int) -> int:
        """Largest error now. It grows alike for all, so the best sample stays the best."""
        return self.took_ns // 2 + int((now_ns - self.at_ns) * WallClock.SLEW)


class VenueTime:
    """Estimates ``venue's clock - ours`` from the last 16 answers."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._best: _Sample | None = None

    def answered(self, sent_ns: int, venue_ms: int, recv_ns: int) -> None:
        """A question sent at `sent_ns` was answered with the venue's time `venue_ms`."""
        middle = (sent_ns + recv_ns) // 2
        self._samples.append(_Sample(recv_ns - sent_ns, venue_ms * NS_PER_MS - middle, recv_ns))
        self._best = min(self._samples, key=lambda sample: sample.unsure_ns(recv_ns))

    def ahead(self, now_ns: int) -> Ahead:
        """What is known at our `now_ns`."""
        best = self._best
        return Ahead(0, None) if best is None else Ahead(best.ahead_ns, best.unsure_ns(now_ns))

    def venue_ms(self, now_ns: int) -> int:
        """The venue's time at our `now_ns`."""
        return (now_ns + self.ahead(now_ns).ns) // NS_PER_MS
