"""Chaos: sessions of the order manager with everything that can go wrong, from one seed, on virtual time.

Beside the faults of `exchange_sessions` and the deaths of `tests.journal.crashing`: clocks that are set,
memory that is lost, a venue that refuses with every text it has, nonces used by somebody else, markets that
leap or fall silent. A journal is written and the kill switch watches, both judged: see `check` and
`chaos_kill.KillJudge`. A schedule that fails runs again:
``python -m tests.trading.orders.chaos_sessions SEED``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tests.journal.crashing import CrashSession, Killed
from tests.trading.orders import exchange_sessions
from tests.trading.orders.chaos_faults import CountedFaults, Moody, use_up
from tests.trading.orders.chaos_kill import KillJudge, shown
from tests.trading.orders.exchange_sessions import SIGNER, rates_of
from tests.trading.orders.sessions import START_NS, Session

from undertow.clock import Clock, WallClock
from undertow.events import FILL
from undertow.exchange.faults import RandomFaults
from undertow.journal.reading import Reader
from undertow.journal.store import NAME
from undertow.trading.orders.batching import Batch, Deed
from undertow.trading.orders.inquiry import Patience
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.notices import Kind, Notice
from undertow.trading.orders.port import Unanswered, Why
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.errors import parse_refusal
from undertow.venue.failures import VenueFailure

JUMPS_S = (0.005, 0.05, 0.5, 1.5, 5.0, 30.0, 180.0, 900.0)
MISHAPS = (
    *("half open", "broken", "down", "upgrade", "halt", "nonces taken", "nonces low", "interest cap"),
    *("leap", "silence", "by hand"),
)
DAY_MS = 86_400_000
CALM_S, MOST_CALM_S = 40.0, 120.0
LONGEST_S, HEARD_MS = 3_600.0, 1_000
"""Without faults, until everything must be right: an audit every 10 s. Longer where the weight of a minute is
used up, so that nothing may be asked. A schedule that is not over after an hour hangs; a fill may be on its
way for a second."""


@dataclass
class ChaosSession(CrashSession):
    """As `CrashSession`. `counts`: faults that happened, by kind; `lives`: journals, one per memory."""

    counts: Counter[str] = field(default_factory=Counter)
    journals: list[tuple[Path, int]] = field(default_factory=list)
    expected: set = field(default_factory=set)

    # ---- the world --------------------------------------------------------------------------------

    def _our_clock(self) -> Clock:
        """The machine's clock as a new process finds it; whoever sets it changes ``wall_off_ns``."""
        return WallClock(lambda: self.venue_clock.now_ns() + self.wall_off_ns, self.venue_clock.now_ns)

    def _faults(self, seed: int) -> RandomFaults:
        return CountedFaults(seed, rates_of(self.seed), self.counts)

    def funds(self) -> float:
        return 12.0 if self.seed % 11 == 7 else 100_000.0

    async def _run(self) -> None:
        self.wall_off_ns = 0
        chance = random.Random(self.seed * 31 + 7)
        if chance.random() < 0.1:  # a machine whose clock is wrong from the start
            self.wall_off_ns = round(chance.choice((1, -1)) * chance.choice(JUMPS_S) * 1e9)
            self.counts["clock wrong at the start"] += 1
        self.mood = chance.choice((0.0, 0.0, 0.05, 0.2))
        self.expire_s = chance.choice((None, 2.0, 10.0, 10.0))
        self.jumps = chance.choice((0, 1, 2, 4))
        self.memory_lost = 0
        self.silent: dict[str, float] = {}
        self.last_nonce = 0
        async with asyncio.timeout(LONGEST_S):  # one that waits for ever is wrong too
            await super()._run()

    def _fresh_traders(self) -> None:
        super()._fresh_traders()
        for trader in self.traders.values():
            trader.sizes = (10, self.largest)

    async def _session(self) -> None:
        self.moody = Moody(self.exchange, self.rng.getrandbits(32), self.mood)
        self.exchange.submit = self.moody  # type: ignore[method-assign]
        self._new_memory()
        await super(CrashSession, self)._session()
        self._let_go()

    def _new_memory(self) -> None:
        """Nothing is known of what was before: another journal, other desks, another session's number."""
        self.number = 77 + self.seed + 10_000 * len(self.journals)
        self.path = self.folder / f"{self.seed}-{len(self.journals)}" / NAME
        self.journals.append((self.path, 0))
        self.kept = {}
        self.before = Counter()

    # ---- a process --------------------------------------------------------------------------------

    async def _live(self, memory) -> None:
        self.dead, first = False, not self.path.is_file()
        self.clock = self._our_clock()
        self.client = VenueClient(
            self.net, self.net, self.clock, network="testnet", signer=SIGNER, seed=self.rng.getrandbits(32)
        )
        while self.client.time.ahead(self.clock.now_ns()).unsure_ns is None:  # `look_around` does it
            with contextlib.suppress(VenueFailure):
                await self.client.read_time()
        at = self.rng.randint(*self.statements)
        deadly = self.dying and self.restarts
        journal = self._open(at if not first and deadly else 10**9)
        found = None if first else self._recollect()
        journal.begin(self.clock.now_ns(), resumed=not first)
        self.journal = journal
        created_ms = self.client.time.venue_ms(self.clock.now_ns())
        if first:
            self.journals[-1] = (self.path, created_ms)
        self.manager = self._manager(self.client, self.number)
        if found is not None:
            self.client.nonces.raise_to(found.last_nonce)
            self.manager.adopt(found.memory)
        else:
            self.last_nonce = 0
        kill = self.folder / f"kill-{self.seed}.json"
        true_ns = self.venue_clock.now_ns
        self.judge = KillJudge(self.manager, self.client, true_ns, kill, self.expected, self.counts)
        self.feed = AccountFeed(
            self.client,
            AccountReports(self.manager),
            since_ms=created_ms if found is None else found.memory.complete_ms - 60_000,
            dexes=self.coins.dexes,
            payments_since_ms=self.journals[-1][1],
        )
        self.connection = self.client.connection(self.feed)
        self.connection.subscribe(*self.feed.subscriptions())
        self.connection.start()
        self.client.post_over(self.connection if self.over_socket else None)
        self.ask_at = 0.0
        self.starting = asyncio.create_task(self.manager.start(self._show))
        await asyncio.wait({self.starting, self._death()}, return_when=asyncio.FIRST_COMPLETED)
        if first and not self.dead:
            self._take_over()
            if deadly:  # the first life starts in peace; it may die later
                journal._connection._left = at

    def _take_over(self) -> None:
        """The desks begin with the positions found."""
        for name, qty in self.manager.positions.items():
            trader = self.traders[name]
            trader.desk.position = qty - sum(r["side"] * r["qty"] for r in trader.rows if r["kind"] == FILL)
            self.before[name] = sum(fill.coin == name for fill in self.model.fills)

    async def _restart(self) -> None:
        """The process is gone; the next has its memory, or has not."""
        self.counts["process died"] += 1
        await self._bury()
        if self.rng.random() < 0.4:
            self.counts["memory lost"] += 1
            self._new_memory()
            self._fresh_traders()
        else:
            self.counts["taken up again"] += 1
        await self._live(None)
        if self.dead:
            await self._restart()

    def _kill(self) -> None:
        """Between two statements of anything."""
        self._die()
        self.dyingc.dead = True

    def _die(self) -> None:
        if not self.dead:
            super()._die()

    def _manager(self, client: VenueClient, session: int) -> VenueExecution:
        port = ClientPort(client, self.coins)
        act, burn = port.act, port.burn

        async def watched(batch, nonce, expires_ms):
            if self.dead:
                await asyncio.Future()
            self._check_limit(batch)
            self._check_written(batch, nonce)
            self._check_nonce(nonce)
            try:
                reply = await act(batch, nonce, expires_ms)
            except Unanswered:
                known = self.exchange.account(SIGNER.address).known.values()
                names = {order.cloid for order in known}
                self.counts["reply lost, order accepted"] += any(o.cloid in names for o in batch.orders)
                raise
            self._count(batch, reply)
            return reply

        async def burned(nonce):
            if self.dead:
                await asyncio.Future()
            return await burn(nonce)

        port.act, port.burn = watched, burned
        return VenueExecution(
            port,
            self.coins,
            self._limits(),
            self.clock,
            session=session,
            options=OrderOptions(
                expire_after_s=self.expire_s, audit_every_s=10.0, patience=Patience(grace_s=0.4)
            ),
            listener=self._note,
            journal=self.journal,
        )

    def _count(self, batch: Batch, reply) -> None:
        if batch.deed == Deed.MODIFY and reply.refused is None:
            crossed = sum(getattr(out, "why", None) is Why.WOULD_MATCH for out in reply.outcomes)
            self.counts["modify that would have crossed"] += crossed
            gone = sum(getattr(out, "why", None) is Why.GONE for out in reply.outcomes)
            self.counts["modify of an order that was gone"] += gone

    def _check_nonce(self, nonce: int) -> None:
        assert nonce > self.last_nonce, f"nonce {nonce} after {self.last_nonce}"
        now_ms = self.exchange.state.now_ms
        assert now_ms - 2 * DAY_MS < nonce < now_ms + DAY_MS, f"nonce {nonce} at {now_ms}"
        self.last_nonce = nonce

    def _note(self, notice: Notice) -> None:
        super()._note(notice)
        if notice.kind is Kind.REFUSED:
            self.counts[f"refused: {parse_refusal(notice.text).refusal.name}"] += 1
        elif notice.kind is Kind.OVERFILL:
            self.counts["fill during a modify"] += 1
        if not self.dead:
            self.judge.notice(notice)

    # ---- what happens -----------------------------------------------------------------------------

    async def _trade(self, seconds: float) -> None:
        rng, loop = self.rng, asyncio.get_running_loop()
        until = loop.time() + seconds
        next_break, next_death, reset_at = loop.time() + rng.uniform(3, 20), until + 1, 0.0
        if self.restarts:
            next_death = loop.time() + rng.uniform(5, 60)
        jumps = sorted(loop.time() + rng.uniform(0, seconds) for _ in range(self.jumps))
        while loop.time() < until:
            await asyncio.sleep(rng.uniform(0.02, 0.3))
            if self.dead:
                await self._restart()
                continue
            coin = rng.choice(list(self.traders))
            self._step(coin)
            actions = self.traders[coin].decide(self._mid(coin), self.clock.now_ns())
            if len(actions):
                self.manager.send(coin, self.clock.now_ns(), actions)
            if loop.time() > next_break:
                next_break = loop.time() + rng.uniform(3, 20)
                loop.create_task(self._break())
            if jumps and loop.time() > jumps[0]:
                jumps.pop(0)
                self._set_clock()
            if self.expected and not reset_at:
                reset_at = loop.time() + rng.uniform(1.0, 5.0)
            elif reset_at and loop.time() > reset_at:
                self.judge.reset(self.clock.now_ns())
                reset_at = 0.0
            if loop.time() > next_death:
                next_death = loop.time() + rng.uniform(15, 60)
                self.counts["killed at any moment"] += 1
                self._kill()
        await self._faults_stop()

    async def _faults_stop(self) -> None:
        self.dying = self.moody.active = self.wrong.active = False
        self.silent.clear()
        for coin in self.walks:
            self.exchange.controls.resume(coin)
            self.exchange.controls.set_open_interest_cap(coin, None)
        if self.dead:
            await self._restart()
        self.journal._connection._left = 10**9

    async def _calm(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (calm_s := loop.time() - began) < min(seconds, CALM_S) or not (
            self._settled or calm_s > MOST_CALM_S
        ):
            await asyncio.sleep(0.2)
            for coin in self.traders:
                self._step(coin)
        self.counts["calm for more than 40 s"] += calm_s > CALM_S + 1.0

    @property
    def _settled(self) -> bool:
        asked = not any(order.open_question for order in self.manager.table.standing())
        complete = self.feed.is_complete and not self.manager.admission.closed
        last_ms = max((fill.time_ms for fill in self.model.fills[-4:]), default=0)
        heard = self.exchange.state.now_ms - last_ms > HEARD_MS  # a fill on its way is known to one side only
        return asked and complete and heard

    def _step(self, coin: str) -> None:
        """A look at the market (unless it is silent), at money and at the clock."""
        now_ns, terms = self.clock.now_ns(), self.coins.by_name[coin]
        if self.silent.get(coin, 0.0) <= asyncio.get_running_loop().time():
            mid = self._mid(coin)
            px = terms.px_of(mid - 1), terms.px_of(mid + 1)
            received = shown(coin, px, now_ns)
            self.manager.on_market(received)
            self.judge.market(received, 0.5 * (px[0] + px[1]), now_ns)
        self.judge.holdings(now_ns)
        self.manager.on_time(now_ns)
        self.judge.time(now_ns)
        if asyncio.get_running_loop().time() >= self.ask_at:
            self.ask_at = asyncio.get_running_loop().time() + 30.0
            for question in (self.client.read_budget(), self.client.read_time()):
                asyncio.get_running_loop().create_task(_quietly(question))

    def _set_clock(self) -> None:
        """Somebody sets the machine's clock: forward or back, by ms or minutes."""
        by_s = self.rng.choice((1, -1)) * self.rng.choice(JUMPS_S)
        self.wall_off_ns += round(by_s * 1e9)
        way, size = "forward" if by_s > 0 else "back", "under a second" if abs(by_s) < 1 else "seconds"
        self.counts[f"clock set {way}, {size if abs(by_s) < 60 else 'minutes'}"] += 1
        if self.wall_off_ns and self.rng.random() < 0.6:  # and right again
            loop = asyncio.get_running_loop()
            loop.call_later(self.rng.uniform(3.0, 15.0), setattr, self, "wall_off_ns", 0)

    async def _break(self) -> None:
        rng, kind = self.rng, self.rng.choice(MISHAPS)
        coin, now_ms = rng.choice(list(self.walks)), self.exchange.state.now_ms
        if not self.wrong.active:
            return
        self.counts[f"mishap: {kind}"] += 1
        if kind == "half open":
            self.net.half_open()
        elif kind == "broken":
            self.net.break_sockets()
        elif kind == "upgrade":
            self.exchange.controls.upgrade(rng.uniform(3.0, 15.0))
        elif kind == "down":
            self.gateway.shut()
            await asyncio.sleep(rng.uniform(0.5, 5.0))
            self.gateway.reopen()
        elif kind == "halt":
            self.exchange.controls.halt(coin)
            await asyncio.sleep(rng.uniform(1.0, 5.0))
            self.exchange.controls.resume(coin)
        elif kind == "nonces taken":
            use_up(self.exchange, SIGNER.address, self.client.nonces.last + 1, rng.randint(1, 50))
        elif kind == "nonces low":
            use_up(self.exchange, SIGNER.address, max(now_ms, self.client.nonces.last) + 2_000, 100)
        elif kind == "interest cap":
            self.exchange.controls.set_open_interest_cap(coin, 1.0)
            await asyncio.sleep(rng.uniform(1.0, 8.0))
            self.exchange.controls.set_open_interest_cap(coin, None)
        elif kind == "leap":
            self.walks[coin].leap(rng.choice((1, -1)) * rng.randint(20, 90))
        elif kind == "silence":
            self.silent[coin] = asyncio.get_running_loop().time() + rng.uniform(5.0, 45.0)
        elif not self.dead:
            self.judge.kill(rng.choice((coin, "")), self.clock.now_ns())

    # ---- judgement --------------------------------------------------------------------------------

    def check(self) -> None:
        """Orders, position, fees as `Session.check`; cash; every fill and payment in the journals."""
        Session.check(self)
        why = f"seed {self.seed}, {self.deaths} deaths, {len(self.journals)} memories"
        assert self.worst <= 0 or self.notices["overfill"], (why, self.worst)
        account = self.exchange.account(SIGNER.address)
        told: Counter[tuple] = Counter()
        older: set[tuple[int, int]] = set()
        for path, _ in self.journals:
            with Reader(path) as reader:
                assert not reader.faults(), why
                fills, old = list(reader.fills()), set(reader.old_fills())
                told.update(_key(f) for f in fills)
                older |= old
                paid = Counter((p.coin, p.exch_ms // 3_600_000, p.usd) for p in reader.payments())
                standing = {(o.intent.coin, o.intent.order_id) for o in reader.open_orders()}
        theirs = Counter(_key(fill) for fill in self.model.fills)
        assert max(told.values(), default=1) == 1, (why, "a fill is journalled twice")
        assert not told - theirs, (why, "a fill is journalled that never was")
        missing = {(key[1], key[2]) for key in theirs - told}
        assert missing <= older, (why, "fills are in no journal")
        assert len(self.journals) > 1 or not missing, (why, "fills are missing though nothing was forgotten")
        assert standing == {(o.coin, o.id) for o in self.manager.table.standing()}, why
        made = Counter(
            (f.coin.name, f.time_ms // 3_600_000, Decimal(f.micro) / 1_000_000)
            for f in account.fundings
            if f.time_ms >= self.journals[-1][1]
        )
        assert paid == made, (why, paid, made)
        for name, ours in self.manager.ledger.accounts.items():
            mine = [f for f in self.model.fills if f.coin == name]
            mine = mine[len(mine) - ours.fills :]
            lot = self.coins.by_name[name].lot_size
            assert ours.cash == -sum((f.side * f.px * f.lots * lot for f in mine), Decimal(0)), why
            assert {_key(f) for f in mine} == {_key(f) for f in fills if f.coin == name}, why
            assert ours.funding == sum(
                (usd * n for (c, _, usd), n in made.items() if c == name), Decimal(0)
            ), why


def _key(fill) -> tuple:
    return fill.coin, fill.oid, fill.tid, fill.side, fill.px.normalize(), fill.lots, fill.fee, fill.crossed


async def _quietly(question) -> None:
    with contextlib.suppress(Exception, Killed):
        await question


def chaos(seed: int, seconds: float = 60.0) -> ChaosSession:
    """Run the schedule of `seed`; returns it for what it counted. Raises AssertionError where it is wrong.

    Odd seeds lose their process, every third runs over a funding settlement.
    """
    logging.disable(logging.CRITICAL)
    start, hour = START_NS, 3_600_000_000_000
    try:
        if seed % 3 == 0:
            into = random.Random(seed).randrange(int(20e9))
            exchange_sessions.START_NS = (start // hour + 1) * hour - into
        with tempfile.TemporaryDirectory() as folder:
            session = ChaosSession(seed, None, seconds, restarts=seed % 2 == 1, folder=Path(folder))
            session.run()
    finally:
        exchange_sessions.START_NS = start
        logging.disable(logging.NOTSET)
    return session


if __name__ == "__main__":
    for name, n in sorted(chaos(int(sys.argv[1])).counts.items()):
        print(f"{n:6d} {name}")
