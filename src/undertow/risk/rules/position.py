"""Position: its size on a coin, its value on a coin, and the value of all together.

Pre-trade limits keep orders from leading here; what comes anyway (a fill that raced a modify, a foreign
fill, a price that rose) is what these rules are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from undertow.risk.findings import Finding, Reason

_ROUNDING = 1e-9


def _over(value: float, limit: float) -> bool:
    return math.isfinite(value) and value > limit * (1.0 + _ROUNDING)


def position_finding(coin: str, position: float, limit_qty: float) -> Finding | None:
    """Fires where the position, unsigned, is above `limit_qty` (both in the venue's unit)."""
    held = abs(position)
    if not _over(held, limit_qty):
        return None
    text = f"position {position:+g}, limit {limit_qty:g}"
    return Finding(Reason.POSITION, text, held / limit_qty, coin, 1 if position > 0 else -1)


def notional_finding(coin: str, position: float, mid_px: float, limit_usd: float) -> Finding | None:
    """Fires where the position's value at the mid is above `limit_usd`."""
    worth = abs(position) * mid_px
    if not _over(worth, limit_usd):
        return None
    text = f"position worth {worth:,.2f} USD, limit {limit_usd:,.2f}"
    return Finding(Reason.NOTIONAL, text, worth / limit_usd, coin, 1 if position > 0 else -1)


def total_finding(worth_usd: Mapping[str, float], limit_usd: float) -> Finding | None:
    """Fires where the values of all positions (unsigned, by coin) add up to more than `limit_usd`."""
    total = sum(worth for worth in worth_usd.values() if math.isfinite(worth))
    if not _over(total, limit_usd):
        return None
    text = f"positions worth {total:,.2f} USD in all, limit {limit_usd:,.2f}"
    return Finding(Reason.NOTIONAL, text, total / limit_usd)
