"""What hurts people on the real venue (facts, section 9) happens here too, and can be got right here."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hyperliquid.utils.types import Cloid
from tests.exchange.drive import KEY, OTHER_KEY, START_MS, USER, Session, limit_order, subscribe, virtual
from tests.exchange.sdk import ALO, HYPE, close, listening, one, trader
from tests.exchange.serve import Threaded
from websocket import WebSocketConnectionClosedException

from undertow.exchange.faults import DELIVERED, DROPPED, Copy, Fate, Faults

TERMINAL = {"filled", "canceled", "rejected"}


def test_the_sdk_does_not_come_back_after_its_socket_was_dropped(served_exchange: Threaded) -> None:
    """sdk#191: its thread ends, nobody is told, the next subscribe raises."""
    with listening(served_exchange.url) as ears:
        ears.subscribe("bbo", type="bbo", coin="BTC")
        ears.wait("bbo")
        served_exchange.drop_sockets()
        manager = ears.info.ws_manager
        assert manager is not None
        manager.join(5)
        assert not manager.is_alive()
        assert manager.ws_ready, "it still says it is ready"
        with pytest.raises(WebSocketConnectionClosedException):
            ears.subscribe("trades", type="trades", coin="BTC")
    with listening(served_exchange.url) as ears:
        ears.subscribe("bbo", type="bbo", coin="BTC")
        assert ears.wait("bbo"), "a new one works at once"


class LostReply(Faults):
    """Loses the reply to the next action."""

    def __init__(self) -> None:
        self.fate = Fate.REPLY_LOST

    def request(self, path: str, body: bytes) -> Fate:
        fate, self.fate = self.fate, Fate.ANSWERED
        return fate


def test_a_lost_reply_resent_as_it_was_is_a_duplicate_nonce_and_not_a_second_order() -> None:
    """sdk#293: connections die under a request; the order may stand. The nonce tells."""

    async def body(session: Session) -> None:
        order = limit_order(0, True, "90000", "0.001", "Alo", c="0x" + "5" * 32)
        sent = session.signed(order)
        with pytest.raises(TimeoutError):
            await session.net.post("/exchange", json.dumps(sent).encode())
        _, reply = await session.net.post("/exchange", json.dumps(sent).encode())
        assert json.loads(reply)["response"] == f"Invalid nonce: duplicate nonce {sent['nonce']}"
        assert len(await session.info(type="openOrders", user=USER)) == 1
        found = await session.info(type="orderStatus", user=USER, oid="0x" + "5" * 32)
        assert found["order"]["status"] == "open"

    virtual(body, faults=LostReply())


def test_a_lost_reply_resent_with_a_new_nonce_is_a_second_order() -> None:
    """A client id is no idempotency key (facts, section 4)."""

    async def body(session: Session) -> int:
        order = limit_order(0, True, "90000", "0.001", "Alo", c="0x" + "5" * 32)
        with pytest.raises(TimeoutError):
            await session.act(order)
        await session.act(order)
        return len(await session.info(type="openOrders", user=USER))

    assert virtual(body, faults=LostReply()) == 2


class Silent(Faults):
    """One channel goes silent, the others live on."""

    def __init__(self, channel: str) -> None:
        self._mark = f'"channel":"{channel}"'.encode()
        self.active = False

    def downward(self, data: bytes) -> Sequence[Copy]:
        return DROPPED if self.active and self._mark in data[:60] else DELIVERED


def test_one_stream_goes_silent_while_its_socket_lives() -> None:
    """nautilus#4298: only the age of each stream shows it; whole books are resent, so theirs does."""

    async def body(session: Session) -> dict[str, float]:
        faults = session.net.faults
        assert isinstance(faults, Silent)
        socket, heard = await session.open()
        subscribe(socket, "l2Book", coin="BTC", fast=True)
        subscribe(socket, "activeAssetCtx", coin="BTC")
        await asyncio.sleep(5.0)
        faults.active = True
        await asyncio.sleep(10.0)
        assert heard.closed is None
        last = {channel: heard.of(channel)[-1][0] for channel in ("l2Book", "activeAssetCtx")}
        now = (session.gateway.now_ns() - START_MS * 1_000_000) / 1e9
        return {channel: now - at for channel, at in last.items()}

    ages = virtual(body, faults=Silent("l2Book"))
    assert ages["activeAssetCtx"] < 1.1
    assert ages["l2Book"] > 9.0


