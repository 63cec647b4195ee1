"""Fees: the 14-day schedule, maker share, builder-dex scale, rounded once per fill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from undertow.exchange.numbers import MICRO, divide
from undertow.instrument import hyperliquid_fees_bps

_DAYS: Final = 14
_RATE: Final = 10**10
"""Fee rates are whole numbers of 1e-10 of notional (1 bp: 10^6)."""


@dataclass(slots=True)
class FeeTier:
    """What sets an account's fees, besides what it traded.

    ``volume_14d_usd``, ``maker_share``: fixed by hand where not None.
    """

    volume_14d_usd: float | None = None
    maker_share: float | None = None
    staking_discount: float = 0.0
    referral_discount: float = 0.0


class Volumes:
    """Volume per UTC day: the last 14 whole days and the one running. Millionths of a dollar."""

    def __init__(self) -> None:
        self.days: deque[list[int]] = deque(maxlen=_DAYS + 1)  # [day, taker, maker]

    def add(self, day: int, micro: int, maker: bool) -> None:
        """Traded `micro` on `day`."""
        if not self.days or self.days[-1][0] != day:
            self.days.append([day, 0, 0])
        self.days[-1][2 if maker else 1] += micro

    def last_14d(self, day: int) -> tuple[float, float]:
        """Volume and maker volume, USD, of the 14 days before `day`: tiers change at midnight UTC."""
        past = [entry for entry in self.days if day - _DAYS <= entry[0] < day]
        maker = sum(entry[2] for entry in past)
        return (maker + sum(entry[1] for entry in past)) / MICRO, maker / MICRO


class FeeSchedule:
    """Fee rates by account and coin, worked out once a day.

    ``venue_volume_usd``: the venue's own 14-day volume, of which a maker's share is taken.
    """

    def __init__(self, venue_volume_usd: float = 1e11) -> None:
        self._venue_usd = venue_volume_usd
        self._known: dict[tuple[str, float | None, bool], tuple[int, int]] = {}
        self._day = -1

    def forget(self) -> None:
        """Tiers were changed by hand."""
        self._known.clear()

    def rates(
        self, address: str, tier: FeeTier, volumes: Volumes, day: int, scale: float | None, growth: bool
    ) -> tuple[int, int]:
        """Maker and taker rate in 1e-10 of notional; `scale` None on the main dex."""
        if day != self._day:
            self._day = day
            self._known.clear()
        key = (address, scale, growth)
        found = self._known.get(key)
        if found is None:
            bps = fee_bps(tier, volumes, day, scale, growth, self._venue_usd)
            found = self._known[key] = (round(bps[0] * 1e6), round(bps[1] * 1e6))
        return found


def fee_bps(
    tier: FeeTier, volumes: Volumes, day: int, scale: float | None, growth: bool, venue_usd: float
) -> tuple[float, float]:
    """Maker and taker fee in bps."""
    volume, maker = volumes.last_14d(day)
    share = maker / venue_usd
    return hyperliquid_fees_bps(
        volume if tier.volume_14d_usd is None else tier.volume_14d_usd,
        share if tier.maker_share is None else tier.maker_share,
        staking_discount=tier.staking_discount,
        hip3_deployer_scale=scale,
        growth_mode=growth,
        referral_discount=tier.referral_discount,
    )


def fee_of(notional_micro: int, rate: int) -> int:
    """The fee on a notional, rounded to the nearest millionth; negative: a rebate."""
    return divide(notional_micro * rate, _RATE)
