"""Candles from prints: kept by the minute, merged to any interval when asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from undertow.exchange.subscriptions import INTERVALS_MS

MINUTE_MS = 60_000
KEPT_MINUTES = 20_160
"""Two weeks."""
MOST_CANDLES = 5000
"""Candles in one reply (facts, section 3)."""


@dataclass(slots=True)
class Candle:
    """Prices in ticks, volume in steps; ``start_ms`` is when it opens."""

    start_ms: int
    open: int
    close: int
    high: int
    low: int
    volume: int
    trades: int

    def add(self, other: Candle) -> None:
        """Take in what followed."""
        self.close = other.close
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.volume += other.volume
        self.trades += other.trades


class Candles:
    """The candles of one coin."""

    def __init__(self) -> None:
        self._minutes: deque[Candle] = deque(maxlen=KEPT_MINUTES)

    def on_trade(self, time_ms: int, tick: int, steps: int) -> None:
        """One print."""
        start = time_ms - time_ms % MINUTE_MS
        print_ = Candle(start, tick, tick, tick, tick, steps, 1)
        if self._minutes and self._minutes[-1].start_ms == start:
            self._minutes[-1].add(print_)
        else:
            self._minutes.append(print_)

    def between(self, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Candles of `interval` that open in [start_ms, end_ms], oldest first; the latest 5000."""
        length = INTERVALS_MS[interval]
        found = _merged((m for m in self._minutes if m.start_ms <= end_ms), length)
        return [c for c in found if c.start_ms + length > start_ms and c.start_ms <= end_ms][-MOST_CANDLES:]

    def last(self, interval: str) -> Candle | None:
        """The candle that the last print fell into, or None before any print."""
        if not self._minutes:
            return None
        length = INTERVALS_MS[interval]
        start = self._minutes[-1].start_ms // length * length
        recent: list[Candle] = []
        for minute in reversed(self._minutes):
            if minute.start_ms < start:
                break
            recent.append(minute)
        return _merged(reversed(recent), length)[0]


def _merged(minutes: Iterable[Candle], length_ms: int) -> list[Candle]:
    found: list[Candle] = []
    for minute in minutes:
        start = minute.start_ms // length_ms * length_ms
        if found and found[-1].start_ms == start:
            found[-1].add(minute)
        else:
            m = minute
            found.append(Candle(start, m.open, m.close, m.high, m.low, m.volume, m.trades))
    return found
