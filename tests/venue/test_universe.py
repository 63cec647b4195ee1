"""Coins of all dexes, references, an account's fees; complaints that help.

Shapes: Hyperliquid docs ("Perpetuals", "Spot", "Fees") as in tests/data/hyperliquid_wire_examples.json."""

from __future__ import annotations

from typing import Any

import pytest
from tests.venue.fake_venue import FakeVenue
from tests.venue.scripted_http import ScriptedHttp
from tests.venue.test_client import START_MS, fill, with_client

from undertow.instrument import hyperliquid_fees_bps
from undertow.venue.client import VenueClient
from undertow.venue.fees import AccountFees, FeeCheck, fees_of, read_fees
from undertow.venue.universe import Coin, Spot, Universe, UnknownCoin, discover
from undertow.venue.wire.account import Fill
from undertow.venue.wire.info_replies import UserFees
from undertow.venue.wire.scalars import Wire

MAIN = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "marginTableId": 20, "isDelisted": True},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10, "marginTableId": 10},
    ],
    "marginTables": [
        [
            56,
            {
                "description": "tiered 40x",
                "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 40},
                    {"lowerBound": "150000000.0", "maxLeverage": 20},
                ],
            },
        ]
    ],
}
XYZ = {
    "universe": [
        {
            "name": "xyz:TSLA",
            "szDecimals": 3,
            "maxLeverage": 10,
            "marginTableId": 10,
            "marginMode": "strictIsolated",
            "growthMode": "enabled",
        },
        {"name": "xyz:GOLD", "szDecimals": 4, "maxLeverage": 20, "marginTableId": 20},
    ],
    "marginTables": [],
    "collateralToken": 3,
}
DEXS = [None, {"name": "aaa", "deployerFeeScale": "1.0"}, {"name": "xyz", "deployerFeeScale": "0.5"}]
SPOT = {
    "tokens": [
        {"name": "USDC", "szDecimals": 8, "index": 0},
        {"name": "PURR", "szDecimals": 0, "index": 1},
        {"name": "UBTC", "szDecimals": 5, "index": 197},
    ],
    "universe": [
        {"name": "PURR/USDC", "tokens": [1, 0], "index": 0},
        {"name": "@142", "tokens": [197, 0], "index": 142},
        {"name": "@9", "tokens": [55, 0], "index": 9},
    ],
}
FEES = {
    "dailyUserVlm": [],
    "userCrossRate": "0.000315",
    "userAddRate": "0.000105",
    "activeReferralDiscount": "0.04",
    "activeStakingDiscount": {"bpsOfMaxSupply": "0.1", "discount": "0.3"},
}


def universe(**options: Any) -> tuple[Universe, ScriptedHttp]:
    found: list[Universe] = []

    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        empty: dict[str, Any] = {"universe": [], "marginTables": []}
        http.answers |= {
            "meta": lambda r: {"": MAIN, "xyz": XYZ}.get(r["dex"], empty),
            "perpDexs": DEXS,
            "spotMeta": SPOT,
        }
        found.append(await discover(client, **options))

    http = with_client(play)
    return found[0], http


def test_ids_follow_the_dexs_place() -> None:
    coins, http = universe()
    assert [(c.name, c.asset) for c in coins.coins] == [
        ("BTC", 0),
        ("MATIC", 1),
        ("kPEPE", 2),
        ("xyz:TSLA", 120_000),
        ("xyz:GOLD", 120_001),
    ]
    assert [request["dex"] for request in http.of("meta")] == ["", "aaa", "xyz"]
    assert coins.by_asset(120_001) == coins.perp("xyz:GOLD")
    assert coins.by_asset(10_142) == coins.reference("@142")
    assert coins.by_asset(5) is None


def test_fields_of_a_coin() -> None:
    coins, _ = universe(dexes=["xyz"])
    btc, tesla = coins.perp("BTC"), coins.perp("xyz:TSLA")
    assert btc.tiers == ((0.0, 40), (150_000_000.0, 20))
    assert (btc.dex, btc.deployer_scale, btc.only_isolated) == ("", None, False)
    assert tesla.tiers == ((0.0, 10),)
    assert (tesla.dex, tesla.deployer_scale, tesla.growth_mode) == ("xyz", 0.5, True)
    assert tesla.only_isolated
    assert tesla.collateral_token == 3


