"""An account's own fees, and the check of each fill's fee against them: the fill is the truth.

Source: Hyperliquid docs, "Fees"; facts §6. Fees on a builder's dex are scaled by its deployer's factor,
and by a tenth in growth mode; a rebate only by the latter.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from undertow.instrument import Instrument, hyperliquid_fees_bps
from undertow.venue.client import VenueClient
from undertow.venue.wire.account import Fill
from undertow.venue.wire.info import UserFeesRequest
from undertow.venue.wire.info_replies import UserFees

_GROWTH: Final = 0.1
_DEFAULT_MAKER_BPS, _DEFAULT_TAKER_BPS = hyperliquid_fees_bps()
_SMALLEST_USD: Final = 1e-6
_MOST_SURPRISES: Final = 100


class AccountFees(NamedTuple):
    """Fees on the main dex, bps of notional, staking discount included; negative for a rebate."""

    maker_bps: float = _DEFAULT_MAKER_BPS
    taker_bps: float = _DEFAULT_TAKER_BPS
    referral_discount: float = 0.0

    def of(self, deployer_scale: float | None, growth_mode: bool) -> tuple[float, float]:
        """Maker's and taker's fee in bps of a coin (`deployer_scale` None: on the main dex)."""
        growth = _GROWTH if growth_mode else 1.0
        scale = 1.0
        if deployer_scale is not None:
            scale = 1.0 + deployer_scale if deployer_scale < 1.0 else 2.0 * deployer_scale
        positive = scale * growth * (1.0 - self.referral_discount)

        def charged(bps: float) -> float:
            return bps * positive if bps > 0.0 else bps * growth

        return charged(self.maker_bps), charged(self.taker_bps)


def fees_of(reply: UserFees) -> AccountFees:
    """The fees of a userFees reply, whose rates are fractions with the staking discount taken off."""
    return AccountFees(
        round(reply.user_add_rate * 1e4, 9),
        round(reply.user_cross_rate * 1e4, 9),
        reply.active_referral_discount,
    )


async def read_fees(client: VenueClient) -> AccountFees:
    """The fees of the client's account. Raises ValueError where it has none (``account``)."""
    if client.account is None:
        raise ValueError("account is not set: fees are those of an address (account=...)")
    return fees_of(await client.info(UserFeesRequest(user=client.account)))


class FeeSurprise(NamedTuple):
    """A fill whose fee was not the one expected, both in bps of its notional."""

    coin: str
    oid: int
    tid: int
    taker: bool
    charged_bps: float
    expected_bps: float


class FeeCheck:
    """Compares the fees of fills with an instrument's: ``surprises`` holds the last 100 that differ."""

    def __init__(self, tolerance_bps: float = 0.01) -> None:
        self.tolerance_bps = tolerance_bps
        self.checked = 0
        self.surprises: deque[FeeSurprise] = deque(maxlen=_MOST_SURPRISES)

    def take(self, instrument: Instrument, fill: Fill) -> FeeSurprise | None:
        """Check one fill; a builder's fee, which ``fee`` includes, is taken off first."""
        notional = fill.px * fill.sz
        if notional <= 0.0:
            return None
        self.checked += 1
        fee = fill.fee - (fill.builder_fee or 0.0)
        expected_bps = instrument.taker_fee_bps if fill.crossed else instrument.maker_fee_bps
        charged_bps = fee / notional * 1e4
        rounding_bps = _SMALLEST_USD / notional * 1e4
        if abs(charged_bps - expected_bps) <= self.tolerance_bps + rounding_bps:
            return None
        surprise = FeeSurprise(fill.coin, fill.oid, fill.tid, fill.crossed, charged_bps, expected_bps)
        self.surprises.append(surprise)
        return surprise
