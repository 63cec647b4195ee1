"""Quotes that a sweep has come near to, pulled within the event that shows it.

The model prices again at each of its cycles; this is the backstop in between. Let m be the mid at the last
cycle and f where a message shows the market to be now: for bids the lower of the mid and of the lowest
sale plus the usual half-spread, for asks the mirror image. Where ln(m/f) reaches the threshold, a bid at p
stays only if it has kept the share k of the distance it was quoted at: f − p >= k·(m − p). So bids at

    p > (f − k·m) / (1 − k)

go: with k = ½, those nearer to the new price than the move was long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Pull(NamedTuple):
    """Quotes of ``side`` at ``px`` or nearer to the market go. ``move_bps``: how far it went."""

    side: int
    px: float
    move_bps: float


@dataclass
class SweepWatch:
    """One coin. `least_bps`: the least move that counts; `sigmas`: and this many σ·√cycle (σ in bps/√s)."""

    least_bps: float
    sigmas: float
    keep: float
    _mid: float = math.nan
    _half: float = 0.0
    _cycle_ns: int = 0
    _pulled: float = 0.0

    def cycle(self, now_ns: int, bid_px: float, ask_px: float) -> None:
        """The maker has just priced its quotes on this touch."""
        self._mid, self._half = 0.5 * (bid_px + ask_px), 0.5 * (ask_px - bid_px)
        self._cycle_ns, self._pulled = now_ns, 0.0

    def look(
        self, now_ns: int, mid_px: float, low_px: float, high_px: float, sigma_bps: float
    ) -> Pull | None:
        """What must go after a message; a further one of the same cycle only where the move went on."""
        if not self._mid > 0.0:
            return None
        for side, px in ((1, _least(mid_px, low_px + self._half)), (-1, _most(mid_px, high_px - self._half))):
            if not px > 0.0:
                continue
            move = -side * math.log(px / self._mid) * 1e4
            if move < self._threshold(now_ns, sigma_bps) or move <= self._pulled + self.least_bps / 2.0:
                continue
            self._pulled = move
            return Pull(side, (px - self.keep * self._mid) / (1.0 - self.keep), move)
        return None

    def _threshold(self, now_ns: int, sigma_bps: float) -> float:
        if math.isnan(sigma_bps):
            return 3.0 * self.least_bps
        seconds = max(now_ns - self._cycle_ns, 10_000_000) * 1e-9
        return max(self.least_bps, self.sigmas * sigma_bps * math.sqrt(seconds))


def _least(a: float, b: float) -> float:
    """The smaller of two; NaN counts only where both are."""
    return b if math.isnan(a) else a if math.isnan(b) else min(a, b)


def _most(a: float, b: float) -> float:
    return b if math.isnan(a) else a if math.isnan(b) else max(a, b)
