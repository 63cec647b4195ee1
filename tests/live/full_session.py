"""A whole session in one process: local exchange, client, makers, orders, record, as `undertow run` makes it.

Virtual time and seeds for everything. Market data, the account's stream and requests each have a line of
their own, so that one can break while the others stand. A session can be killed as a process is, and a
new one begun in the same folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.trading.driving import config as quick_config
from tests.venue.exchange_session import Line

from undertow.clock import LoopClock
from undertow.config import Config
from undertow.exchange.core import Exchange
from undertow.exchange.faults import Fate, RandomFaults, Rates
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, Latency
from undertow.exchange.local import LocalSpec, MarketSpec, build
from undertow.journal.store import NAME
from undertow.live.assemble import Parts
from undertow.live.preparing import as_it_is, prepare
from undertow.live.spec import Orders, RunSpec
from undertow.live.trade import Traded, trade
from undertow.monitor.view import SessionView
from undertow.trading.orders.manager import VenueExecution
from undertow.venue.client import VenueClient
from undertow.venue.connection import Connection
from undertow.venue.signing import Signer
from undertow.venue.transport import Listener, Socket

START_NS = 1_790_000_000_000_000_000
SIGNER = Signer("0x" + "11" * 32, mainnet=False)
OTHER = Signer("0x" + "22" * 32, mainnet=False)
MARKETS = (
    MarketSpec("hl-btc", "BTC"),
    MarketSpec("hip3-hype", "hyna:HYPE", growth_mode=True, reference="HYPE"),
)
REFERENCES = {"hyna:HYPE": ("HYPE",)}
REMEMBERED = 600
"""Blocks whose books are remembered: 42 s."""
ROUGH = Rates(request_lost=0.05, reply_lost=0.1, too_many=0.03, server_error=0.1)


class RequestLine(Line):
    """A line of requests: out, or with replies lost and requests refused now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.rough = False
        self._fates = RandomFaults(seed + 1, ROUGH)

    def request(self, path: str, body: bytes) -> Fate:
        if self.out:
            return Fate.REQUEST_LOST
        return self._fates.request(path, body) if self.rough else Fate.ANSWERED


class Net:
    """`Connector` and `Http` of one session: the account's sockets and the market's on lines of their own."""

    def __init__(self, gateway: Gateway, seed: int, latency: Latency) -> None:
        self.lines: dict[str, Line] = {
            "market": Line(seed),
            "account": Line(seed + 10_000),
            "requests": RequestLine(seed + 20_000),
        }
        self.ways = {
            name: InProcess(gateway, latency=latency, faults=line, seed=seed + k, timeout_s=10.0)
            for k, (name, line) in enumerate(self.lines.items())
        }
        self.stream: Connection | None = None
        """The account's connection, as soon as it is known."""

    async def connect(self, listener: Listener) -> Socket:
        """A socket on the line of whoever listens."""
        owner = getattr(listener, "_connection", None)
        name = "account" if owner is not None and owner is self.stream else "market"
        return await self.ways[name].connect(listener)

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """A request."""
        return await self.ways["requests"].post(path, body)

    async def close(self) -> None:
        """Nothing stays open."""


