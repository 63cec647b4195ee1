"""Limits over all coins of an account at the point of sending: value in all, and initial margin.

A coin counts with its worst case: the larger of what its position would be worth if everything on one side
filled. Initial margin is worst case / leverage (facts §6). An order that does not make its coin's worst case
worse always passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from undertow.trading.orders.limits import Breach


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits:
    """``max_total_usd``: worst cases of all coins together. ``leverage`` by coin (none named: margin is not
    looked at), ``margin_share`` of equity that initial margin may take. Raises ValueError where one is not
    positive."""

    max_total_usd: float = math.inf
    leverage: Mapping[str, float] = field(default_factory=dict)
    margin_share: float = 1.0

    def __post_init__(self) -> None:
        values = {"max_total_usd": self.max_total_usd, "margin_share": self.margin_share}
        values |= {f"leverage of {coin}": leverage for coin, leverage in self.leverage.items()}
        for name, value in values.items():
            if not value > 0.0:
                raise ValueError(f"limits: {name} = {value} must be positive")


class AccountGate:
    """Applies `AccountLimits`; ``equity_usd`` tells what the account is worth now (NaN: not known)."""

    def __init__(self, limits: AccountLimits, equity_usd: Callable[[], float]) -> None:
        self.limits, self._equity = limits, equity_usd

    def breach(self, coin: str, worst_usd: Mapping[str, float], after_usd: float) -> Breach | None:
        """Which limit an order on `coin` breaks. `worst_usd`: every coin's worst case now (NaN: it has
        orders or a position and no price), `after_usd`: that of `coin` with the order."""
        if after_usd <= worst_usd[coin]:
            return None
        after = {**worst_usd, coin: after_usd}
        if not sum(after.values()) <= self.limits.max_total_usd * (1.0 + 1e-9):
            return Breach.TOTAL
        leverage = self.limits.leverage
        margin = sum(usd / leverage[name] for name, usd in after.items() if name in leverage)
        if leverage and not margin <= self.limits.margin_share * self._equity():
            return Breach.MARGIN
        return None


def worst_lots(position: int, bids: int, asks: int) -> int:
    """The largest position, unsigned, that these orders could lead to."""
    return max(abs(position + bids), abs(position - asks))
