"""Oracle and mark: that they move, and that they are near the mid.

The oracle is renewed every 3 s or so and the mark follows it (facts §6): where neither has changed for long
although the market is heard, or where they are far from the mid, funding, margin and liquidation are
reckoned on a price that is not the market's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from undertow.risk.findings import Finding, Reason
from undertow.units import NS_PER_S


@dataclass
class OracleStop:
    """Fires where oracle and mark have stood still for `still_s` seconds while told again and again, or
    where one of them has been further than `far_bps` from the mid for `far_s` seconds."""

    still_s: float
    far_bps: float
    far_s: float
    _value: dict[str, float] = field(default_factory=dict)
    _moved_ns: int = 0
    _told_ns: int = 0
    _far_since_ns: dict[str, int] = field(default_factory=dict)

    def told(self, name: str, px: float, now_ns: int) -> None:
        """`name` (``oracle``, ``mark``) was told to be `px`."""
        if self._value.get(name) != px:
            self._moved_ns = now_ns
        self._value[name] = px
        self._told_ns = now_ns

    def look(self, coin: str, mid_px: float, now_ns: int) -> Finding | None:
        """The finding at this mid (NaN: not known)."""
        if not self._value:
            return None
        still_s = (self._told_ns - self._moved_ns) / NS_PER_S
        if still_s >= self.still_s:
            text = f"oracle and mark have not moved for {still_s:.0f} s, limit {self.still_s:g} s"
            return Finding(Reason.ORACLE, text, still_s / self.still_s, coin)
        return self._far(coin, mid_px, now_ns)

    def _far(self, coin: str, mid_px: float, now_ns: int) -> Finding | None:
        for name, px in self._value.items():
            away = abs(px / mid_px - 1.0) * 1e4 if mid_px > 0.0 and px > 0.0 else math.nan
            if not away >= self.far_bps:
                self._far_since_ns.pop(name, None)
                continue
            since_ns = self._far_since_ns.setdefault(name, now_ns)
            if now_ns - since_ns >= self.far_s * NS_PER_S:
                text = (
                    f"{name} {px:.6g} is {away:.0f} bps from the mid {mid_px:.6g}, limit {self.far_bps:g} bps"
                )
                return Finding(Reason.ORACLE, text, away / self.far_bps, coin)
        return None

    def again(self, now_ns: int) -> None:
        """Count stillness and distance from here on."""
        self._moved_ns = now_ns
        self._told_ns = now_ns
        self._far_since_ns.clear()
