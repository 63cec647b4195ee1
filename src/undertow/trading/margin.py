"""One margin account under many makers: who may still grow a position.

Equity is the money the session began with plus what every coin has gained since. Each coin takes the
initial margin of its worst case: the larger of its position and of what the position would be if all
working orders of one side filled, at the coin's leverage (facts: initial margin = notional / leverage).
A venue would refuse what does not fit; here it is not sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class _Coin:
    leverage: float
    gained_usd: float = 0.0
    margin_usd: float = 0.0


@dataclass
class MarginBook:
    """The account. ``equity_usd`` is what it held when the session began, ``leverage`` by coin.

    Raises ValueError for values that make no account.
    """

    equity_usd: float
    leverage: Mapping[str, float]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.equity_usd) and self.equity_usd > 0.0):
            raise ValueError(f"equity_usd = {self.equity_usd} must be positive")
        for coin, leverage in self.leverage.items():
            if not (math.isfinite(leverage) and leverage >= 1.0):
                raise ValueError(f"leverage of {coin} = {leverage} must be at least 1")
        self._coins = {coin: _Coin(leverage) for coin, leverage in self.leverage.items()}

    @property
    def equity(self) -> float:
        """What the account is worth now, USD."""
        return self.equity_usd + sum(c.gained_usd for c in self._coins.values())

    @property
    def used(self) -> float:
        """Initial margin of positions and of growing orders, USD."""
        return sum(c.margin_usd for c in self._coins.values())

    @property
    def free(self) -> float:
        """What further orders may take, USD; negative when the account is overdrawn."""
        return self.equity - self.used

    def see(self, coin: str, gained_usd: float, worst_usd: float) -> None:
        """A coin has gained `gained_usd` since the session began; its worst case is worth `worst_usd`.

        NaN (no price yet) leaves what was known.
        """
        account = self._coins[coin]
        if math.isfinite(gained_usd):
            account.gained_usd = gained_usd
        if math.isfinite(worst_usd):
            account.margin_usd = worst_usd / account.leverage

    def carries(self, coin: str, worst_usd: float) -> bool:
        """Whether the account could carry `coin` with this worst case beside all the others."""
        if not math.isfinite(worst_usd):
            return False
        account = self._coins[coin]
        return self.used - account.margin_usd + worst_usd / account.leverage <= self.equity
