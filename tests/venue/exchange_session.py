"""A client on the local exchange over a line that breaks: what it heard beside what is true.

Virtual time, seeds for everything. `Session.fault` breaks the line for a while; `Session.judge` says
what is wrong with the client's book, fills, orders and position at that moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from undertow.clock import LoopClock
from undertow.exchange.faults import DELIVERED, DROPPED, Copy, Fate, Faults, RandomFaults, Rates
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, Latency
from undertow.exchange.local import LocalSpec, MarketSpec, build
from undertow.instrument import hyperliquid_perp, tick_near
from undertow.kernel.l2book import apply_row, level_qty, new_book
from undertow.venue.account_events import AccountEvent, Filled, OpenOrders, OrderChanged, PositionsRead
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.failures import VenueFailure
from undertow.venue.feed import MarketFeed
from undertow.venue.fusion import FusedLevel, Fusion
from undertow.venue.market_data import MarketData
from undertow.venue.received import Received
from undertow.venue.signing import Signer
from undertow.venue.wire.actions import ALO, IOC, CancelByCloid, CancelByCloidSpec, PlaceOrders, order_spec
from undertow.venue.wire.numbers import WireNumbers

START_NS = 1_790_000_000_000_000_000
COIN = "BTC"
SIGNER = Signer("0x" + "11" * 32, mainnet=False)
INSTRUMENT = hyperliquid_perp(COIN, 5)
NUMBERS = WireNumbers(INSTRUMENT)
FAULTS = ("close", "half open", "silence", "outage", "frames", "venue down")
RATES = Rates(duplicate=0.1, reorder=0.1, delay=0.1, delay_s=0.8)
_ACK = b'"subscriptionResponse"'


class Line(Faults):
    """Faults that are switched on and off."""

    def __init__(self, seed: int) -> None:
        self.silent = self.out = self.ragged = False
        self._random, self._acks = RandomFaults(seed, RATES), random.Random(seed)

    def connecting(self) -> str | None:
        return "no route to host" if self.out else None

    def upward(self, data: bytes) -> Sequence[Copy]:
        return DROPPED if self.out else DELIVERED

    def downward(self, data: bytes) -> Sequence[Copy]:
        if self.silent or self.out:
            return DROPPED
        if not self.ragged:
            return DELIVERED
        return DROPPED if _ACK in data and self._acks.random() < 0.3 else self._random.downward(data)

    def request(self, path: str, body: bytes) -> Fate:
        return Fate.REQUEST_LOST if self.out else Fate.ANSWERED


@dataclass
class Ours:
    """What the client has been told of its account."""

    fills: list[tuple[int, int]] = field(default_factory=list)
    position: float = 0.0
    told_position: float | None = None
    orders: set[int] = field(default_factory=set)
    events: list[AccountEvent] = field(default_factory=list)

    def take(self, event: AccountEvent) -> None:
        self.events.append(event)
        if isinstance(event, Filled):
            self.fills.append(event.fill.key)
            self.position += event.fill.sign * event.fill.sz
        elif isinstance(event, OpenOrders):
            self.orders = {order.oid for order in event.orders}
        elif isinstance(event, OrderChanged):
            update = event.update
            if update.status.terminal:
                self.orders.discard(update.order.oid)
            else:
                self.orders.add(update.order.oid)
        elif isinstance(event, PositionsRead):
            listed = {p.position.coin: p.position.szi for p in event.state.asset_positions}
            self.told_position = listed.get(COIN, 0.0)


class Session:
    """Everything of one session; made inside a running event loop."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = LoopClock(START_NS)
        spec = LocalSpec((MarketSpec("hl-btc", COIN),), seed=seed, funds={SIGNER.address: 1e6}, limits=True)
        self.exchange = build(spec, START_NS)
        self.gateway = Gateway(self.exchange, self.clock)
        self.line = Line(seed)
        self.net = InProcess(
            self.gateway, latency=Latency(0.08, 0.08, 0.04), faults=self.line, seed=seed, timeout_s=2.0
        )
        self.client = VenueClient(self.net, self.net, self.clock, network="local", signer=SIGNER, seed=seed)
        self.feed = MarketFeed([COIN])
        self.data = MarketData(self.client, self.feed, self._rows)
        self.ours = Ours()
        self.account = AccountFeed(self.client, self.ours.take, since_ms=START_NS // 10**6)
        self.user = self.client.connection(self.account, settings=self.account.settings)
        self.user.subscribe(*self.account.subscriptions())
        self.truth: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self.book, self._inst = new_book(erode=True), INSTRUMENT.record()
        self.quoting = True
        self.cloids: list[str] = []
        self.last_exch_ns = 0
        self.backward = 0

    async def pump(self) -> None:
        """Drive the exchange and remember what was true after each block."""
        (coin,) = self.exchange.state.coins
        while True:
            self.gateway.advance()
            sides = [{tick: steps for tick, steps, _ in coin.levels(side, 40)} for side in (1, -1)]
            self.truth[self.exchange.state.now_ms] = (sides[0], sides[1])
            if len(self.truth) > 300:
                del self.truth[next(iter(self.truth))]
            await asyncio.sleep(0.07)

    async def quote(self) -> None:
        """Orders come and go near the touch, now and then one that trades at once."""
        while True:
            await asyncio.sleep(self.rng.uniform(0.2, 0.8))
            touch = [self.feed.coin(COIN).fusion.levels(side)[:1] for side in (1, -1)]
            if not self.quoting or not touch[0] or not touch[1]:
                continue
            cloid = f"0x{len(self.cloids):032x}"
            side, take = self.rng.choice((1, -1)), self.rng.random() < 0.3
            level = touch[0 if (side > 0) != take else 1][0]
            self.cloids.append(cloid)
            px = NUMBERS.px(NUMBERS.tick_of(level.px))
            order = order_spec(0, side, px, NUMBERS.sz(0.001), IOC if take else ALO, cloid=cloid)
            old = self.rng.choice(self.cloids)
            try:
                await self.client.act(PlaceOrders([order]), timeout_s=2.0)
                await self.client.act(CancelByCloid([CancelByCloidSpec(0, old)]), timeout_s=2.0)
            except VenueFailure:
                continue

    async def fault(self, kind: str, seconds: float) -> None:
        """Break the line in one way for `seconds`; the sockets it kills come back by themselves."""
        line = self.line
        if kind == "close":
            self.net.break_sockets()
        elif kind == "half open":
            self.net.half_open()
        elif kind == "silence":
            line.silent = True
        elif kind == "frames":
            line.ragged = True
        elif kind == "outage":
            line.out = True
            self.net.break_sockets("network is down")
        else:
            self.gateway.shut()
        await asyncio.sleep(seconds)
        line.silent = line.out = line.ragged = False
        self.gateway.reopen()

    def judge(self) -> list[str]:
        """What is wrong with what the client believes; empty where nothing is."""
        (coin,) = self.exchange.state.coins
        account = self.exchange.account(SIGNER.address)
        assert account is not None
        wrong = self._judge_book()
        kept = [(fill.oid, fill.tid) for fill in account.fills]
        if sorted(self.ours.fills) != sorted(kept):
            missed = set(kept) - set(self.ours.fills)
            wrong.append(f"fills: {len(missed)} missed, {len(self.ours.fills)} told of {len(kept)}")
        live = set(account.live)
        if live != self.ours.orders:
            wrong.append(f"orders: {sorted(self.ours.orders)} are not {sorted(live)}")
        position = account.steps(coin) / 1e5
        for name, said in (("by fills", self.ours.position), ("as told", self.ours.told_position)):
            if said is None or abs(said - position) > 1e-9:
                wrong.append(f"position {name} {said} is not {position}")
        return wrong

    def _judge_book(self) -> list[str]:
        """Every level of the newest source as it was at that block, and the kernel's as the fused."""
        fusion = self.feed.coin(COIN).fusion
        if fusion.is_blank:
            return ["book: none"]
        wrong = []
        age_s = (self.clock.now_ns() - fusion.exch_ms * 10**6) / 1e9
        if age_s > 1.5:
            wrong.append(f"book: {age_s:.2f} s old")
        for index, side in ((0, 1), (1, -1)):
            for level in fusion.levels(side):
                tick = tick_near(self._inst, level.px)
                true = self.truth.get(level.exch_ms)
                if true is None:
                    wrong.append(f"book: a level of {level.source} is from no block we remember")
                elif not _eroded(fusion, index, level) and true[index].get(tick, 0) / 1e5 != level.qty:
                    wrong.append(f"book: {level} was {true[index].get(tick, 0) / 1e5}")
                if level_qty(self.book, side, tick) != level.qty:
                    wrong.append(f"kernel: {level} is {level_qty(self.book, side, tick)}")
        return wrong

    def _rows(self, received: Received) -> None:
        rows = received.rows.view(np.recarray)
        for row in rows:
            apply_row(self.book, self._inst, row, received.snapshots)
            self.backward += row.exch_ns < self.last_exch_ns
            self.last_exch_ns = int(row.exch_ns)


def _eroded(fusion: Fusion, index: int, level: FusedLevel) -> bool:
    """Whether a print since the level was shown may have consumed of it."""
    sign = -1.0 if index == 0 else 1.0
    return any(
        at > level.exch_ms and side == index and key >= sign * level.px for at, side, key, _ in fusion._prints
    )


@dataclass
class Outcome:
    """What one fault did: seconds from the feed's return to everything right, what stayed wrong, and
    how long a side was quotable though its book was old."""

    fault: str
    seed: int
    wrong: list[str]
    right_after_s: float | None
    unseen_s: float
    fills: int


async def _watch(session: Session, breaking: asyncio.Task[None], kind: str) -> float:
    """Wait for the feed's return; the greatest age of the book (s) at which a side could be quoted."""
    epochs = (session.data.connections[0].epoch, session.user.epoch)
    worst = 0.0
    while True:
        await asyncio.sleep(0.05)
        now_ns = session.clock.now_ns()
        age_s = (now_ns - session.feed.coin(COIN).fusion.exch_ms * 10**6) / 1e9
        if any(session.feed.stale(COIN, side, now_ns) is None for side in (1, -1)):
            worst = max(worst, age_s)
        anew = session.data.connections[0].epoch > epochs[0] and session.user.epoch > epochs[1]
        if breaking.done() and (anew or kind != "half open"):
            return worst


async def run(seed: int, kind: str, seconds: float) -> Outcome:
    """One session with one fault at a random point, judged until everything is right or 5 s are over."""
    session = Session(seed)
    tasks = [asyncio.create_task(session.pump()), asyncio.create_task(session.quote())]
    session.data.start()
    session.user.start()
    await asyncio.sleep(6.0 + 4.0 * session.rng.random())
    breaking = asyncio.create_task(session.fault(kind, seconds))
    unseen_s = await _watch(session, breaking, kind)
    returned = asyncio.get_running_loop().time()
    session.quoting = False
    right_after, wrong = None, ["not judged"]
    while wrong and asyncio.get_running_loop().time() - returned < 5.0:
        await asyncio.sleep(0.1)
        wrong = session.judge()
        if not wrong:
            right_after = asyncio.get_running_loop().time() - returned
    wrong += [f"{session.backward} rows ran backward"] if session.backward else []
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await session.data.close()
    await session.user.close()
    await session.account.close()
    session.gateway.shut()
    await asyncio.sleep(5.0)
    return Outcome(kind, seed, wrong, right_after, unseen_s, len(session.ours.fills))
