"""Silence of a source of market data, each with its own patience.

A side that cannot be seen is pulled within seconds and comes back by itself (`undertow.venue.staleness`).
This rule is for what does not come back: it waits longer, and latches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from undertow.risk.findings import Finding, Reason
from undertow.units import NS_PER_S


@dataclass
class FeedSilence:
    """Fires where a source of `limits_s` (seconds by name) was last heard that long ago.

    One that was never heard counts from the first look. Sources that are not named may be silent.
    """

    limits_s: Mapping[str, float]
    _heard_ns: dict[tuple[str, str], int] = field(default_factory=dict)

    def heard(self, coin: str, source: str, at_ns: int) -> None:
        """`source` of `coin` was heard."""
        self._heard_ns[coin, source] = at_ns

    def look(self, coin: str, now_ns: int) -> Finding | None:
        """The worst of the coin's sources, if it is silent for too long."""
        worst: Finding | None = None
        for source, limit_s in self.limits_s.items():
            since_ns = self._heard_ns.setdefault((coin, source), now_ns)
            silent_s = (now_ns - since_ns) / NS_PER_S
            if silent_s >= limit_s and (worst is None or silent_s / limit_s > worst.severity):
                text = f"{source} silent for {silent_s:.0f} s, limit {limit_s:g} s"
                worst = Finding(Reason.STALE, text, silent_s / limit_s, coin)
        return worst

    def again(self, now_ns: int) -> None:
        """Count every silence from here on."""
        self._heard_ns = dict.fromkeys(self._heard_ns, now_ns)
