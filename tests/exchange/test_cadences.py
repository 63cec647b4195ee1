"""How often each stream sends (facts, section 2), and that quiet ones stay quiet."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from tests.exchange.drive import OTHER, USER, Heard, Session, limit_order, subscribe, virtual

from undertow.exchange.streams.base import Every


def gaps(heard: Heard, channel: str) -> list[float]:
    times = [at for at, _ in heard.of(channel)]
    return [b - a for a, b in pairwise(times)][1:]


@pytest.mark.parametrize(
    ("wanted", "every_s"),
    [
        ({"kind": "l2Book", "coin": "BTC"}, 5.4),
        ({"kind": "l2Book", "coin": "BTC", "fast": True}, 0.54),
        ({"kind": "l2Book", "coin": "BTC", "nSigFigs": 3}, 5.4),
        ({"kind": "activeAssetCtx", "coin": "BTC"}, 1.0),
        ({"kind": "allMids"}, 5.0),
        ({"kind": "fastAssetCtxs"}, 1.0),
        ({"kind": "allDexsAssetCtxs"}, 13.6),
    ],
)
def test_paces(wanted: dict[str, object], every_s: float) -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        subscribe(socket, **wanted)  # type: ignore[arg-type]
        await asyncio.sleep(min(10 * every_s, 55.0))
        return heard

    heard = virtual(body)
    found = gaps(heard, str(wanted["kind"]))
    assert len(found) >= 2
    assert sum(found) / len(found) == pytest.approx(every_s, abs=0.071)
    assert max(abs(gap - every_s) for gap in found) <= 0.071, "a block at most"


def test_an_unchanged_book_is_sent_again_with_a_new_time() -> None:
    async def body(session: Session) -> Heard:
        for coin in session.exchange.state.coins:
            coin.market.advance = lambda until_ns: []  # type: ignore[method-assign]
        await asyncio.sleep(0.2)
        socket, heard = await session.open()
        subscribe(socket, "l2Book", coin="BTC", fast=True)
        subscribe(socket, "bbo", coin="BTC")
        await asyncio.sleep(5.0)
        return heard

    heard = virtual(body)
    books = [data for _, data in heard.of("l2Book")]
    assert len(books) >= 9
    assert len({str(book["levels"]) for book in books}) == 1
    assert len({book["time"] for book in books}) == len(books)
    assert len(heard.of("bbo")) == 1, "bbo is silent while nothing changes"


def test_bbo_comes_once_per_block_and_only_when_it_changed() -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        subscribe(socket, "bbo", coin="BTC")
        await asyncio.sleep(30.0)
        return heard

    frames = [data for _, data in virtual(body).of("bbo")]
    assert len(frames) > 20
    for before, after in pairwise(frames):
        assert after["bbo"] != before["bbo"]
        assert after["time"] - before["time"] >= 70


def test_account_streams_hear_of_their_own_account_only() -> None:
    async def body(session: Session) -> dict[str, Heard]:
        heard: dict[str, Heard] = {}
        for user in (USER, OTHER):
            socket, heard[user] = await session.open()
            for kind in ("orderUpdates", "userFills", "userEvents", "openOrders", "notification"):
                subscribe(socket, kind, user=user)
        await asyncio.sleep(0.2)
        await session.act(limit_order(0, True, "120000", "0.001", "Ioc"))
        await session.act(limit_order(110000, True, "20", "1", "Alo"))
        await asyncio.sleep(0.2)
        return heard

    heard = virtual(body)
    mine, other = heard[USER], heard[OTHER]
    coins = {update["order"]["coin"] for _, frame in mine.of("orderUpdates") for update in frame}
    assert coins == {"BTC", "hyna:HYPE"}, "orderUpdates tells of all dexes"
    assert len(mine.of("userFills")) == 2
    assert len(mine.of("user")) == 1
    assert not other.of("orderUpdates")
    assert not other.of("user")
    assert len(other.of("userFills")) == 1


def test_open_orders_of_one_dex() -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        subscribe(socket, "openOrders", user=USER)
        subscribe(socket, "openOrders", user=USER, dex="hyna")
        await session.act(limit_order(110000, True, "20", "1", "Alo"))
        await asyncio.sleep(0.2)
        return heard

    frames = [data for _, data in virtual(body).of("openOrders")]
    assert [(f["dex"], len(f["orders"])) for f in frames] == [("", 0), ("hyna", 0), ("hyna", 1)]


def test_a_missed_beat_is_not_made_up_for() -> None:
    sent: list[int] = []
    every = Every(100, lambda: sent.append(1))
    for now, expected in ((0, 0), (99, 0), (100, 1), (150, 1), (560, 2), (599, 2), (600, 3)):
        every.on_time(now)
        assert len(sent) == expected, now