def test_spot_pairs_are_references_by_either_name() -> None:
    coins, _ = universe()
    assert coins.reference("UBTC/USDC") == coins.reference("@142") == Spot("@142", "UBTC", "USDC", 10_142, 5)
    assert coins.reference("PURR/USDC").asset == 10_000
    assert coins.reference("BTC").name == "BTC"
    assert len(coins.spots) == 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("btc", "did you mean BTC?"),
        ("TSLA", "did you mean xyz:TSLA?"),
        ("XYZ:TSLA", "did you mean xyz:TSLA?"),
        ("KPEPE", "did you mean kPEPE?"),
        ("BTCC", "did you mean BTC?"),
        ("qqq:SOMETHING", "the builders' dexes are xyz"),
        ("MATIC", "is delisted"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    coins, _ = universe()
    with pytest.raises(UnknownCoin, match=hint.replace("?", r"\?")) as complaint:
        coins.perp(name)
    assert repr(name) in str(complaint.value)


def test_a_dex_that_does_not_exist() -> None:
    with pytest.raises(UnknownCoin, match="dex 'xyx' does not exist; there are xyz"):
        universe(dexes=["xyx"])


def test_fees_are_the_accounts_own() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        http.answers["userFees"] = FEES
        assert await read_fees(client) == AccountFees(1.05, 3.15, 0.04)

    with_client(play)
    coins, _ = universe()
    fees = AccountFees(1.05, 3.15, 0.0)
    assert coins.perp("BTC").instrument(fees).maker_fee_bps == 1.05
    tesla = coins.perp("xyz:TSLA").instrument(fees)
    assert (tesla.maker_fee_bps, tesla.taker_fee_bps) == pytest.approx((1.05 * 0.15, 3.15 * 0.15))
    assert (tesla.tick_size, tesla.size_step, tesla.name) == (0.001, 0.001, "xyz:TSLA")


@pytest.mark.parametrize("scale", [None, 0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("growth", [False, True])
@pytest.mark.parametrize("referral", [0.0, 0.04])
def test_scaled_fees_are_those_of_the_schedule(scale: float | None, growth: bool, referral: float) -> None:
    for volume in (0.0, 1e8 + 1, 3e9):
        for share in (0.0, 0.02):
            plain = hyperliquid_fees_bps(volume, share)
            expected = hyperliquid_fees_bps(
                volume, share, hip3_deployer_scale=scale, growth_mode=growth, referral_discount=referral
            )
            assert AccountFees(*plain, referral).of(scale, growth) == pytest.approx(expected)


def decoded(**changes: Any) -> Fill:
    import msgspec

    plain = {**fill(START_MS, 1), **changes}
    assert issubclass(Fill, Wire)
    return msgspec.convert(plain, Fill, strict=False)


def test_the_fee_of_a_fill_is_the_truth() -> None:
    check = FeeCheck()
    instrument = universe()[0].perp("BTC").instrument()
    assert check.take(instrument, decoded(px="100", sz="10", fee="0.15")) is None
    assert check.take(instrument, decoded(px="100", sz="10", fee="0.45", crossed=True)) is None
    assert check.take(instrument, decoded(px="100", sz="10", fee="0.25", builderFee="0.1")) is None
    assert check.take(instrument, decoded(px="1", sz="0.01", fee="0.000002")) is None, "rounded to 1e-6 USD"
    surprise = check.take(instrument, decoded(px="100", sz="10", fee="0.12"))
    assert surprise is not None
    assert (surprise.charged_bps, surprise.expected_bps) == pytest.approx((1.2, 1.5))
    assert (check.checked, list(check.surprises)) == (5, [surprise])


def test_replies_without_discounts() -> None:
    import msgspec

    reply = msgspec.convert({"userCrossRate": "0.00045", "userAddRate": "0.00015"}, UserFees, strict=False)
    assert fees_of(reply) == AccountFees()


def test_a_coin_by_hand() -> None:
    coin = Coin("X", "", 0, 2, 3, ((0.0, 3),), False, None, False, False, 0)
    assert Universe([coin]).perp("X").instrument().tick_size == 0.0001
