"""Every action of the official SDK's Exchange on the local exchange: replies and effects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid
from tests.exchange.drive import KEY, OTHER, OTHER_KEY, USER
from tests.exchange.sdk import ALO, DEXES, GTC, HYPE, IOC, close, one, trader, wallet
from tests.exchange.serve import Threaded
from tests.venue.wire_data import payloads

NEVER_PLACED = "Order was never placed, already canceled, or filled. asset=0"
DEFAULT = {"status": "ok", "response": {"type": "default"}}


@pytest.fixture
def alice(served_exchange: Threaded) -> Iterator[Exchange]:
    client = trader(served_exchange.url, KEY)
    yield client
    for coin in ("BTC", "ETH", HYPE):
        dex = "hyna" if ":" in coin else ""
        open_orders = [o for o in client.info.open_orders(USER, dex) if o["coin"] == coin]
        if open_orders:
            client.bulk_cancel([{"coin": coin, "oid": o["oid"]} for o in open_orders])
        client.market_close(coin)
    close(client)


@pytest.fixture
def bob(served_exchange: Threaded) -> Iterator[Exchange]:
    client = trader(served_exchange.url, OTHER_KEY)
    yield client
    close(client)


def mid(client: Exchange, coin: str = "BTC") -> float:
    dex = "hyna" if ":" in coin else ""
    return float(client.info.all_mids(dex)[coin])


def far(client: Exchange, coin: str = "BTC", share: float = 0.9) -> float:
    """A price well away from the market that the venue accepts."""
    return float(f"{mid(client, coin) * share:.3g}")


def test_construction_reads_the_universe_of_every_dex(alice: Exchange) -> None:
    assert alice.info.coin_to_asset == {"BTC": 0, "ETH": 1, HYPE: 110_000}
    assert alice.info.asset_to_sz_decimals == {0: 5, 1: 5, 110_000: 2}


def test_post_only_order_rests_and_is_canceled(alice: Exchange) -> None:
    oid = one(alice.order("BTC", True, 0.001, far(alice), ALO))["resting"]["oid"]
    (order,) = alice.info.open_orders(USER)
    assert (order["oid"], order["side"], order["sz"], order["origSz"]) == (oid, "B", "0.001", "0.001")
    assert one(alice.cancel("BTC", oid)) == "success"
    assert alice.info.open_orders(USER) == []
    assert one(alice.cancel("BTC", oid)) == {"error": NEVER_PLACED}
    assert alice.info.query_order_by_oid(USER, oid)["order"]["status"] == "canceled"


def test_post_only_order_that_crosses_is_refused(alice: Exchange) -> None:
    status = one(alice.order("BTC", True, 0.001, far(alice, share=1.1), ALO))
    assert status["error"].startswith("Post only order would have immediately matched, bbo was ")
    assert status["error"].endswith(". asset=0")


def test_client_ids(alice: Exchange) -> None:
    cloid = Cloid.from_str("0x" + "aB" * 16)
    status = one(alice.order("BTC", False, 0.001, far(alice, share=1.1), ALO, cloid=cloid))
    assert status["resting"]["cloid"] == cloid.to_raw().lower()
    found = alice.info.query_order_by_cloid(USER, cloid)
    assert found["order"]["order"]["oid"] == status["resting"]["oid"]
    assert one(alice.cancel_by_cloid("BTC", cloid)) == "success"
    assert one(alice.cancel_by_cloid("BTC", cloid))["error"] == NEVER_PLACED


def test_crossing_gtc_and_ioc_fill(alice: Exchange) -> None:
    gtc = one(alice.order("BTC", True, 0.001, far(alice, share=1.05), GTC))["filled"]
    assert float(gtc["totalSz"]) == 0.001
    assert float(gtc["avgPx"]) == pytest.approx(mid(alice), rel=0.01)
    assert one(alice.order("BTC", True, 0.001, far(alice), IOC)) == {
        "error": "Order could not immediately match against any resting orders. asset=0"
    }
    (position,) = alice.info.user_state(USER)["assetPositions"]
    assert position["position"]["szi"] == "0.001"
    fills = alice.info.user_fills(USER)
    assert fills[0]["oid"] == gtc["oid"]
    assert fills[0]["crossed"] is True
    assert float(fills[0]["fee"]) == pytest.approx(
        0.00045 * float(fills[0]["sz"]) * float(fills[0]["px"]), abs=2e-6
    )
    at = fills[0]["time"]
    assert alice.info.user_fills_by_time(USER, at, at) == [f for f in reversed(fills) if f["time"] == at]
    assert alice.info.user_fills_by_time(USER, at + 1) == []


def test_market_open_and_market_close(alice: Exchange) -> None:
    opened = one(alice.market_open("BTC", False, 0.002))["filled"]
    assert float(opened["totalSz"]) == 0.002
    closed = one(alice.market_close("BTC"))["filled"]
    assert float(closed["totalSz"]) == 0.002
    assert alice.info.user_state(USER)["assetPositions"] == []


def test_reduce_only(alice: Exchange) -> None:
    refused = one(alice.order("BTC", True, 0.001, far(alice, share=1.05), IOC, reduce_only=True))
    assert refused["error"].startswith("Reduce only order would increase position.")
    alice.market_open("BTC", True, 0.001)
    shrunk = one(alice.order("BTC", False, 0.005, far(alice, share=0.95), IOC, reduce_only=True))
    assert float(shrunk["filled"]["totalSz"]) == 0.001
    assert alice.info.user_state(USER)["assetPositions"] == []


def test_a_builder_that_was_not_approved_is_refused(alice: Exchange) -> None:
    builder = {"b": "0x" + "aA" * 20, "f": 10}
    reply = alice.order("BTC", True, 0.001, far(alice), GTC, builder=builder)  # type: ignore[arg-type]
    assert "Builder fee has not been approved" in str(reply)
    assert alice.info.open_orders(USER) == []
    assert alice.approve_builder_fee("0x" + "aA" * 20, "1%")["status"] == "err"
    assert alice.approve_builder_fee("0x" + "aA" * 20, "0.01%") == DEFAULT
    wanted = {"type": "maxBuilderFee", "user": USER, "builder": "0x" + "aA" * 20}
    assert alice.info.post("/info", wanted) == 10
    filled = one(alice.market_open("BTC", True, 0.001, builder=builder))["filled"]  # type: ignore[arg-type]
    fill = alice.info.user_fills(USER)[0]
    assert fill["oid"] == filled["oid"]
    assert float(fill["builderFee"]) == pytest.approx(
        0.0001 * float(fill["sz"]) * float(fill["px"]), abs=2e-6
    )


def test_precision_and_minimum(alice: Exchange) -> None:
    texts = {
        "decimals": alice.order("BTC", True, 0.001, 90_000.55, GTC),
        "figures": alice.order(HYPE, True, 1.0, 20.12345, GTC),
        "step": alice.order("BTC", True, 0.000015, far(alice), GTC),
        "minimum": alice.order("BTC", True, 0.00001, far(alice), GTC),
    }
    for name, prefix in (
        ("decimals", ("Order has invalid price.", "Price must be divisible by tick size.")),
        ("figures", ("Order has invalid price.", "Price must be divisible by tick size.")),
        ("step", ("Order has invalid size.",)),
        ("minimum", ("Order must have minimum value of $10.",)),
    ):
        assert one(texts[name])["error"].startswith(prefix), name


def test_bulk_orders_answer_each_and_a_bad_one_among_them(alice: Exchange) -> None:
    orders: list[Any] = [
        {
            "coin": "BTC",
            "is_buy": True,
            "sz": 0.001,
            "limit_px": far(alice),
            "order_type": ALO,
            "reduce_only": False,
        },
        {
            "coin": "ETH",
            "is_buy": True,
            "sz": 0.001,
            "limit_px": far(alice, "ETH"),
            "order_type": ALO,
            "reduce_only": False,
        },
    ]
    statuses = alice.bulk_orders(orders)["response"]["data"]["statuses"]
    assert [list(status) for status in statuses] == [["resting"], ["resting"]]
    oids = [status["resting"]["oid"] for status in statuses]
    reply = alice.bulk_cancel([{"coin": "BTC", "oid": oids[0]}, {"coin": "ETH", "oid": oids[1]}])
    assert reply["response"] == {"type": "cancel", "data": {"statuses": ["success", "success"]}}


def test_a_batch_of_which_none_can_be_read_is_refused_with_one_error(alice: Exchange) -> None:
    spec: Any = {
        "coin": "BTC",
        "is_buy": True,
        "sz": 0.001,
        "limit_px": far(alice),
        "order_type": ALO,
        "reduce_only": False,
    }
    reply = alice.bulk_orders([spec, spec | {"sz": 0.000015}])
    assert len(reply["response"]["data"]["statuses"]) == 1
    assert alice.info.open_orders(USER) == [], "nothing of it was placed"


def test_paid_priority_is_accepted(alice: Exchange) -> None:
    spec: Any = {
        "coin": "BTC",
        "is_buy": True,
        "sz": 0.001,
        "limit_px": far(alice),
        "order_type": ALO,
        "reduce_only": False,
    }
    assert "resting" in one(alice.bulk_orders([spec], grouping={"p": 1000}))  # type: ignore[arg-type]


def test_expires_after(alice: Exchange) -> None:
    alice.set_expires_after(int(time.time() * 1000) + 60_000)
    assert "resting" in one(alice.order("BTC", True, 0.001, far(alice), ALO))
    alice.set_expires_after(int(time.time() * 1000) - 1000)
    reply = alice.order("BTC", True, 0.001, far(alice), ALO)
    assert reply == {"status": "err", "response": "Action already expired"}
    alice.set_expires_after(None)


def test_a_vault_that_is_none(served_exchange: Threaded) -> None:
    vault = "0x" + "cD" * 20
    client = trader(served_exchange.url, KEY, vault_address=vault)
    reply = client.order("BTC", True, 0.001, far(client), ALO)
    assert reply == {"status": "err", "response": f"Vault not registered: {vault.lower()}"}
    close(client)


def test_modify_is_a_cancel_and_a_new_order(alice: Exchange) -> None:
    cloid = Cloid.from_int(7)
    old = one(alice.order("BTC", True, 0.001, far(alice), ALO, cloid=cloid))["resting"]["oid"]
    new = one(alice.modify_order(old, "BTC", True, 0.002, far(alice, share=0.85), ALO, cloid=cloid))[
        "resting"
    ]
    assert new["oid"] != old
    assert new["cloid"] == cloid.to_raw()
    (order,) = alice.info.open_orders(USER)
    assert (order["oid"], order["sz"]) == (new["oid"], "0.002")
    by_cloid = one(alice.modify_order(cloid, "BTC", True, 0.001, far(alice), ALO, cloid=cloid))["resting"]
    assert [o["oid"] for o in alice.info.open_orders(USER)] == [by_cloid["oid"]]
    assert one(alice.modify_order(old, "BTC", True, 0.001, far(alice), ALO)) == {
        "error": "Cannot modify canceled or filled order"
    }


def test_a_crossing_modify_loses_the_old_order(alice: Exchange) -> None:
    old = one(alice.order("BTC", True, 0.001, far(alice), ALO))["resting"]["oid"]
    status = one(alice.modify_order(old, "BTC", True, 0.001, far(alice, share=1.1), ALO))
    assert status["error"].startswith("Post only order would have immediately matched")
    assert alice.info.open_orders(USER) == []


def test_bulk_modify(alice: Exchange) -> None:
    oids = [one(alice.order(c, True, 0.001, far(alice, c), ALO))["resting"]["oid"] for c in ("BTC", "ETH")]
    modifies: list[Any] = [
        {
            "oid": oid,
            "order": {
                "coin": coin,
                "is_buy": True,
                "sz": 0.002,
                "limit_px": far(alice, coin),
                "order_type": ALO,
                "reduce_only": False,
                "cloid": None,
            },
        }
        for oid, coin in zip(oids, ("BTC", "ETH"), strict=True)
    ]
    reply = alice.bulk_modify_orders_new(modifies)
    assert all("resting" in status for status in reply["response"]["data"]["statuses"])
    assert {o["sz"] for o in alice.info.open_orders(USER)} == {"0.002"}


def test_schedule_cancel_needs_volume(alice: Exchange, served_exchange: Threaded) -> None:
    soon = int(time.time() * 1000) + 20_000
    reply = alice.schedule_cancel(soon)
    assert reply["status"] == "err"
    assert reply["response"].startswith(
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $"
    )
    assert alice.schedule_cancel(None) == DEFAULT
    requests = served_exchange.local.exchange.account(USER).requests  # type: ignore[union-attr]
    before = requests.traded_micro
    served_exchange.call(lambda: setattr(requests, "traded_micro", before + 10**12))
    early = alice.schedule_cancel(int(time.time() * 1000) + 1000)
    assert early["response"] == "Scheduled cancel time too early, must be at least 5 seconds from now."
    assert alice.schedule_cancel(soon) == DEFAULT
    assert alice.schedule_cancel(None) == DEFAULT
    served_exchange.call(lambda: setattr(requests, "traded_micro", before))


def test_leverage_and_isolated_margin(alice: Exchange) -> None:
    assert alice.update_leverage(5, "BTC") == DEFAULT
    assert alice.update_leverage(1000, "BTC") == {"status": "err", "response": "Invalid leverage value"}
    assert alice.update_leverage(5, "ETH", is_cross=False) == DEFAULT
    alice.market_open("ETH", True, 0.01)
    (position,) = alice.info.user_state(USER)["assetPositions"]
    before = position["position"]
    assert before["leverage"]["type"] == "isolated"
    assert before["leverage"]["value"] == 5
    assert alice.update_isolated_margin(10.5, "ETH") == DEFAULT
    (position,) = alice.info.user_state(USER)["assetPositions"]
    after = position["position"]
    assert float(after["leverage"]["rawUsd"]) - float(before["leverage"]["rawUsd"]) == pytest.approx(10.5)
    assert alice.update_leverage(5, "ETH", is_cross=True) == {
        "status": "err",
        "response": "Cannot switch leverage type with open position.",
    }
    alice.market_close("ETH")
    assert alice.update_leverage(20, "ETH") == DEFAULT


def test_noop_burns_its_nonce(alice: Exchange) -> None:
    nonce = int(time.time() * 1000)
    assert alice.noop(nonce) == DEFAULT
    assert alice.noop(nonce) == {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"}


def test_an_order_on_a_builder_dex(alice: Exchange) -> None:
    oid = one(alice.order(HYPE, True, 1.0, far(alice, HYPE), ALO))["resting"]["oid"]
    assert [o["coin"] for o in alice.info.open_orders(USER, "hyna")] == [HYPE]
    assert alice.info.open_orders(USER) == []
    assert one(alice.cancel(HYPE, oid)) == "success"
    assert float(one(alice.market_open(HYPE, True, 1.0))["filled"]["totalSz"]) == 1.0
    (position,) = alice.info.user_state(USER, "hyna")["assetPositions"]
    assert position["position"]["coin"] == HYPE


def test_triggers_wait(alice: Exchange) -> None:
    alice.market_open("BTC", True, 0.001)
    px = far(alice, share=0.8)
    trigger: Any = {"trigger": {"triggerPx": px, "isMarket": True, "tpsl": "sl"}}
    reply = one(alice.order("BTC", False, 0.001, px, trigger, reduce_only=True))
    (order,) = alice.info.frontend_open_orders(USER)
    assert order["isTrigger"] is True
    assert order["orderType"] == "Stop Market"
    assert order["triggerCondition"].startswith("Price below ")
    assert "resting" in reply or reply == "waitingForTrigger"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("set_referrer", ("CODE",)),
        ("create_sub_account", ("name",)),
        ("sub_account_transfer", (OTHER, True, 1)),
        ("vault_usd_transfer", (OTHER, True, 1)),
        ("use_big_blocks", (True,)),
        ("agent_enable_dex_abstraction", ()),
        ("gossip_priority_bid", (1, "1.2.3.4", 5)),
    ],
)
def test_what_is_not_offered_is_refused_in_words(
    alice: Exchange, method: str, arguments: tuple[Any, ...]
) -> None:
    reply = getattr(alice, method)(*arguments)
    assert reply["status"] == "err"
    assert "is not offered by this local exchange" in reply["response"]


def test_agents_trade_for_their_account(alice: Exchange, served_exchange: Threaded) -> None:
    reply, key = alice.approve_agent("bot")
    assert reply == DEFAULT
    agent = trader(served_exchange.url, key, account_address=USER)
    assert "resting" in one(agent.order("BTC", True, 0.001, far(agent), ALO))
    assert len(alice.info.open_orders(USER)) == 1
    address = wallet(key).address
    assert alice.info.user_role(address) == {"role": "agent", "data": {"user": USER}}
    assert [a["address"] for a in alice.info.extra_agents(USER)] == [address.lower()]
    assert agent.info.open_orders(address) == [], "an agent's own address is empty"
    close(agent)


def test_money_moves_between_accounts_and_dexes(alice: Exchange, bob: Exchange) -> None:
    def value(user: str, dex: str = "") -> float:
        return float(alice.info.user_state(user, dex)["marginSummary"]["accountValue"])

    before, other, hyna = value(USER), value(OTHER), value(USER, "hyna")
    assert alice.usd_transfer(100, OTHER) == DEFAULT
    assert alice.send_asset(USER, "", "hyna", "USDC", 50) == DEFAULT
    assert value(USER) == pytest.approx(before - 150)
    assert value(OTHER) == pytest.approx(other + 100)
    assert value(USER, "hyna") == pytest.approx(hyna + 50)
    assert alice.usd_transfer(1e9, OTHER)["status"] == "err"
    kinds = [row["delta"]["type"] for row in alice.info.user_non_funding_ledger_updates(USER, 0)]
    assert kinds[:1] == ["deposit"]
    assert kinds[-3:] == ["internalTransfer", "send", "send"]
    assert bob.usd_transfer(100, USER) == DEFAULT


def test_the_recorded_payloads_are_read_and_fail_only_for_their_age(served_exchange: Threaded) -> None:
    """Posted as recorded: their signer and their nonces are of another network, their form is right."""
    info = Info(served_exchange.url, skip_ws=True, perp_dexs=DEXES)
    seen = {}
    for name, payload in payloads().items():
        seen[name] = info.post("/exchange", payload)
    close(info)
    assert len(seen) == 17
    for name, reply in seen.items():
        assert reply["status"] == "err", name
        assert reply["response"].startswith(("User or API Wallet 0x", "Vault not registered")), (name, reply)


def test_two_accounts_trade_with_each_other(alice: Exchange, bob: Exchange) -> None:
    book = alice.info.l2_snapshot("BTC")
    bid, ask = (float(side[0]["px"]) for side in book["levels"])
    px = ask - 1.0 if ask - bid > 1.0 else ask
    before = len(bob.info.user_fills(OTHER))
    rest = one(alice.order("BTC", False, 0.001, px, ALO))
    assert "resting" in rest, rest
    oid = rest["resting"]["oid"]
    for _ in range(20):
        bob.order("BTC", True, 0.05, round(px * 1.01), IOC)
        mine = [f for f in alice.info.user_fills(USER) if f["oid"] == oid]
        if mine:
            break
    assert mine, "alice's order was never reached"
    assert mine[0]["crossed"] is False
    theirs = {f["tid"]: f for f in bob.info.user_fills(OTHER)[: len(bob.info.user_fills(OTHER)) - before]}
    crossed = theirs.get(mine[0]["tid"])
    if crossed is not None:
        assert crossed["crossed"] is True
        assert (crossed["px"], crossed["sz"], crossed["side"]) == (mine[0]["px"], mine[0]["sz"], "B")
    bob.market_close("BTC")
