"""An account's events on a scripted venue: each fill once, whatever the stream loses or repeats."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.venue.fake_venue import FakeVenue
from tests.venue.scripted_http import ScriptedHttp
from tests.venue.test_client import START_MS, START_NS, fill

from undertow.clock import LoopClock, run_virtually
from undertow.venue.account_events import (
    AccountEvent,
    Canceled,
    Filled,
    OpenOrders,
    OrderChanged,
    Paid,
    PositionsRead,
    Recovered,
)
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.connection import Connection
from undertow.venue.once import OVERLAP_MS, Once

USER = "0x" + "ab" * 20
STATE = {
    "marginSummary": {
        "accountValue": "1000",
        "totalNtlPos": "0",
        "totalRawUsd": "1000",
        "totalMarginUsed": "0",
    },
    "crossMarginSummary": {
        "accountValue": "1000",
        "totalNtlPos": "0",
        "totalRawUsd": "1000",
        "totalMarginUsed": "0",
    },
    "withdrawable": "1000",
    "assetPositions": [],
    "time": START_MS,
}


def order(oid: int, sz: str = "1", coin: str = "BTC") -> dict[str, Any]:
    return {
        "coin": coin,
        "side": "B",
        "limitPx": "99",
        "sz": sz,
        "oid": oid,
        "timestamp": START_MS,
        "origSz": "1",
    }


def update(oid: int, status: str, sz: str = "1", coin: str = "BTC") -> dict[str, Any]:
    return {"order": order(oid, sz, coin), "status": status, "statusTimestamp": START_MS}


@dataclass
class Account:
    """What is true of the account, and everything heard of it."""

    venue: FakeVenue
    http: ScriptedHttp
    clock: LoopClock
    fills: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    heard: list[AccountEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        def paid(p: dict[str, Any]) -> dict[str, Any]:
            return {"time": p["time"], "hash": "0x", "delta": {"type": "funding", **p}}

        def since(rows: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
            return [row for row in rows if row["time"] >= start]

        self.http.answers = {
            "userFillsByTime": lambda r: since(self.fills, r["startTime"])[:2000],
            "userFunding": lambda r: [paid(p) for p in since(self.payments, r["startTime"])][:500],
            "frontendOpenOrders": lambda r: list(self.orders.values()) if not r["dex"] else [],
            "clearinghouseState": lambda r: self.state() if not r["dex"] else STATE,
        }

    def state(self) -> dict[str, Any]:
        """Every fill buys 1."""
        position = {
            "coin": "BTC",
            "szi": str(len(self.fills)),
            "leverage": {"type": "cross", "value": 20},
            "entryPx": "100",
            "positionValue": "1",
            "unrealizedPnl": "0",
            "returnOnEquity": "0",
            "liquidationPx": None,
            "marginUsed": "1",
        }
        listed = [{"type": "oneWay", "position": position}] if self.fills else []
        return {**STATE, "assetPositions": listed, "time": self.clock.now_ns() // 1_000_000}

    def say(self, channel: str, data: Any) -> None:
        if self.venue.sockets:
            self.venue.socket.say({"channel": channel, "data": data})

    def trade(self, tid: int) -> None:
        self.fills.append(fill(self.clock.now_ns() // 1_000_000, tid, len(self.fills)))
        self.say("userFills", {"user": USER, "fills": [self.fills[-1]]})

    def pay(self) -> None:
        self.payments.append(
            {
                "time": self.clock.now_ns() // 1_000_000,
                "coin": f"C{len(self.payments)}",
                "usdc": "-1",
                "szi": "1",
                "fundingRate": "0.1",
                "nSamples": None,
            }
        )
        self.say("user", {"funding": self.payments[-1]})

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]

    @property
    def tids(self) -> list[int]:
        return [event.fill.tid for event in self.of(Filled)]


Play = Callable[[Account, AccountFeed, Connection], Awaitable[None]]


def on_account(play: Play, before: int = 0, **options: Any) -> Account:
    async def main() -> Account:
        clock = LoopClock(START_NS)
        account = Account(FakeVenue(clock), ScriptedHttp(), clock)
        account.fills += [fill(START_MS - 1000 - k, 10_000 + k) for k in range(before)]
        client = VenueClient(account.http, account.venue, clock, network="local", account=USER)
        feed = AccountFeed(client, account.heard.append, since_ms=START_MS, **options)
        connection = client.connection(feed, settings=feed.settings)
        connection.subscribe(*feed.subscriptions())
        connection.start()
        await play(account, feed, connection)
        await connection.close()
        await feed.close()
        return account

    return run_virtually(main())


def test_a_start_reads_everything_and_history_is_not_news() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        account.orders = {7: order(7)}
        await asyncio.sleep(2)
        assert feed.is_complete
        snapshot = [fill(START_MS - 5, 10_000), fill(START_MS + 5, 3)]
        account.say("userFills", {"isSnapshot": True, "user": USER.upper(), "fills": snapshot})
        account.say("userFills", {"user": "0x" + "cd" * 20, "fills": [fill(START_MS + 6, 4)]})

    account = on_account(play, before=5, dexes=["", "xyz"])
    assert account.tids == [3]
    kinds = [type(event).__name__ for event in account.heard]
    assert sorted(kinds[:5]) == ["OpenOrders", "OpenOrders", "PositionsRead", "PositionsRead", "Recovered"]
    assert kinds[4] == "Recovered"
    assert {e.dex: [o.oid for o in e.orders] for e in account.of(OpenOrders)} == {"": [7], "xyz": []}


def test_a_fill_told_on_two_channels_and_again_is_one() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        await asyncio.sleep(1)
        account.trade(1)
        account.say("user", {"fills": [account.fills[-1]]})
        account.say("userFills", {"isSnapshot": True, "user": USER, "fills": account.fills})
        account.pay()
        account.say("userFundings", {"isSnapshot": True, "user": USER, "fundings": account.payments})
        account.say("user", {"nonUserCancel": [{"coin": "BTC", "oid": 5}]})
        account.say("orderUpdates", [update(5, "open"), update(5, "canceled")])
        state = {"dex": "", "user": USER, "clearinghouseState": account.state()}
        account.say("clearinghouseState", state)
        await asyncio.sleep(1)

    account = on_account(play)
    assert account.tids == [1]
    assert len(account.of(Paid)) == len(account.of(Canceled)) == 1
    assert [e.update.status_text for e in account.of(OrderChanged)] == ["open", "canceled"]
    assert len(account.of(PositionsRead)) == 2


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_each_fill_and_payment_comes_exactly_once(seed: int) -> None:
    rng = random.Random(seed)

    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        def fail(request: dict[str, Any]) -> Exception | None:
            return TimeoutError() if rng.random() < 0.3 else None

        account.http.fail = fail
        for tid in range(1, 120):
            await asyncio.sleep(rng.expovariate(1 / 3))
            chance = rng.random()
            if chance < 0.08 and account.venue.sockets:
                account.venue.socket.drop()
            account.venue.deaf = 0.08 <= chance < 0.3
            account.trade(tid)
            if rng.random() < 0.2 and account.fills:
                account.say("userFills", {"isSnapshot": True, "user": USER, "fills": account.fills[-50:]})
            if tid % 20 == 0:
                account.pay()
        account.venue.deaf, account.http.fail = False, lambda request: None
        await asyncio.sleep(70)
        assert feed.is_complete

    account = on_account(play)
    assert sorted(account.tids) == list(range(1, 120))
    assert len(account.of(Paid)) == len(account.payments)


def test_open_orders_take_in_what_was_told_while_they_were_asked_for() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        account.orders = {1: order(1), 2: order(2), 3: order(3)}
        while not account.http.of("frontendOpenOrders"):
            await asyncio.sleep(0.001)
        updates = [
            update(1, "filled", "0"),
            update(4, "open"),
            update(2, "open", "0.25"),
            update(9, "open", coin="xyz:A"),
        ]
        account.say("orderUpdates", updates)
        await asyncio.sleep(1)

    account = on_account(play)
    (open_orders,) = account.of(OpenOrders)
    assert {o.oid: o.sz for o in open_orders.orders} == {2: 0.25, 3: 1.0, 4: 1.0}
    assert open_orders.asked_ns < open_orders.recv_ns


def test_recovery_asks_until_it_is_answered_and_only_while_the_socket_stands() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        account.http.fail = lambda request: TimeoutError()
        await asyncio.sleep(5)
        assert not feed.is_complete
        account.venue.refuse = True
        account.venue.socket.drop()
        await asyncio.sleep(1)
        asked = len(account.http.asked)
        await asyncio.sleep(10)
        assert len(account.http.asked) == asked
        account.venue.refuse, account.http.fail = False, lambda request: None
        await asyncio.sleep(3)
        assert feed.is_complete

    assert len(on_account(play).of(Recovered)) == 1


def test_a_fill_missed_on_a_living_socket_is_found_by_the_position() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        await asyncio.sleep(1)
        account.trade(1)
        account.venue.deaf = True
        account.trade(2)
        account.venue.deaf = False
        for _ in range(2):
            await asyncio.sleep(0.3)
            state = {"dex": "", "user": USER, "clearinghouseState": account.state()}
            account.say("clearinghouseState", state)
        await asyncio.sleep(1)
        assert feed.is_complete
        assert account.tids == [1, 2]
        account.venue.deaf = True
        account.trade(3)
        account.venue.deaf = False
        await asyncio.sleep(6)
        account.trade(4)
        await asyncio.sleep(1)
        assert sorted(account.tids) == [1, 2, 3, 4]
        assert connection.epoch == 1

    on_account(play)


def test_a_stalled_socket_that_lives_is_recovered_from() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        await asyncio.sleep(5)
        account.venue.deaf = True
        await asyncio.sleep(2.5)
        account.trade(1)
        account.venue.deaf = False
        account.say("pong", None)
        await asyncio.sleep(1)
        assert connection.epoch == 1
        assert account.tids == [1]

    on_account(play)


def test_reports_that_were_overtaken_are_dropped() -> None:
    async def play(account: Account, feed: AccountFeed, connection: Connection) -> None:
        await asyncio.sleep(1)
        account.say("orderUpdates", [update(1, "open"), update(1, "canceled"), update(1, "open")])
        old = {"dex": "", "user": USER, "clearinghouseState": STATE}
        account.say("clearinghouseState", old)

    account = on_account(play)
    assert [e.update.status_text for e in account.of(OrderChanged)] == ["open", "canceled"]
    assert len(account.of(PositionsRead)) == 1


def test_an_account_is_needed() -> None:
    clock = LoopClock.__new__(LoopClock)
    client = VenueClient(ScriptedHttp(), FakeVenue(clock), clock, network="local")
    with pytest.raises(ValueError, match="account"):
        AccountFeed(client, lambda event: None, since_ms=0)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60))
def test_once_forgets_only_what_cannot_come_again(steps: list[tuple[int, bool]]) -> None:
    once, now, told = Once(1000), 1000, set()
    for step, (ahead, seal) in enumerate(steps):
        now += ahead * 2000
        assert once.is_new(step, now, now)
        told.add((step, now))
        if seal:
            once.seal()
        assert once.resume_ms() >= 1000
        for key, at in told:
            if at >= once.resume_ms():
                assert not once.is_new(key, at, now)


def test_a_time_that_cannot_be_true_hides_nothing() -> None:
    once = Once(1000)
    assert once.is_new("odd", 10**12, 5000)
    once.seal()
    assert once.is_new("next", 5001, 5001)
    assert once.resume_ms() == 1000


def test_keys_are_forgotten_in_time() -> None:
    once = Once(0)
    for k in range(1000):
        assert once.is_new(k, k * 1000, k * 1000)
        once.seal()
    assert len(once._seen) <= 2 * OVERLAP_MS // 1000 + 1
