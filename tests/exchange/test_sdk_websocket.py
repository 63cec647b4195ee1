"""The official SDK's WebsocketManager on the local exchange: every subscription it knows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.exchange.drive import KEY, USER
from tests.exchange.sdk import ALO, HYPE, IOC, Ears, close, listening, one, trader
from tests.exchange.serve import Threaded
from tests.venue.wire_data import load


@pytest.fixture
def ears(served_exchange: Threaded) -> Iterator[Ears]:
    with listening(served_exchange.url) as found:
        yield found


def test_market_subscriptions(ears: Ears) -> None:
    ears.subscribe("mids", type="allMids")
    for coin in ("BTC", HYPE):
        ears.subscribe(f"book {coin}", type="l2Book", coin=coin)
        ears.subscribe(f"bbo {coin}", type="bbo", coin=coin)
        ears.subscribe(f"ctx {coin}", type="activeAssetCtx", coin=coin)
    ears.subscribe("trades", type="trades", coin="BTC")
    ears.subscribe("candle", type="candle", coin="BTC", interval="1m")
    assert ears.wait("mids")[0]["data"]["mids"].keys() == {"BTC", "ETH"}
    for coin in ("BTC", HYPE):
        assert ears.wait(f"book {coin}")[0]["data"]["coin"] == coin
        assert ears.wait(f"bbo {coin}", 2)[1]["data"]["coin"] == coin
        assert ears.wait(f"ctx {coin}", 2)[0]["data"]["ctx"]["markPx"]
    assert ears.wait("trades")[0]["data"][0]["coin"] == "BTC"
    assert ears.wait("candle")[0]["data"]["i"] == "1m"


def test_account_subscriptions_tell_of_orders_and_fills(ears: Ears, served_exchange: Threaded) -> None:
    mixed = USER.upper().replace("0X", "0x")
    for kind in ("orderUpdates", "userEvents", "userFills", "userFundings", "userNonFundingLedgerUpdates"):
        ears.subscribe(kind, type=kind, user=mixed)
    ears.subscribe("activeAssetData", type="activeAssetData", user=mixed, coin="BTC")
    assert ears.wait("userFills")[0]["data"]["isSnapshot"] is True
    assert ears.wait("userFundings")[0]["data"]["isSnapshot"] is True
    assert ears.wait("userNonFundingLedgerUpdates")[0]["data"]["nonFundingLedgerUpdates"]
    data = ears.wait("activeAssetData")[0]["data"]
    assert (data["user"], data["coin"]) == (USER, "BTC")
    client = trader(served_exchange.url, KEY)
    px = float(client.info.all_mids()["BTC"])
    oid = one(client.order("BTC", True, 0.001, round(px * 0.9), ALO))["resting"]["oid"]
    filled = one(client.order("BTC", True, 0.001, round(px * 1.05), IOC))["filled"]["oid"]
    client.cancel("BTC", oid)
    client.market_close("BTC")
    close(client)
    ears.wait("userFills", 3)
    updates = [update for frame in ears.wait("orderUpdates", 3) for update in frame["data"]]
    statuses = {oid: [u["status"] for u in updates if u["order"]["oid"] == oid] for oid in (oid, filled)}
    assert statuses[oid] == ["open", "canceled"]
    assert statuses[filled][-1] == "filled"
    assert any(
        f["data"]["fills"][0]["oid"] == filled for f in ears.wait("userEvents") if "fills" in f["data"]
    )
    assert any(f["data"]["fills"][0]["oid"] == filled for f in ears.wait("userFills")[1:])


def test_unsubscribing_stops_the_stream(ears: Ears) -> None:
    number = ears.subscribe("bbo", type="bbo", coin="BTC")
    ears.wait("bbo", 2)
    assert ears.info.unsubscribe({"type": "bbo", "coin": "BTC"}, number)
    time.sleep(0.3)
    before = len(ears.wait("bbo"))
    time.sleep(0.5)
    assert len(ears.wait("bbo")) == before


def test_the_recorded_frames_of_the_sdk_are_read(ears: Ears) -> None:
    """All but the last, whose coin is not listed: that one drops the socket."""
    manager = ears.info.ws_manager
    assert manager is not None
    while not manager.ws_ready:
        time.sleep(0.01)
    frames = load("sdk_payloads/ws_frames_sent.json")
    for frame in frames[:-1]:
        manager.ws.send(json.dumps(frame))
    time.sleep(0.3)
    assert manager.is_alive()
    manager.ws.send(json.dumps(frames[-1]))
    manager.join(5)
    assert not manager.is_alive(), "the SDK's thread ends with its socket and never reconnects"
