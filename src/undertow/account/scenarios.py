"""The range: the same session under other assumptions about queues and latency."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.account.decomposition import Totals


@dataclass(frozen=True)
class Outcome:
    """What one set of assumptions made of the session. Money in USD."""

    name: str
    queue: str
    latency: str
    base: bool
    pnl_usd: float
    totals: Totals
    volume_usd: float
    fills: int
