"""Market data over several connections: who is told what when one is lost or falls silent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.venue.fake_venue import FakeVenue
from tests.venue.scripted_http import ScriptedHttp

from undertow.clock import LoopClock, run_virtually
from undertow.events import GAP
from undertow.venue.client import VenueClient
from undertow.venue.feed import MarketFeed
from undertow.venue.market_data import MarketData
from undertow.venue.received import Received
from undertow.venue.wire.subscriptions import BboSub

START_NS = 1_790_000_000_000_000_000


class Desk:
    """Market data of some coins on a scripted venue that sends a bbo and a fast book every half second."""

    def __init__(self, coins: list[str], references: dict[str, list[str]], per: int) -> None:
        self.clock = LoopClock(START_NS)
        self.venue = FakeVenue(self.clock)
        client = VenueClient(ScriptedHttp(), self.venue, self.clock, network="local")
        self.feed = MarketFeed(coins, references)
        self.rows: list[Received] = []
        self.lost: list[tuple[tuple[str, ...], str]] = []
        self.data = MarketData(
            client,
            self.feed,
            self.rows.append,
            coins_per_connection=per,
            on_lost=lambda coins, reason: self.lost.append((tuple(coins), reason)),
        )
        self.mute: set[str] = set()

    async def speak(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            at = self.clock.now_ns() // 1_000_000
            for socket in self.venue.sockets:
                for sub in list(socket.subscribed):
                    self._say(socket, sub, at)

    def _say(self, socket: Any, sub: dict[str, Any], at: int) -> None:
        level = [{"px": "99", "sz": "1", "n": 1}], [{"px": "101", "sz": "1", "n": 1}]
        if sub["type"] == "bbo":
            data = {"coin": sub["coin"], "time": at, "bbo": [level[0][0], level[1][0]]}
            socket.say({"channel": "bbo", "data": data})
        elif sub["type"] == "l2Book" and sub.get("fast") and sub["coin"] not in self.mute:
            data = {"coin": sub["coin"], "time": at - 1, "levels": level, "fast": True}
            socket.say({"channel": "l2Book", "data": data})


def on_desk(
    play: Callable[[Desk], Awaitable[None]],
    coins: list[str],
    references: dict[str, list[str]] | None = None,
    per: int = 2,
) -> Desk:
    async def main() -> Desk:
        desk = Desk(coins, references or {}, per)
        speaking = asyncio.ensure_future(desk.speak())
        desk.data.start()
        await play(desk)
        speaking.cancel()
        await desk.data.close()
        return desk

    return run_virtually(main())


def test_a_lost_connection_concerns_its_own_coins() -> None:
    async def play(desk: Desk) -> None:
        await asyncio.sleep(3)
        assert desk.data.is_up
        assert len(desk.venue.sockets) == 2
        first = next(s for s in desk.venue.sockets if "A" in json.dumps(s.subscribed))
        assert '"D"' not in json.dumps(first.subscribed)
        assert BboSub("REF") in desk.data.connections[0].standing
        desk.venue.refuse = True
        first.drop()
        await asyncio.sleep(1)
        now = desk.clock.now_ns()
        assert desk.feed.stale("A", 1, now) == "no book since the feed was lost"
        assert desk.feed.stale("C", 1, now) is None
        desk.venue.refuse = False
        await asyncio.sleep(3)
        assert desk.feed.stale("A", 1, desk.clock.now_ns()) is None

    desk = on_desk(play, ["A", "B", "C", "D"], {"A": ["REF", "C"]})
    assert desk.lost[0] == (("A", "B"), "1006")
    gaps = {r.coin for r in desk.rows if (r.rows["kind"] == GAP).any()}
    assert gaps == {"A", "B"}


def test_a_silent_subscription_is_renewed_and_then_the_socket() -> None:
    async def play(desk: Desk) -> None:
        await asyncio.sleep(3)
        desk.mute.add("A")
        await asyncio.sleep(7)
        socket = desk.venue.socket
        assert [m["subscription"]["coin"] for m in socket.methods("unsubscribe")] == ["A"]
        assert desk.data.connections[0].epoch == 1
        await asyncio.sleep(6)
        assert desk.data.connections[0].epoch == 2

    desk = on_desk(play, ["A", "B"])
    assert desk.lost[0] == (("A", "B"), "A: the book stays silent")


def test_a_bad_coin_is_named_and_the_others_trade() -> None:
    async def play(desk: Desk) -> None:
        desk.venue.bad_coins = {"bad"}
        await asyncio.sleep(40)
        assert desk.data.is_up
        assert desk.feed.stale("GOOD", 1, desk.clock.now_ns()) is None
        assert desk.feed.stale("bad", 1, desk.clock.now_ns()) == "no book yet"

    desk = on_desk(play, ["bad", "GOOD"])
    assert {getattr(s, "coin", None) for s in desk.data.quarantined} == {"bad"}


def test_limits_are_kept_or_refused() -> None:
    async def play(desk: Desk) -> None:
        assert len(desk.data.connections) == 6

    on_desk(play, [f"C{k}" for k in range(150)], per=2)
    with pytest.raises(ValueError, match="need 1005 subscriptions; the venue allows 1000"):
        on_desk(play, [f"C{k}" for k in range(201)])
