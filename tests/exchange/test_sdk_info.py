"""Every request of the official SDK's Info on the local exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hyperliquid.info import Info
from hyperliquid.utils.error import ClientError
from tests.exchange.drive import USER
from tests.exchange.sdk import DEXES, HYPE, close
from tests.exchange.serve import Threaded
from tests.exchange.shape import differences
from tests.venue.wire_data import cassettes

NOBODY = "0x" + "77" * 20


@pytest.fixture(scope="module")
def info(served_exchange: Threaded) -> Iterator[Info]:
    client = Info(served_exchange.url, skip_ws=True, perp_dexs=DEXES, timeout=20)
    yield client
    close(client)


def test_market_data(info: Info) -> None:
    assert [asset["name"] for asset in info.meta()["universe"]] == ["BTC", "ETH"]
    assert [asset["name"] for asset in info.meta("hyna")["universe"]] == [HYPE]
    meta, contexts = info.meta_and_asset_ctxs()
    assert len(meta["universe"]) == len(contexts) == 2
    assert info.perp_dexs()[0] is None
    assert info.perp_dexs()[1]["name"] == "hyna"
    assert list(info.all_mids()) == ["BTC", "ETH"]
    assert list(info.all_mids("hyna")) == [HYPE]
    book = info.l2_snapshot("BTC")
    assert book["coin"] == "BTC"
    bids, asks = book["levels"]
    assert len(bids) == len(asks) == 20
    assert float(bids[0]["px"]) < float(asks[0]["px"])
    assert info.l2_snapshot(HYPE)["coin"] == HYPE
    assert info.post("/info", {"type": "l2Book", "coin": "KILL"}) is None


def test_candles_cover_what_was_printed(info: Info) -> None:
    now = int(time.time() * 1000)
    candles: list[Any] = []
    for _ in range(100):
        candles = info.candles_snapshot("BTC", "1m", now - 600_000, now + 600_000)
        if candles:
            break
        time.sleep(0.1)
    assert set(candles[0]) == set("tTsiochlvn")
    assert candles[-1]["s"] == "BTC"
    trades = info.post("/info", {"type": "recentTrades", "coin": "BTC"})
    assert trades
    assert {trade["coin"] for trade in trades} == {"BTC"}


@pytest.mark.parametrize("user", [USER, USER.upper().replace("0X", "0x"), NOBODY])
def test_accounts_whether_known_or_not(info: Info, user: str) -> None:
    known = user != NOBODY
    state = info.user_state(user)
    assert set(state) >= {"marginSummary", "crossMarginSummary", "withdrawable", "assetPositions", "time"}
    assert (float(state["marginSummary"]["accountValue"]) > 0.0) == known
    assert isinstance(info.open_orders(user), list)
    assert isinstance(info.frontend_open_orders(user), list)
    assert isinstance(info.user_fills(user), list)
    assert isinstance(info.historical_orders(user), list)
    assert isinstance(info.user_funding_history(user, 0), list)
    assert info.user_role(user) == {"role": "user" if known else "missing"}
    assert info.user_rate_limit(user)["nRequestsCap"] >= 10_000
    assert info.query_order_by_oid(user, 1) == {"status": "unknownOid"}
    fees = info.user_fees(user)
    assert fees["userCrossRate"] == "0.00045"
    assert fees["userAddRate"] == "0.00015"
    assert len(fees["dailyUserVlm"]) == 15
    assert fees["feeSchedule"]["tiers"]["vip"][0] == {
        "ntlCutoff": "5000000.0",
        "cross": "0.0004",
        "add": "0.00012",
    }


def test_portfolio_has_every_span(info: Info) -> None:
    spans = dict(info.portfolio(USER))
    assert list(spans)[:4] == ["day", "week", "month", "allTime"]
    assert set(spans["day"]) == {"accountValueHistory", "pnlHistory", "vlm"}


def test_funding_history(info: Info) -> None:
    assert info.funding_history("BTC", 0) == []
    assert info.funding_history("BTC", 0, int(time.time() * 1000)) == []


def test_things_this_exchange_has_none_of(info: Info) -> None:
    assert info.spot_meta()["universe"] == []
    assert info.spot_meta_and_asset_ctxs()[1] == []
    assert info.spot_user_state(USER) == {"balances": []}
    assert info.user_staking_summary(USER)["nPendingWithdrawals"] == 0
    for empty in (
        info.user_staking_delegations,
        info.user_staking_rewards,
        info.delegator_history,
        info.user_twap_slice_fills,
        info.user_vault_equities,
    ):
        assert empty(USER) == []
    assert info.query_referral_state(USER)["referredBy"] is None
    assert info.query_sub_accounts(USER) is None
    assert info.query_user_to_multi_sig_signers(USER) is None
    assert "startTimeSeconds" in info.query_perp_deploy_auction_status()
    assert "gasAuction" in info.query_spot_deploy_auction_status(USER)
    info.query_user_dex_abstraction_state(USER)
    info.query_user_abstraction_state(USER)
    info.extra_agents(USER)


def test_every_request_that_was_ever_recorded_is_answered_in_its_shape(info: Info) -> None:
    """Where both have rows or fields; ours of today has more fields than a recording of 2023."""
    newer = frozenset(
        {"szDecimals", "marginTableId", "marginTables", "collateralToken", "onlyIsolated", "marginMode"}
        | {"crossMaintenanceMarginUsed", "time", "maxTradeSzs", "nRequestsSurplus"}
    )
    for name, request, recorded in cassettes():
        if "coin" in request or "req" in request:
            continue
        reply = info.post("/info", request)
        if name == "test_get_all_mids" or isinstance(recorded, list):
            assert isinstance(reply, type(recorded)), name
            continue
        assert differences(reply, recorded, maybe=newer) == [], name


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"type":"nonsense"}',
        b'{"type":"openOrders"}',
        b'{"type":"openOrders","user":"x"}',
        b'{"type":"meta","dex":"nowhere"}',
        b'{"type":"candleSnapshot","req":{"coin":"BTC"}}',
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_is_answered_with_422(served_exchange: Threaded, info: Info, body: bytes) -> None:
    for path in ("/info", "/exchange"):
        reply = info.session.post(served_exchange.url + path, data=body, timeout=20)
        assert reply.status_code == 422
        assert reply.text == "Failed to deserialize the JSON body into the target type"


def test_the_sdk_reads_a_422_as_its_client_error(info: Info) -> None:
    with pytest.raises(ClientError):
        info.post("/info", {"type": "nonsense"})
