"""What is listed, in the venue's words: metas, dexes, predicted funding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertow.exchange.directory import Directory
from undertow.exchange.funding import current_rate
from undertow.exchange.info.contexts import contexts
from undertow.exchange.numbers import RATE_DECIMALS, wire

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.listing import Dex

Json = dict[str, Any]
HOUR_MS = 3_600_000
FIRST_TABLE = 51
"""Margin tables below are one tier at the leverage they are named after."""
EPOCH = "1970-01-01T00:00:00"

SPOT_META: Json = {
    "universe": [],
    "tokens": [
        {
            "name": "USDC",
            "szDecimals": 8,
            "weiDecimals": 8,
            "index": 0,
            "tokenId": "0x" + "6d" * 16,
            "isCanonical": True,
            "evmContract": None,
            "fullName": None,
        }
    ],
}
"""Spot: the collateral and nothing to trade."""


def meta(directory: Directory, dex: str) -> Json:
    """The universe of a dex, its margin tables and its collateral."""
    universe: list[Json] = []
    tables: dict[int, Json] = {}
    for coin in directory.universe(dex):
        table = _table_id(coin, tables)
        universe.append(_asset(coin, table))
    return {
        "universe": universe,
        "marginTables": [[number, table] for number, table in tables.items()],
        "collateralToken": next(d for d in directory.dexes if d.name == dex).collateral_token,
    }


def _asset(coin: Coin, table: int) -> Json:
    listing = coin.listing
    shape: Json = {
        "szDecimals": coin.sz_decimals,
        "name": coin.name,
        "maxLeverage": listing.max_leverage,
        "marginTableId": table,
    }
    if listing.margin_mode:
        shape |= {"onlyIsolated": True, "marginMode": listing.margin_mode}
    if listing.delisted:
        shape["isDelisted"] = True
    if listing.growth_mode:
        shape |= {"growthMode": "enabled", "lastGrowthModeChangeTime": EPOCH}
    return shape


def _table_id(coin: Coin, tables: dict[int, Json]) -> int:
    tiers = coin.listing.tiers
    if len(tiers) == 1:
        return tiers[0][1]
    table = {
        "description": f"tiered {tiers[0][1]}x",
        "marginTiers": [
            {"lowerBound": str(float(lower)), "maxLeverage": leverage} for lower, leverage in tiers
        ],
    }
    for number, known in tables.items():
        if known == table:
            return number
    number = FIRST_TABLE + len(tables)
    tables[number] = table
    return number


def perp_dexs(directory: Directory) -> list[Json | None]:
    """The builder dexes behind the main one, which is null."""
    return [None, *(_dex_shape(directory, dex) for dex in directory.dexes[1:])]


def _dex_shape(directory: Directory, dex: Dex) -> Json:
    listings = [coin.listing for coin in directory.universe(dex.name)]
    return {
        "name": dex.name,
        "fullName": dex.full_name or dex.name,
        "deployer": dex.deployer,
        "oracleUpdater": None,
        "feeRecipient": None,
        "assetToStreamingOiCap": [
            [item.coin, str(float(item.open_interest_cap_usd))]
            for item in listings
            if item.open_interest_cap_usd is not None
        ],
        "subDeployers": [],
        "deployerFeeScale": str(float(dex.deployer_fee_scale)),
        "lastDeployerFeeScaleChangeTime": EPOCH,
        "assetToFundingMultiplier": [
            [item.coin, str(float(item.funding_multiplier))]
            for item in listings
            if item.funding_multiplier != 1.0
        ],
        "assetToFundingInterestRate": [
            [item.coin, str(float(item.interest_8h))] for item in listings if item.interest_8h is not None
        ],
    }


def meta_and_contexts(directory: Directory, dex: str) -> list[Any]:
    """The meta and the contexts of a dex."""
    return [meta(directory, dex), contexts(directory, dex)]


def predicted_fundings(directory: Directory) -> list[Any]:
    """What the next hour's funding would be, main dex only."""
    after = (directory.now_ms // HOUR_MS + 1) * HOUR_MS
    rows: list[Any] = []
    for coin in directory.universe(""):
        rate = {"fundingRate": wire(current_rate(coin), RATE_DECIMALS), "nextFundingTime": after}
        rows.append([coin.name, [["HlPerp", rate]]])
    return rows


def funding_history(directory: Directory, coin: Coin | None, start_ms: int, end_ms: int | None) -> list[Json]:
    """Settled funding of a coin in [start_ms, end_ms], oldest first, at most 500 rows."""
    if coin is None:
        return []
    rows = [
        {
            "coin": coin.name,
            "fundingRate": wire(event.rate, RATE_DECIMALS),
            "premium": wire(event.premium, RATE_DECIMALS),
            "time": event.time_ms,
        }
        for event in coin.fundings
        if event.time_ms >= start_ms and (end_ms is None or event.time_ms <= end_ms)
    ]
    return rows[:500]
