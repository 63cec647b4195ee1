"""Sessions of the order manager whose process dies at a write of its journal, and goes on from it.

The exchange, the transport with its faults and the traders are those of the order manager's own sessions
(`tests.trading.orders.exchange_sessions`), on virtual time. Each life of the process ends at a statement
drawn at random: before it, or after it was carried out. What the makers were shown is known only up to a
point drawn at random before that, as with a capture that was not flushed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tests.trading.orders import exchange_sessions
from tests.trading.orders.exchange_sessions import SIGNER, ExchangeSession

from undertow.events import ACK, CANCEL_REJECTED, FILL, OPEN
from undertow.journal.reading import Reader
from undertow.journal.rows import About, CoinRow
from undertow.journal.store import NAME, Journal, connect
from undertow.kernel.desk import DESK
from undertow.records import new_record
from undertow.trading.orders.inquiry import Patience
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.recollect import recollect
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.trading.taking_up import set_desk
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """An SQLite connection of a process that dies at its `at`-th statement, before it or after."""

    def __init__(self, path: str, at: int, after: bool, on_death) -> None:
        self._connection, self._left, self._after, self._on_death = connect(path), at, after, on_death
        self.dead = False

    def _run(self, method: str, *args):
        if self.dead:
            raise Killed
        self._left -= 1
        if self._left > 0:
            return getattr(self._connection, method)(*args)
        self.dead = True
        self._on_death()
        if self._after:
            getattr(self._connection, method)(*args)
        raise Killed

    def execute(self, *args):
        return self._run("execute", *args)

    def executemany(self, *args):
        return self._run("executemany", *args)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def close(self) -> None:
        self._connection.close()


@dataclass
class CrashSession(ExchangeSession):
    """As `ExchangeSession`, with a journal in `folder` and deaths at its statements."""

    folder: Path = Path()
    deaths: int = 0
    statements: tuple[int, int] = (3, 400)
    dead: bool = False
    dying: bool = True
    kept: dict[str, int] = field(default_factory=dict)
    checker: tuple[Path, Reader] | None = None

    async def _session(self) -> None:
        self.number = 77 + self.seed
        self.path = self.folder / f"{self.seed}" / NAME
        await super()._session()
        self._let_go()

    async def _live(self, memory) -> None:
        self.dead = False
        at = self.rng.randint(*self.statements)
        first = not self.path.is_file()
        journal = self._open(at if not first and self.dying else 10**9)
        found = None
        if first:
            journal.begin(self.clock.now_ns(), resumed=False)
        else:
            found = self._recollect()
            journal.begin(self.clock.now_ns(), resumed=True)
        self.journal = journal
        self.client = VenueClient(
            self.net, self.net, self.clock, network="testnet", signer=SIGNER, seed=self.rng.getrandbits(32)
        )
        self.manager = self._manager(self.client, self.number)
        if found is not None:
            self.client.nonces.raise_to(found.last_nonce)
            self.manager.adopt(found.memory)
        since_ms = (
            exchange_sessions.START_NS // 1_000_000 if found is None else found.memory.complete_ms - 60_000
        )
        self.feed = AccountFeed(
            self.client,
            AccountReports(self.manager),
            since_ms=since_ms,
            dexes=self.coins.dexes,
            payments_since_ms=exchange_sessions.START_NS // 1_000_000,
        )
        self.connection = self.client.connection(self.feed)
        self.connection.subscribe(*self.feed.subscriptions())
        self.connection.start()
        self.client.post_over(self.connection if self.over_socket else None)
        self.starting = asyncio.create_task(self.manager.start(self._show))
        await asyncio.wait({self.starting, self._death()}, return_when=asyncio.FIRST_COMPLETED)
        if first and self.dying and not self.dead:  # the first life starts in peace; it may die later
            journal._connection._left = at

    def _death(self) -> asyncio.Task:
        async def died() -> None:
            while not self.dead:
                await asyncio.sleep(0.1)

        self.dying_task = asyncio.create_task(died())
        return self.dying_task

    def _open(self, at: int) -> Journal:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        after = self.rng.random() < 0.5

        def opened(path: str) -> Dying:
            self.dyingc = Dying(path, 10**9, after, self._die)
            return self.dyingc

        if self.path.is_file():
            journal = Journal.open(self.path, connect=opened)
        else:
            about = About(self.number, SIGNER.address, "local", "venue", self.clock.now_ns(), 1e5, "{}", "{}")
            rows = [CoinRow(c.name, c.asset, c.tick_size, c.lot_size) for c in self.coins.by_name.values()]
            journal = Journal.create(self.path, about, rows, connect=opened)
        self.dyingc._left = at
        return journal

    def _die(self) -> None:
        self.dead = True
        self.deaths += 1

    def _show(self, received) -> None:
        if not self.dead:
            self.traders[received.coin].see(received)

    def _recollect(self):
        """What the new process finds on the disk; the traders' desks are made anew from it."""
        shown = {}
        for name, trader in self.traders.items():
            least = self.kept.get(name, 0)
            cut = len(trader.rows) if self.rng.random() < 0.4 else self.rng.randint(least, len(trader.rows))
            trader.rows, self.kept[name] = trader.rows[:cut], cut
            shown[name] = sum(row["kind"] == FILL for row in trader.rows)
            ends = [
                row
                for row in trader.rows
                if row["kind"] == ACK and row["code"] not in (OPEN, CANCEL_REJECTED)
            ]
            trader.ended = {int(row["ref"]) for row in ends}
        with Reader(self.path) as reader:
            assert not reader.faults()
            found = recollect(reader, shown, self.clock.now_ns() // 1_000_000)
        for name, trader in self.traders.items():
            last_id = int(trader.desk.next_id) - 1
            trader.desk = new_record(DESK)
            if found is not None:
                set_desk(trader.desk, found.desks[name], last_id, trader.coin, 0.0)
        return found

    async def _trade(self, seconds: float) -> None:
        rng, loop = self.rng, asyncio.get_running_loop()
        until = loop.time() + seconds
        next_break = loop.time() + rng.uniform(8, 60)
        while loop.time() < until:
            await asyncio.sleep(rng.uniform(0.02, 0.3))
            if self.dead:
                await self._restart()
                continue
            coin = rng.choice(list(self.traders))
            self._show_mid(coin, self._mid(coin))
            self.manager.on_time(self.clock.now_ns())
            actions = self.traders[coin].decide(self._mid(coin), self.clock.now_ns())
            if len(actions):
                self.manager.send(coin, self.clock.now_ns(), actions)
            if loop.time() > next_break:
                next_break = loop.time() + rng.uniform(8, 60)
                loop.create_task(self._break())
        self.dying = False
        if self.dead:
            await self._restart()
        self.journal._connection._left = 10**9

    async def _restart(self) -> None:
        await self._bury()
        await self._live(None)
        if self.dead:
            await self._restart()

    async def _bury(self) -> None:
        """The process is gone: nothing of it goes on."""
        manager = self.manager
        manager._outbox._deliver = None
        tasks = [*manager.sender._tasks.values(), manager._recovering, manager._auditing]
        tasks += [manager._inquiry._task, self.starting, self.dying_task]
        there = [task for task in tasks if task is not None]
        for task in there:
            task.cancel()
        await asyncio.gather(*there, return_exceptions=True)
        await self._hang_up()
        self._let_go()
        await asyncio.sleep(self.rng.uniform(0.0, 5.0))

    async def _hang_up(self) -> None:
        for close in (self.connection.close, self.feed.close, self.client.close):
            with contextlib.suppress(Killed):
                await close()

    def _let_go(self) -> None:
        """What the system does with the files of a dead process."""
        self._leave_checker()
        self.journal.close()

    def _manager(self, client: VenueClient, session: int) -> VenueExecution:
        port = ClientPort(client, self.coins)
        act, burn = port.act, port.burn

        async def alive(call, *args):
            if self.dead:
                await asyncio.Future()
            return await call(*args)

        async def watched(batch, nonce, expires_ms):
            if not self.dead:
                self._check_limit(batch)
                self._check_written(batch, nonce)
            return await alive(act, batch, nonce, expires_ms)

        async def burned(nonce):
            return await alive(burn, nonce)

        port.act, port.burn = watched, burned
        return VenueExecution(
            port,
            self.coins,
            self._limits(),
            self.clock,
            session=session,
            options=OrderOptions(audit_every_s=10.0, patience=Patience(grace_s=0.4)),
            listener=self._note,
            journal=self.journal,
        )

    def _limits(self):
        return {
            n: exchange_sessions.Limits(max_position_qty=c.qty_of(self.limit))
            for n, c in self.coins.by_name.items()
        }

    def _check_written(self, batch, nonce: int) -> None:
        """Nothing leaves that another process could not read in the journal."""
        if self.checker is None or self.checker[0] != self.path:
            self._leave_checker()
            self.checker = self.path, Reader(self.path)
        found = next(self.checker[1]._rows("SELECT count(*) FROM intent WHERE nonce = ?", nonce))
        assert found[0] == len(batch.orders), "sent before it was written"

    def _leave_checker(self) -> None:
        if self.checker is not None:
            self.checker[1].__exit__()
            self.checker = None

    def check(self) -> None:
        super().check()
        why = f"seed {self.seed}, {self.deaths} deaths"
        with Reader(self.path) as reader:
            assert not reader.faults(), why
            ours = Counter(
                (f.coin, f.oid, f.tid, f.side, f.px, f.lots, f.fee, f.crossed) for f in reader.fills()
            )
            theirs = Counter(
                (f.coin, f.oid, f.tid, f.side, f.px.normalize(), f.lots, f.fee, f.crossed)
                for f in self.model.fills
            )
            assert Counter({(*k[:4], k[4].normalize(), *k[5:]): n for k, n in ours.items()}) == theirs, why
            assert max(ours.values(), default=1) == 1, why
            standing = {(o.intent.coin, o.intent.order_id) for o in reader.open_orders()}
            assert standing == {(o.coin, o.id) for o in self.manager.table.standing()}, why
            paid = sum((p.usd for p in reader.payments()), Decimal(0))
        account = self.exchange.account(SIGNER.address)
        assert paid == sum((Decimal(f.micro) for f in account.fundings), Decimal(0)) / 1_000_000, why


def crash_session(seed: int, folder: Path, seconds: float = 40.0, **options) -> CrashSession:
    """Run one; returns it for what it counted. Seeds divisible by three run over a funding settlement."""
    start = exchange_sessions.START_NS
    if seed % 3 == 0:
        hour = 3_600_000_000_000
        exchange_sessions.START_NS = (start // hour + 1) * hour - random.Random(seed).randrange(int(20e9))
    try:
        session = CrashSession(seed, None, seconds, folder=folder, **options)
        session.run()
    finally:
        exchange_sessions.START_NS = start
    return session
