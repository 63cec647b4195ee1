"""Requests about things this exchange has none of: spot, staking, vaults, referrals. Real shapes, empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from undertow.exchange.info.market import SPOT_META

_AUCTION: Final = {
    "startTimeSeconds": 0,
    "durationSeconds": 111_600,
    "startGas": "500.0",
    "currentGas": None,
    "endGas": None,
}

EMPTY: Final[dict[str, Callable[[], Any]]] = {
    "spotMeta": lambda: SPOT_META,
    "spotMetaAndAssetCtxs": lambda: [SPOT_META, []],
    "spotClearinghouseState": lambda: {"balances": []},
    "userVaultEquities": list,
    "userTwapSliceFills": list,
    "delegations": list,
    "delegatorHistory": list,
    "delegatorRewards": list,
    "delegatorSummary": lambda: {
        "delegated": "0.0",
        "undelegated": "0.0",
        "totalPendingWithdrawal": "0.0",
        "nPendingWithdrawals": 0,
    },
    "referral": lambda: {
        "referredBy": None,
        "cumVlm": "0.0",
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": {"stage": "needToTrade", "data": {"required": "10000.0"}},
        "rewardHistory": [],
    },
    "userToMultiSigSigners": lambda: None,
    "perpDeployAuctionStatus": lambda: dict(_AUCTION),
    "spotDeployState": lambda: {"states": [], "gasAuction": dict(_AUCTION)},
    "userDexAbstraction": lambda: None,
    "userAbstraction": lambda: "default",
}
"""Request type to its answer."""

NEED_USER: Final = frozenset(EMPTY) - {"spotMeta", "spotMetaAndAssetCtxs", "perpDeployAuctionStatus"}
"""Those that name an account."""