class World:
    """The exchange, and what was true of its books block by block. Made inside a running loop."""

    def __init__(
        self,
        seed: int,
        markets: Sequence[MarketSpec] = MARKETS,
        *,
        start_ns: int = START_NS,
        latency: Latency | None = None,
        funds: float = 100_000.0,
        remembers: bool = True,
    ) -> None:
        """``remembers`` off: what was true of the books is not kept."""
        self.seed, self.latency = seed, latency or Latency(0.08, 0.08, 0.04)
        self.clock = LoopClock(start_ns)
        funded = {SIGNER.address: funds, OTHER.address: funds}
        self.exchange: Exchange = build(LocalSpec(tuple(markets), seed=seed, funds=funded), start_ns)
        self.gateway = Gateway(self.exchange, self.clock)
        self.coins = {coin.name: coin for coin in self.exchange.state.coins}
        self.truth: dict[str, dict[int, tuple[dict[int, int], dict[int, int]]]] = {
            market.coin: {} for market in markets
        }
        self.coins_kept = tuple(self.truth) if remembers else ()
        self.nets = 0

    def net(self) -> Net:
        """A way to the exchange for one more session."""
        self.nets += 1
        return Net(self.gateway, self.seed + 100 * self.nets, self.latency)

    async def pump(self) -> None:
        """Drive the exchange, and remember its books."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.gateway.advance()
            now_ms = self.exchange.state.now_ms
            for name in self.coins_kept:
                coin, books = self.coins[name], self.truth[name]
                sides = [{tick: steps for tick, steps, _ in coin.levels(side, 40)} for side in (1, -1)]
                books[now_ms] = (sides[0], sides[1])
                if len(books) > REMEMBERED:
                    del books[next(iter(books))]
            due = max(due + self.gateway.block_ns / 1e9, loop.time())
            await asyncio.sleep(due - loop.time())

    def account(self) -> Any:
        """Our account, as the exchange has it."""
        account = self.exchange.account(SIGNER.address)
        assert account is not None
        return account


class FullSession:
    """One life of a session on a `World`: `begin`, then `end` in order or `kill`."""

    def __init__(
        self,
        world: World,
        folder: Path,
        *,
        maker: str = "symmetric",
        orders: Orders = "venue",
        config: Config | None = None,
        coins: Sequence[str] | None = None,
        resume: bool = False,
    ) -> None:
        self.world, self.net = world, world.net()
        self.config = config or quick_config()
        coins = tuple(coins or world.truth)
        self.spec = RunSpec(
            network="local",
            url="in this process",
            coins=coins,
            references={coin: names for coin, names in REFERENCES.items() if coin in coins},
            orders=orders,
            maker=maker,
            duration_s=None,
            folder=folder,
            account_usd=10_000.0,
            resume=str(folder / "s") if resume else "",
        )
        self.client = VenueClient(
            self.net, self.net, world.clock, network="local", signer=SIGNER, seed=world.seed
        )
        self.stop = asyncio.Event()
        self.views: list[SessionView] = []
        self.said: list[str] = []
        self.parts: Parts
        self._trading: asyncio.Task[Traded] | None = None

    async def begin(self, name: str = "s") -> None:
        """Everything up to the first row, and trading in a task of its own."""
        there = self.spec.folder / name
        resume = str(there) if (there / NAME).is_file() else ""
        self.parts = await prepare(
            msgspec.structs.replace(self.spec, resume=resume),
            as_it_is(self.config),
            self.client,
            self.world.clock,
            say=self.said.append,
            name=name,
        )
        self.net.stream = self.parts.links._stream
        self._trading = asyncio.create_task(trade(self.parts, self.stop, self._show))

    def _show(self, view: SessionView) -> None:
        self.views = [*self.views[-3:], view]

    @property
    def has_begun(self) -> bool:
        """Whether recovery is done and the makers see rows."""
        return self.parts.session._task is not None

    @property
    def orders(self) -> VenueExecution:
        """The order manager (venue execution)."""
        assert isinstance(self.parts.execution, VenueExecution)
        return self.parts.execution

    @property
    def connections(self) -> list[Connection]:
        """Every connection of the session."""
        links = self.parts.links
        return [*links._market.connections, *([links._stream] if links._stream is not None else [])]

    @property
    def broke(self) -> BaseException | None:
        """What ended trading though nobody asked."""
        task = self._trading
        return task.exception() if task is not None and task.done() and not self.stop.is_set() else None

    async def end(self) -> Traded:
        """Stop in order."""
        self.stop.set()
        assert self._trading is not None
        return await self._trading

    async def kill(self) -> None:
        """As a process ends that is killed: nothing more is sent, nothing written."""
        for name, line in self.net.lines.items():
            line.out = True
            self.net.ways[name].break_sockets("killed")
        session = self.parts.session
        for coin in self.parts.recorder._coins:
            for file in coin.capture._files.values():
                file.close()
            coin.runner.capture = None
        session.recorder = None
        journal = self.parts.memory.journal
        journal.close()  # lets go of its lock, as a dead process does
        journal.commit = lambda *_, **__: None  # type: ignore[method-assign, assignment]
        journal.close = _no_end  # type: ignore[method-assign]
        session.stop = _nothing  # type: ignore[method-assign]
        tasks = [self._trading, session._task]
        if isinstance(self.parts.execution, VenueExecution):
            manager = self.parts.execution
            manager._outbox._deliver = None
            tasks += [*manager.sender._tasks.values(), manager._recovering, manager._auditing]
            tasks.append(manager._inquiry._task)
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


def _no_end(*_: object) -> None:
    """A dead process does not say how it ended."""


async def _nothing() -> None:
    """What a dead process does."""
