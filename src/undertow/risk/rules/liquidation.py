"""Distance of the mark from where a position would be liquidated.

liq = mark − side·(equity − maintenance) / |size| / (1 − l·side), maintenance = notional·l − deduction,
l = 1/(2·greatest leverage of the tier) (facts §6: Margin). `equity` is what stands behind the position:
the account's where margin is shared, less the maintenance of its other positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from undertow.risk.findings import Finding, Reason

Tiers = Sequence[tuple[float, int]]
"""(notional in USD from which it holds, greatest leverage), lowest first."""


class Tier(NamedTuple):
    """A margin tier: maintenance is ``rate``·notional − ``deduction_usd``."""

    lower_usd: float
    rate: float
    deduction_usd: float


def tier_of(tiers: Tiers, notional_usd: float) -> Tier:
    """The tier of a notional. Raises ValueError where there are none."""
    if not tiers:
        raise ValueError("tiers must hold one margin tier at least")
    found: Tier | None = None
    for lower_usd, leverage in tiers:
        rate = 0.5 / leverage
        deduction = 0.0 if found is None else found.deduction_usd + lower_usd * (rate - found.rate)
        if found is None or notional_usd >= lower_usd:
            found = Tier(lower_usd, rate, deduction)
    assert found is not None
    return found


def maintenance_usd(tiers: Tiers, notional_usd: float) -> float:
    """Maintenance margin of a position of `notional_usd`."""
    tier = tier_of(tiers, notional_usd)
    return max(0.0, notional_usd * tier.rate - tier.deduction_usd)


def liquidation_px(position: float, mark_px: float, equity_usd: float, tiers: Tiers) -> float:
    """Price at which a signed `position` is liquidated; NaN where there is none above 0."""
    if position == 0.0 or not mark_px > 0.0:
        return math.nan
    side = 1.0 if position > 0.0 else -1.0
    notional = abs(position) * mark_px
    spare = equity_usd - maintenance_usd(tiers, notional)
    px = mark_px - side * spare / abs(position) / (1.0 - tier_of(tiers, notional).rate * side)
    return px if px > 0.0 else math.nan


def liquidation_finding(
    coin: str, position: float, mark_px: float, equity_usd: float, tiers: Tiers, least_bps: float
) -> Finding | None:
    """Fires where the mark is nearer than `least_bps` to the liquidation price, or beyond it."""
    px = liquidation_px(position, mark_px, equity_usd, tiers)
    if math.isnan(px):
        return None
    side = 1 if position > 0.0 else -1
    away_bps = side * (mark_px - px) / mark_px * 1e4
    if away_bps >= least_bps:
        return None
    text = f"liquidation at {px:.6g}, {away_bps:.0f} bps from the mark {mark_px:.6g}, limit {least_bps:g} bps"
    severity = least_bps / away_bps if away_bps > 0.0 else math.inf
    return Finding(Reason.LIQUIDATION, text, severity, coin, side)
