"""Move of the mid within a window, against an absolute limit and against its own volatility.

The move is |ln(mid / mid')| between the present mid and the highest and lowest one at most `window_s` old.
Volatility is σ² = Σ r² / Σ dt over what has left the window, both sums decaying with `half_life_s`:

    S ← S·2^(−dt/h) + r²,   T ← T·2^(−dt/h) + dt,   σ = √(S/T) bps/√s

so a jump does not hide itself in the σ it is measured against. Bid-ask bounce makes σ larger, the rule
slower, never quicker.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from undertow.risk.findings import Finding, Reason
from undertow.units import NS_PER_S

_BPS = 1e4


@dataclass
class MidWindow:
    """Mids of the last `window_s` seconds, their extremes, and σ of what came before."""

    window_s: float
    half_life_s: float = 300.0
    warm_s: float = 60.0
    """Seconds that must have left the window before σ is told."""
    _all: deque[tuple[int, float]] = field(default_factory=deque)
    _high: deque[tuple[int, float]] = field(default_factory=deque)
    _low: deque[tuple[int, float]] = field(default_factory=deque)
    _squares: float = 0.0
    _seconds: float = 0.0
    _aged_s: float = 0.0
    _left: tuple[int, float] | None = None

    def see(self, now_ns: int, mid_px: float) -> tuple[float, float]:
        """Take a mid; returns the moves up from the lowest and down from the highest, bps, both >= 0."""
        logarithm = math.log(mid_px)
        self._forget(now_ns)
        self._all.append((now_ns, logarithm))
        while self._high and self._high[-1][1] <= logarithm:
            self._high.pop()
        while self._low and self._low[-1][1] >= logarithm:
            self._low.pop()
        self._high.append((now_ns, logarithm))
        self._low.append((now_ns, logarithm))
        return _BPS * (logarithm - self._low[0][1]), _BPS * (self._high[0][1] - logarithm)

    def _forget(self, now_ns: int) -> None:
        """Let what is older than the window go into σ. The mid that held as it began stays in it."""
        edge_ns = now_ns - round(self.window_s * NS_PER_S)
        while len(self._all) > 1 and self._all[1][0] <= edge_ns:
            self._age(*self._all.popleft())
        held_ns = self._all[0][0] if self._all else now_ns
        for extremes in (self._high, self._low):
            while extremes and extremes[0][0] < held_ns:
                extremes.popleft()

    def _age(self, time_ns: int, logarithm: float) -> None:
        before, self._left = self._left, (time_ns, logarithm)
        if before is None:
            return
        dt = (time_ns - before[0]) / NS_PER_S
        keep = math.exp2(-dt / self.half_life_s)
        self._squares = self._squares * keep + (_BPS * (logarithm - before[1])) ** 2
        self._seconds = self._seconds * keep + dt
        self._aged_s += dt

    @property
    def sigma_bps(self) -> float:
        """σ in bps/√s; NaN until `warm_s` seconds have been seen."""
        if self._aged_s < self.warm_s or not self._seconds > 0.0:
            return math.nan
        return math.sqrt(self._squares / self._seconds)

    def again(self) -> None:
        """Forget the window, not σ."""
        if self._all:
            self._left = self._all[-1]
        for kept in (self._all, self._high, self._low):
            kept.clear()


@dataclass
class PriceJump:
    """Fires where a move reaches `limit_bps`, or `sigmas`·σ·√window and `floor_bps` at the same time."""

    window: MidWindow
    limit_bps: float
    sigmas: float
    floor_bps: float

    def look(self, coin: str, now_ns: int, mid_px: float) -> Finding | None:
        """Take a mid (a positive price; others are passed over)."""
        if not (mid_px > 0.0 and math.isfinite(mid_px)):
            return None
        up, down = self.window.see(now_ns, mid_px)
        move = max(up, down)
        if move < min(self.limit_bps, self.floor_bps):
            return None
        usual = self.sigmas * self.window.sigma_bps * math.sqrt(self.window.window_s)
        limit = self.limit_bps if math.isnan(usual) else min(self.limit_bps, max(usual, self.floor_bps))
        if move < limit:
            return None
        way = "up" if up >= down else "down"
        text = f"{move:.1f} bps {way} within {self.window.window_s:g} s, limit {limit:.1f}"
        return Finding(Reason.JUMP, text, move / limit, coin)

    def again(self) -> None:
        """Measure moves from here on."""
        self.window.again()
