"""A connection that stays up, on a scripted venue and virtual time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.venue.fake_venue import FakeVenue, Heard

from undertow.clock import LoopClock, run_virtually
from undertow.venue.connection import Connection
from undertow.venue.failures import NotSent, Unanswered
from undertow.venue.wanted import Wanted
from undertow.venue.wire.posts import PostedInfo
from undertow.venue.wire.subscriptions import BboSub, L2BookSub, Subscription, TradesSub, UserFillsSub

COINS = [BboSub("BTC"), L2BookSub("BTC", fast=True), L2BookSub("BTC"), TradesSub("BTC")]


def on_connection(
    play: Callable[[FakeVenue, Connection, Heard], Awaitable[None]],
    *subscriptions: Subscription,
    seed: int = 0,
) -> tuple[FakeVenue, Connection, Heard]:
    async def main() -> tuple[FakeVenue, Connection, Heard]:
        clock = LoopClock(1_790_000_000_000_000_000)
        venue, heard = FakeVenue(clock), Heard()
        connection = Connection(venue, clock, heard, rng=random.Random(seed))
        connection.subscribe(*subscriptions)
        connection.start()
        await play(venue, connection, heard)
        await connection.close()
        return venue, connection, heard

    return run_virtually(main())


def test_it_comes_up_when_every_subscription_stands() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        await asyncio.sleep(0.08)
        assert not connection.is_up
        await asyncio.sleep(0.1)
        assert connection.is_up
        assert set(connection.standing) == set(COINS)
        venue.socket.say({"channel": "trades", "data": []})
        connection.subscribe(UserFillsSub("0xABcd"))
        await asyncio.sleep(1)
        assert UserFillsSub("0xabcd") in connection.standing

    _, _, heard = on_connection(play, *COINS)
    assert heard.log == ["up 1", "down closed by us"]
    assert len(heard.frames) == 1


@pytest.mark.parametrize("how", ["close", "deaf", "no pongs"])
def test_a_lost_socket_is_replaced_and_everything_subscribed_anew(how: str) -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        await asyncio.sleep(30)
        before = asyncio.get_running_loop().time()
        if how == "close":
            venue.socket.drop()
        venue.deaf, venue.no_pongs = how == "deaf", how == "no pongs"
        while connection.epoch == 1:
            await asyncio.sleep(0.01)
            if len(heard.log) > 1:
                venue.deaf = venue.no_pongs = False
        await asyncio.sleep(1)
        assert connection.is_up
        assert asyncio.get_running_loop().time() - before < 8.0
        assert len(venue.socket.subscribed) == len(COINS)

    _, _, heard = on_connection(play, *COINS)
    reason = {"close": "down 1006"}.get(how, "down no pong for 3 s")
    assert heard.log == ["up 1", reason, "up 2", "down closed by us"]


def test_it_pings_an_idle_and_a_busy_socket() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        for _ in range(1200):
            venue.socket.say({"channel": "trades", "data": []}) if venue.sockets else None
            await asyncio.sleep(0.1)

    venue, _, heard = on_connection(play, *COINS)
    assert heard.log[:1] == ["up 1"]
    assert 7 <= len(venue.socket.methods("ping")) <= 9


def test_a_pong_lost_on_a_socket_that_carries_is_asked_for_again() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        await asyncio.sleep(1)
        pings = 0
        for _ in range(600):
            venue.socket.say({"channel": "trades", "data": []})
            if len(venue.socket.methods("ping")) > pings == 0:
                pings, venue.no_pongs = 1, True
            elif len(venue.socket.methods("ping")) > 1:
                venue.no_pongs = False
            await asyncio.sleep(0.1)
        assert connection.epoch == 1

    venue, _, _ = on_connection(play, *COINS)
    assert len(venue.sockets) == 1


def test_the_venue_is_found_again_soon_after_it_is_back() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        await asyncio.sleep(5)
        venue.refuse = True
        venue.socket.drop()
        await asyncio.sleep(600)
        assert connection.reason.startswith("cannot connect: refused by the test")
        venue.refuse = False
        await asyncio.sleep(2.5)
        assert connection.is_up

    on_connection(play, *COINS)


@given(bad=st.integers(0, 39), total=st.integers(1, 40), seed=st.integers(0, 99), lossy=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_subscription_that_kills_the_socket_is_found_and_left_out(
    bad: int, total: int, seed: int, lossy: bool
) -> None:
    bad %= total
    names = [f"C{k}" for k in range(total)]

    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        venue.bad_coins = {names[bad]}
        # Acknowledgements may be lost with the socket that a bad coin closes.
        venue.lose_acks = lambda k: lossy and not heard.quarantined and len(venue.sockets) == 1
        await asyncio.sleep(60)
        assert connection.is_up
        assert list(heard.quarantined) == [BboSub(names[bad])]
        assert "closed the socket 2 times" in connection.quarantined[BboSub(names[bad])]
        assert len(connection.standing) == total - 1

    venue, _, _ = on_connection(play, *(BboSub(name) for name in names), seed=seed)
    assert len(venue.connects) <= 10


def test_network_faults_put_nothing_in_quarantine() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        rng = random.Random(3)
        for _ in range(200):
            await asyncio.sleep(rng.random() * 3)
            if venue.sockets:
                venue.socket.drop()
        await asyncio.sleep(70)
        assert connection.is_up

    venue, connection, _ = on_connection(play, *COINS)
    assert not connection.quarantined
    for at in venue.connects:
        assert sum(at <= other < at + 60 for other in venue.connects) <= 30


def test_lost_acknowledgements_are_asked_for_again() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        venue.lose_acks = lambda k: k == 2
        await asyncio.sleep(7)
        assert connection.is_up
        assert connection.epoch == 1

    venue, _, _ = on_connection(play, *COINS)
    assert len(venue.socket.methods("subscribe")) == len(COINS) + 1


def test_limits_told_by_the_venue_put_in_quarantine() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        venue.lose_acks = lambda k: k == 4
        await asyncio.sleep(0.3)
        venue.socket.say({"channel": "error", "data": "Cannot subscribe to more than 1000 channels."})
        await asyncio.sleep(1)
        assert connection.is_up
        assert list(connection.quarantined) == [COINS[3]]

    on_connection(play, *COINS)


def test_posts_are_answered_by_id_refused_timed_out_or_lost_with_the_socket() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        with pytest.raises(NotSent, match="no connection"):
            await connection.post("info", b"{}", 1.0)
        await asyncio.sleep(1)
        asked = [asyncio.ensure_future(connection.post("info", b'{"type":"x"}', 5.0)) for _ in range(5)]
        await asyncio.sleep(0.1)
        ids = [m["id"] for m in venue.socket.methods("post")]
        answer = {"type": "info", "payload": {"type": "x", "data": None}}
        venue.socket.say({"channel": "post", "data": {"id": ids[2], "response": answer}})
        venue.socket.say({"channel": "error", "data": f"too many pending post requests id={ids[1]}"})
        assert isinstance(await asked[2], PostedInfo)
        with pytest.raises(NotSent, match="too many pending"):
            await asked[1]
        with pytest.raises(Unanswered, match=r"within 0\.5 s"):
            await connection.post("info", b"{}", 0.5)
        venue.socket.drop()
        for future in (asked[0], asked[3], asked[4]):
            with pytest.raises(Unanswered, match="socket was lost"):
                await future

    on_connection(play, *COINS)


def test_a_silent_subscription_is_renewed() -> None:
    async def play(venue: FakeVenue, connection: Connection, heard: Heard) -> None:
        await asyncio.sleep(1)
        connection.renew(COINS[1])
        await asyncio.sleep(1)
        assert connection.is_up
        assert json.dumps(venue.socket.sent[-2:]).count("l2Book") == 2
        assert set(connection.standing) == set(COINS)

    _, _, heard = on_connection(play, *COINS)
    assert heard.log == ["up 1", "down closed by us"]


def test_wanted_twice_is_once_and_users_are_told_apart_by_address_alone() -> None:
    wanted = Wanted()
    assert wanted.add(UserFillsSub("0xAB"))
    assert not wanted.add(UserFillsSub("0xab"))
    assert wanted.batch() == [UserFillsSub("0xab")]
    assert wanted.batch() == []
    assert wanted.acknowledged(UserFillsSub("0xab"))
    assert wanted.complete
    assert wanted.remove(UserFillsSub("0xaB"))
    assert len(wanted) == 0
