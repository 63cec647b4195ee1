"""Sessions of the order manager on the local exchange itself, by its wire, in one process.

Client, account feed, order manager; transport that loses, repeats, delays, reorders and breaks; an exchange
whose background is a random walk. Everything from the seed, on virtual time.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from tests.trading.orders.sessions import START_NS, Session, Trader

from undertow.clock import Clock, LoopClock
from undertow.events import FILL
from undertow.exchange.core import Exchange
from undertow.exchange.faults import RandomFaults, Rates
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, Latency
from undertow.exchange.listing import Dex, Listing, Rules
from undertow.exchange.market import Aggressor, MarketContext
from undertow.exchange.orders import Order
from undertow.exchange.pump import pumping
from undertow.instrument import hyperliquid_perp
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.inquiry import Patience
from undertow.trading.orders.ledger import Fill
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.memory import Memory
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.signing import Signer

PX = 1_000_000
STEP = 100
SIGNER = Signer("0x" + "11" * 32, mainnet=False)


class Walk:
    """A background market: `depth` levels either side of a mid that walks, and takers now and then."""

    def __init__(self, seed: int, depth: int = 12) -> None:
        self.instrument = hyperliquid_perp("X", 2)
        self.sz_decimals = 2
        self.context = MarketContext(PX / 1e4, PX / 1e4, 0.0)
        self.mid, self._depth = PX, depth
        self._rng = random.Random(seed)
        self.books: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self._fill()

    def _fill(self) -> None:
        for side in (1, -1):
            old = self.books[side]
            ticks = [self.mid - side * STEP * (1 + i) for i in range(self._depth)]
            self.books[side] = {tick: old.get(tick) or self._rng.randint(5, 60) for tick in ticks}

    def advance(self, until_ns: int) -> list[Aggressor]:
        roll = self._rng.random()
        if roll < 0.25:
            self.mid = min(max(self.mid + self._rng.choice((-2, -1, 1, 2)) * STEP, PX - 9000), PX + 9000)
            self._fill()
        elif roll < 0.35:
            return [self._taker()]
        return []

    def _taker(self) -> Aggressor:
        side, steps = self._rng.choice((1, -1)), self._rng.randint(1, 60)
        prints = []
        while steps > 0 and (best := self.best(-side)) is not None:
            taken = self.take(-side, best, steps)
            prints.append((best, taken))
            steps -= taken
        return Aggressor(side, prints, False)

    def leap(self, steps: int) -> None:
        """Move the mid at once."""
        self.mid = min(max(self.mid + steps * STEP, PX - 9000), PX + 9000)
        self._fill()

    def best(self, side: int) -> int | None:
        book = self.books[side]
        return (max(book) if side > 0 else min(book)) if book else None

    def size(self, side: int, tick: int) -> int:
        return self.books[side].get(tick, 0)

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        return [self.size(side, tick) for side, tick in levels.tolist()]

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        ticks = sorted(self.books[side], reverse=side > 0)[:depth]
        return [(tick, self.books[side][tick], 1) for tick in ticks]

    def take(self, side: int, tick: int, steps: int) -> int:
        taken = min(self.size(side, tick), steps)
        self.books[side][tick] = self.size(side, tick) - taken
        if not self.books[side][tick]:
            del self.books[side][tick]
        return taken

    def give_back(self, side: int, tick: int, steps: int) -> None:
        self.books[side][tick] = self.size(side, tick) + steps

    def feel(self, side: int, steps: int) -> None:
        """A walk does not care."""


class Truth:
    """The account as the exchange has it."""

    def __init__(self, exchange: Exchange, user: str) -> None:
        self._account = exchange.account(user)
        self._coins = exchange.state.coins

    def open(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                oid=o.oid, coin=o.coin.name, side=o.side, lots=o.left, filled=0, cloid=o.cloid or ""
            )
            for o in self._account.live.values()
            if o.live
        ]

    @property
    def orders(self) -> Mapping[int, Order]:
        return self._account.known

    @property
    def position(self) -> dict[str, int]:
        return {coin.name: self._account.steps(coin) for coin in self._coins}

    @property
    def fills(self) -> list[Fill]:
        return [
            Fill(
                f.coin.name,
                f.oid,
                f.tid,
                f.cloid,
                f.side,
                Decimal(f.tick) / 10_000,
                f.steps,
                Decimal(f.fee_micro) / 1_000_000,
                f.crossed,
                f.time_ms,
            )
            for f in self._account.fills
        ]


def rates_of(seed: int) -> Rates:
    """Rates of a schedule, each drawn for itself."""
    rng = random.Random(seed * 104_729 + 5)

    def draw(most: float) -> float:
        return most * rng.choice((0.0, 0.3, 1.0))

    return Rates(
        drop=draw(0.02),
        duplicate=draw(0.1),
        reorder=draw(0.2),
        delay=draw(0.2),
        delay_s=rng.choice((0.2, 1.0, 3.0)),
        refuse=draw(0.5),
        request_lost=draw(0.05),
        reply_lost=draw(0.08),
        too_many=draw(0.02),
        server_error=draw(0.06),
    )


@dataclass
class ExchangeSession(Session):
    """As `Session`, on the exchange. ``faults`` is not used: `rates_of` the seed is."""

    lives = 0
    limit = 150
    largest = 20

    async def _run(self) -> None:
        self.rng = rng = random.Random(self.seed)
        self.venue_clock = clock = LoopClock(START_NS)
        self.clock = self._our_clock()
        self.walks = {name: Walk(rng.getrandbits(32)) for name in ("BTC", "xyz:GOLD")}
        listings = [Listing(name, lambda _, w=walk: w) for name, walk in self.walks.items()]
        rules = Rules(dexes=(Dex("xyz"),), requests_free=rng.choice((10_000, 10_000, 400)))
        exchange = Exchange(listings, rules, start_ns=START_NS, seed=self.seed)
        for dex in ("", "xyz"):
            exchange.deposit(SIGNER.address, self.funds(), dex)
        self.exchange = exchange
        self.gateway = Gateway(exchange, clock, limits=False)
        self.wrong = self._faults(rng.getrandbits(32))
        self.net = InProcess(
            self.gateway,
            latency=Latency(0.05, 0.05, 0.05),
            faults=self.wrong,
            seed=rng.getrandbits(32),
            timeout_s=3.0,
        )
        async with pumping(self.gateway):
            await self._session()

    def _our_clock(self) -> Clock:
        """What time it is for us."""
        return self.venue_clock

    def _faults(self, seed: int) -> RandomFaults:
        return RandomFaults(seed, rates_of(self.seed))

    def funds(self) -> float:
        """What the account holds on each dex at the start, USD."""
        return 100_000.0

    async def _session(self) -> None:
        coins = {c.name: c.asset for c in self.exchange.state.coins}
        self.coins = Coins([Coin(name, asset, hyperliquid_perp(name, 2)) for name, asset in coins.items()])
        self.model = Truth(self.exchange, SIGNER.address)
        self.worst, self.notices, self.log = 0, Counter(), []
        self.over_socket = self.rng.random() < 0.5
        self._fresh_traders()
        await self._live(None)
        await self._trade(self.seconds)
        self.wrong.active = False
        await self._calm(60.0)
        self.check()
        await self.manager.stop()
        await asyncio.sleep(1.0)
        assert not self.model.open(), f"seed {self.seed}: orders left behind"
        self.check()
        await self._hang_up()

    def _fresh_traders(self) -> None:
        self.traders = {
            n: Trader(c, random.Random(self.rng.random()), STEP, (8, self.largest))
            for n, c in self.coins.by_name.items()
        }

    async def _live(self, memory: Memory | None) -> None:
        """A process begins: its client, its feed, its order manager."""
        if memory is None:
            self.lives += 1
        self.client = VenueClient(
            self.net,
            self.net,
            self.clock,
            network="testnet",
            signer=SIGNER,
            seed=self.rng.getrandbits(32),
        )
        self.manager = self._manager(self.client, 1000 * self.seed + self.lives)
        self.feed = AccountFeed(
            self.client,
            AccountReports(self.manager),
            since_ms=self.clock.now_ns() // 1_000_000 - 600_000,
            dexes=self.coins.dexes,
        )
        self.connection = self.client.connection(self.feed)
        self.connection.subscribe(*self.feed.subscriptions())
        self.connection.start()
        self.client.post_over(self.connection if self.over_socket else None)
        if memory is not None:
            self.manager.adopt(memory)
        await self.manager.start(lambda received: self.traders[received.coin].see(received))
        if memory is None:
            for name, qty in self.manager.positions.items():
                self.traders[name].desk.position = qty - sum(
                    row["side"] * row["qty"] for row in self.traders[name].rows if row["kind"] == FILL
                )
                self.before[name] = sum(fill.coin == name for fill in self.model.fills)

    async def _restart(self) -> None:
        """The process is killed and begins again, with its memory of that moment or without."""
        manager = self.manager
        manager._outbox.flush()
        memory = manager.memory() if self.rng.random() < 0.5 else None
        manager._outbox._deliver = None
        tasks = [
            *manager.sender._tasks.values(),
            manager._recovering,
            manager._auditing,
            manager._inquiry._task,
        ]
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await self._hang_up()
        await asyncio.sleep(self.rng.uniform(0.0, 5.0))
        if memory is None:
            self._fresh_traders()
        await self._live(memory)

    async def _hang_up(self) -> None:
        await self.connection.close()
        await self.feed.close()
        await self.client.close()

    def _manager(self, client: VenueClient, session: int) -> VenueExecution:
        limits = {n: Limits(max_position_qty=c.qty_of(self.limit)) for n, c in self.coins.by_name.items()}
        port = ClientPort(client, self.coins)
        act = port.act

        async def watched(batch, nonce, expires_ms):
            self._check_limit(batch)
            return await act(batch, nonce, expires_ms)

        port.act = watched
        return VenueExecution(
            port,
            self.coins,
            limits,
            self.clock,
            session=session,
            options=OrderOptions(audit_every_s=10.0, patience=Patience(grace_s=0.4)),
            listener=self._note,
        )

    def _mid(self, coin: str) -> int:
        return self.walks[coin].mid

    def _move(self, coin: str) -> None:
        """The exchange's own blocks move it."""

    async def _break(self) -> None:
        """A mishap: sockets, the venue itself, its rules."""
        kind = self.rng.choice(("half open", "broken", "down", "upgrade", "halt"))
        if kind == "half open":
            self.net.half_open()
        elif kind == "broken":
            self.net.break_sockets()
        elif kind == "upgrade":
            self.exchange.controls.upgrade(self.rng.uniform(3.0, 15.0))
        elif kind == "halt":
            coin = self.rng.choice(list(self.walks))
            self.exchange.controls.halt(coin)
            await asyncio.sleep(self.rng.uniform(1.0, 5.0))
            self.exchange.controls.resume(coin)
        else:
            self.gateway.shut()
            await asyncio.sleep(self.rng.uniform(0.5, 5.0))
            self.gateway.reopen()
