"""A coin that is not traded any more: the venue says so, or its book stays empty.

A halt (a builder's ``haltTrading``, facts §1) takes every order out of the book and settles positions at the
mark, so there is nothing left to quote on and nothing to be refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from undertow.risk.findings import Finding, Reason
from undertow.units import NS_PER_S


@dataclass
class EmptyBook:
    """Fires where both sides have been empty for `limit_s` seconds, once either was not."""

    limit_s: float
    _since_ns: int | None = None
    _known: bool = False

    def look(self, coin: str, bid_px: float, ask_px: float, now_ns: int) -> Finding | None:
        """The finding with this touch (NaN: the side is empty)."""
        if not (math.isnan(bid_px) and math.isnan(ask_px)):
            self._known, self._since_ns = True, None
            return None
        if not self._known:
            return None
        self._since_ns = now_ns if self._since_ns is None else self._since_ns
        empty_s = (now_ns - self._since_ns) / NS_PER_S
        if empty_s < self.limit_s:
            return None
        text = f"the book has been empty for {empty_s:.0f} s, limit {self.limit_s:g} s: trading is halted"
        return Finding(Reason.HALT, text, empty_s / self.limit_s, coin)

    def again(self) -> None:
        """Count from here on."""
        self._since_ns = None


def halt_finding(coin: str, text: str) -> Finding:
    """The venue says that `coin` is not traded."""
    return Finding(Reason.HALT, f"the venue: {text}", 1.0, coin)