def test_two_processes_that_share_a_wallet_collide_on_nonces() -> None:
    """hummingbot#7737, ccxt#30348: a bare clock in ms gives the same nonce twice."""

    async def body(session: Session) -> list[str]:
        first = await session.act({"type": "noop"}, nonce=START_MS + 500)
        second = await session.act({"type": "noop"}, nonce=START_MS + 500)
        later = [await session.act({"type": "noop"}, nonce=START_MS + 600 + i) for i in range(100)]
        assert all(reply["status"] == "ok" for reply in later)
        low = await session.act({"type": "noop"}, nonce=START_MS + 400)
        return [first["status"], second["response"], low["response"]]

    status, duplicate, low = virtual(body, limits=False)
    assert status == "ok"
    assert duplicate == f"Invalid nonce: duplicate nonce {START_MS + 500}"
    assert low.startswith(f"Invalid nonce: nonce too low {START_MS + 400} < ")


def test_every_order_has_one_life_and_one_end() -> None:
    """sdk#324: whatever happens to an order, its updates begin once and end once."""

    async def body(session: Session) -> dict[int, list[str]]:
        socket, heard = await session.open()
        subscribe(socket, "orderUpdates", user=USER)
        for i in range(12):
            px, tif = (("90000", "Alo"), ("120000", "Ioc"), ("120000", "Alo"), ("109000", "Gtc"))[i % 4]
            await session.act(limit_order(0, True, px, "0.001", tif))
        for order in (await session.info(type="openOrders", user=USER))[:3]:
            await session.act({"type": "cancel", "cancels": [{"a": 0, "o": order["oid"]}]})
        await asyncio.sleep(1.0)
        lives: defaultdict[int, list[str]] = defaultdict(list)
        for _, frame in heard.of("orderUpdates"):
            for update in frame:
                lives[update["order"]["oid"]].append(update["status"])
        return lives

    lives = virtual(body)
    assert len(lives) >= 12
    for statuses in lives.values():
        ends = [s for s in statuses if s in TERMINAL or s.endswith(("Rejected", "Canceled"))]
        assert len(ends) <= 1
        assert not ends or statuses[-1] == ends[0], "nothing follows the end"
        assert statuses.count("open") <= 1


def test_a_client_id_on_a_builder_dex_works(served_exchange: Threaded) -> None:
    """sdk#251 says it silently fails; the recordings of others contradict it."""
    client = trader(served_exchange.url, KEY)
    cloid = Cloid.from_int(251)
    px = float(f"{float(client.info.all_mids('hyna')[HYPE]) * 0.9:.3g}")
    assert one(client.order(HYPE, True, 1.0, px, ALO, cloid=cloid))["resting"]["cloid"] == cloid.to_raw()
    assert one(client.cancel_by_cloid(HYPE, cloid)) == "success"
    close(client)


def test_what_was_missed_while_away_can_be_read_afterwards() -> None:
    """The three requests that make a reconnect whole: openOrders, userFillsByTime, clearinghouseState."""

    async def body(session: Session) -> None:
        socket, heard = await session.open()
        for kind in ("orderUpdates", "userFills"):
            subscribe(socket, kind, user=USER)
        reply = await session.act(limit_order(0, True, "109000", "0.002", "Alo"))
        oid = reply["response"]["data"]["statuses"][0]["resting"]["oid"]
        session.net.break_sockets()
        gone_ms = (await session.info(type="exchangeStatus"))["time"]
        coin = session.exchange.state.by_name["BTC"]
        while coin.best(1) != 1_090_000:
            coin.market.take(1, coin.best(1) or 0, 10**12)
            if coin.best(1) is None:
                break
        await session.act(limit_order(0, False, "109000", "0.001", "Ioc"), key=OTHER_KEY)
        before = len(heard.frames)
        (order,) = await session.info(type="openOrders", user=USER)
        fills = await session.info(type="userFillsByTime", user=USER, startTime=gone_ms)
        state = await session.info(type="clearinghouseState", user=USER)
        assert len(heard.frames) == before, "the old socket tells nothing"
        assert (order["oid"], order["sz"], order["origSz"]) == (oid, "0.001", "0.002")
        assert [(f["oid"], f["sz"], f["crossed"]) for f in fills] == [(oid, "0.001", False)]
        assert state["assetPositions"][0]["position"]["szi"] == "0.001"

    virtual(body)
