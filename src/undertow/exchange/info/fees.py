"""An account's fees and the schedule they come from."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from undertow.exchange.directory import Directory
from undertow.exchange.fees import FeeTier, Volumes, fee_bps
from undertow.exchange.numbers import usd
from undertow.instrument import hyperliquid_fees_bps

Json = dict[str, Any]
_DAY_S: Final = 86_400
_VOLUME_CUTOFFS: Final = (5e6, 25e6, 100e6, 500e6, 2e9, 7e9)
_MAKER_CUTOFFS: Final = (0.005, 0.015, 0.03)
_VENUE_14D_USD: Final = 1e11


def _rate(bps: float) -> str:
    """A fee of `bps` as a fraction of notional."""
    return f"{bps / 1e4:.8f}".rstrip("0").rstrip(".")


def schedule() -> Json:
    """The venue's schedule, spot fees left out (there is no spot here)."""
    maker, taker = hyperliquid_fees_bps()
    vip = []
    for cutoff in _VOLUME_CUTOFFS:
        add, cross = hyperliquid_fees_bps(cutoff * (1 + 1e-9))
        vip.append({"ntlCutoff": str(cutoff), "cross": _rate(cross), "add": _rate(add)})
    mm = [
        {
            "makerFractionCutoff": str(share),
            "add": _rate(hyperliquid_fees_bps(0.0, share * (1 + 1e-9))[0] - maker),
        }
        for share in _MAKER_CUTOFFS
    ]
    return {
        "cross": _rate(taker),
        "add": _rate(maker),
        "spotCross": "0.0007",
        "spotAdd": "0.0004",
        "tiers": {"vip": vip, "mm": mm},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}],
    }


def user_fees(directory: Directory, user: str) -> Json:
    """Rates on the main dex, volume of the last days, the schedule."""
    account, state = directory.account(user), directory.state
    tier = account.fee_tier if account is not None else FeeTier()
    volumes = account.volumes if account is not None else Volumes()
    maker, taker = fee_bps(tier, volumes, state.day, None, False, _VENUE_14D_USD)
    known = {day: (taker, maker) for day, taker, maker in volumes.days}
    days: list[Json] = []
    for day in range(state.day - 14, state.day + 1):
        cross, add = known.get(day, (0, 0))
        date = dt.datetime.fromtimestamp(day * _DAY_S, dt.UTC).date().isoformat()
        days.append({"date": date, "userCross": usd(cross), "userAdd": usd(add), "exchange": "0.0"})
    return {
        "dailyUserVlm": days,
        "feeSchedule": schedule(),
        "userCrossRate": _rate(taker),
        "userAddRate": _rate(maker),
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": str(float(tier.referral_discount)),
        "trial": None,
        "feeTrialReward": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": str(float(tier.staking_discount))},
    }
