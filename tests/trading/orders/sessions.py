"""Whole sessions of the order manager against `venue_model`, each a function of its seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from tests.trading.orders.venue_model import Faults, Model

from undertow.clock import LoopClock, run_virtually
from undertow.events import ACK, BBO, CANCEL_REJECTED, EVENT, FILL, LOCAL, OPEN
from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import (
    ACTION,
    DESK,
    GTC,
    IOC,
    LIVE,
    POST_ONLY,
    desk_row,
    put_cancel,
    put_modify,
    put_new,
)
from undertow.records import new_record
from undertow.trading.orders.cloid import name_of
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.seams import Received

START_NS = 1_790_000_000_000_000_000
LIMIT_LOTS = 60
MAX_ORDER = 10


def coins() -> Coins:
    return Coins(
        [
            Coin("BTC", 0, hyperliquid_perp("BTC", 3)),
            Coin("xyz:GOLD", 110003, hyperliquid_perp("xyz:GOLD", 2)),
        ]
    )


@dataclass
class Trader:
    """A maker that does anything: a desk kept by the kernel's rules, actions at random."""

    coin: Coin
    rng: random.Random
    step: int = 1
    sizes: tuple[int, int] = (1, MAX_ORDER)
    desk: object = field(default_factory=lambda: new_record(DESK))
    rows: list[np.void] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inst = self.coin.instrument.record()

    def see(self, received: Received) -> None:
        for row in received.rows.view(np.recarray):
            ref, code = int(row["ref"]), int(row["code"])
            if ref in self.ended:
                self.faults.append(f"order {ref}: a row after its end: {row}")
            if row["kind"] == ACK and code not in (OPEN, CANCEL_REJECTED):
                self.ended.add(ref)
            desk_row(self.desk, self.inst, row)
            self.rows.append(row.copy())

    def decide(self, mid: int, now_ns: int):
        desk, rng = self.desk, self.rng
        desk.now_ns = now_ns
        actions = np.zeros(16, dtype=ACTION).view(np.recarray)
        n = 0
        for slot in range(desk.n_working):
            roll = rng.random()
            order = desk.working[slot]
            if roll < 0.10:
                n = put_cancel(desk, actions, n, slot)
            elif roll < 0.30 and order.status == LIVE and n < 10:
                tick = mid - int(order.side) * rng.randint(-1, 6) * self.step
                n = put_modify(desk, actions, n, slot, tick, self._qty(), 0, 1.0, 1.0)
        while n < 12 and desk.n_working < 24 and rng.random() < 0.5:
            side = rng.choice((1, -1))
            tif = rng.choices((POST_ONLY, GTC, IOC), (8, 1, 1))[0]
            away = rng.randint(-1, 6) if tif == POST_ONLY else rng.randint(-3, 2)
            reduce_only = tif == IOC and side * desk.position < 0
            n = put_new(
                desk,
                actions,
                n,
                side,
                mid - side * away * self.step,
                self._qty(),
                tif,
                reduce_only,
                0,
                1.0,
                1.0,
            )
        return actions[:n].copy()

    def _qty(self) -> float:
        return self.coin.qty_of(self.rng.randint(*self.sizes))


@dataclass
class Session:
    """One session: model, manager, traders."""

    seed: int
    faults: Faults
    seconds: float = 60.0
    breaks: bool = True
    restarts: bool = False
    limit = LIMIT_LOTS
    largest = MAX_ORDER

    def run(self) -> None:
        self.before = Counter()  # fills of before the process began, by coin
        run_virtually(self._run())

    async def _run(self) -> None:
        self.rng = rng = random.Random(self.seed)
        clock = LoopClock(START_NS)
        self.coins = coins()
        self.model = Model(self.coins, clock, random.Random(rng.random()), self.faults)
        self.model.mids = dict.fromkeys(self.coins.by_name, 100_000)
        self.clock, self.worst = clock, 0
        self.model.on_act = self._check_limit
        limits = {n: Limits(max_position_qty=c.qty_of(LIMIT_LOTS)) for n, c in self.coins.by_name.items()}
        self.notices = Counter()
        self.log = []
        self.manager = VenueExecution(
            self.model,
            self.coins,
            limits,
            clock,
            session=self.seed,
            options=OrderOptions(audit_every_s=10.0),
            listener=self._note,
        )
        self.model.listener = self.manager
        self.traders = {n: Trader(c, random.Random(rng.random())) for n, c in self.coins.by_name.items()}
        await self.manager.start(lambda received: self.traders[received.coin].see(received))
        await self._trade(self.seconds)
        self.model.faults = Faults(keeps_cloid=self.faults.keeps_cloid)
        await self._calm(45.0)
        self.check()
        await self.manager.stop()
        await asyncio.sleep(1.0)
        assert not self.model.open(), f"seed {self.seed}: orders left behind"
        self.check()

    def _note(self, notice) -> None:
        self.log.append(notice)
        self.notices[notice.kind] += 1

    def _show_mid(self, coin: str, mid: int) -> None:
        rows = np.zeros(2, dtype=EVENT)
        rows["kind"], rows["flags"], rows["side"], rows["qty"] = BBO, LOCAL, (1, -1), 1.0
        rows["px"] = [self.coins.by_name[coin].px_of(mid - 1), self.coins.by_name[coin].px_of(mid + 1)]
        rows["exch_ns"] = rows["recv_ns"] = self.clock.now_ns()
        self.manager.on_market(Received(coin, rows, np.empty((0, 4, 1))))

    async def _trade(self, seconds: float) -> None:
        rng, loop = self.rng, asyncio.get_running_loop()
        until = loop.time() + seconds
        next_break = loop.time() + rng.uniform(8, 60) if self.breaks else until + 1
        next_restart = loop.time() + rng.uniform(5, 60) if self.restarts else until + 1
        while loop.time() < until:
            await asyncio.sleep(rng.uniform(0.02, 0.3))
            coin = rng.choice(list(self.traders))
            self._move(coin)
            self._show_mid(coin, self._mid(coin))
            self.manager.on_time(self.clock.now_ns())
            actions = self.traders[coin].decide(self._mid(coin), self.clock.now_ns())
            if len(actions):
                self.manager.send(coin, self.clock.now_ns(), actions)
            if loop.time() > next_break:
                next_break = loop.time() + rng.uniform(8, 60)
                loop.create_task(self._break())
            if loop.time() > next_restart:
                next_restart = loop.time() + rng.uniform(15, 60)
                await self._restart()

    async def _restart(self) -> None:
        raise NotImplementedError

    def _mid(self, coin: str) -> int:
        return self.model.mids[coin]

    def _move(self, coin: str) -> None:
        if self.rng.random() < 0.5:
            self.model.move(coin, self._mid(coin) + self.rng.choice((-3, -2, -1, 1, 2, 3)))

    async def _break(self) -> None:
        self.model.connected = False
        await asyncio.sleep(self.rng.uniform(0.0, 2.0))
        self.manager.on_disconnected()
        await asyncio.sleep(self.rng.uniform(0.1, 5.0))
        self.model.connected = True
        self.manager.on_connected()

    async def _calm(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.2)
            self.manager.on_time(self.clock.now_ns())

    def _check_limit(self, batch) -> None:
        """Position, what rests and what is under way, by the venue's own account, when sending."""
        for name in {order.coin for order in batch.orders}:
            for side in (1, -1):
                total = side * self.model.position.get(name, 0)
                resting = {o.oid: o for o in self.model.open() if o.coin == name and o.side == side}
                for order in self.manager.table.standing(name):
                    if order.side == side and not order.over and order.oid not in self.model.orders:
                        known = any(o.cloid == order.cloid for o in self.model.orders.values())
                        total += 0 if known or order.replaces is not None else order.leaves
                total += sum(o.lots - o.filled for o in resting.values())
                self.worst = max(self.worst, total - self.limit)

    def check(self) -> None:
        """What the manager and the desks know is what is so."""
        why = f"seed {self.seed}"
        table, ledger = self.manager.table, self.manager.ledger
        assert {o.oid for o in table.open_orders()} == {o.oid for o in self.model.open()}, why
        assert not self.notices["position"], (why, "the position was found unexplained, and was not")
        assert self.worst <= self.largest, why
        assert all(o.state.name == "RESTING" for o in table.standing()), (why, list(table.standing()))
        for name, account in ledger.accounts.items():
            fills = [fill for fill in self.model.fills if fill.coin == name]
            assert account.fills >= len(fills) - self.before[name], why
            fills = fills[len(fills) - account.fills :]
            assert account.lots == self.model.position.get(name, 0), why
            assert account.fees == sum(fill.fee for fill in fills), why
            self._check_desk(name, fills, why)

    def _check_desk(self, name: str, fills, why: str) -> None:
        trader, coin = self.traders[name], self.coins.by_name[name]
        desk = trader.desk
        rows = [row for row in trader.rows if row["kind"] == FILL]
        told = Counter((int(r["ref"]), float(r["px"]), float(r["qty"]), float(r["val"])) for r in rows)
        made = Counter()
        for fill in fills:
            named = name_of(fill.cloid)
            ours = named is not None and named.session == self.manager.table.session
            order = self.manager.table.find(fill.oid, None)
            told_as = order.id if order is not None else named.order_id if ours else -1
            made[told_as, float(fill.px), coin.qty_of(fill.lots), float(fill.fee)] += 1
        assert told == made, why
        assert not trader.faults, (why, trader.faults)
        assert coin.lots_near(desk.position) == self.model.position.get(name, 0), why
        working = {int(desk.working[i].id): desk.working[i] for i in range(desk.n_working)}
        standing = {order.id: order for order in self.manager.table.open_orders(name)}
        assert set(working) == set(standing), (why, set(working) ^ set(standing))
        for order_id, slot in working.items():
            assert slot.status == LIVE, why
            assert coin.lots_near(slot.leaves) == standing[order_id].leaves, why
        ends = Counter(int(r["ref"]) for r in trader.rows if r["kind"] == ACK and r["code"] in (2, 3, 4, 5))
        assert all(n == 1 for n in ends.values()), (why, ends.most_common(3))


ROUGH = Faults(
    lost_request=0.03,
    lost_reply=0.05,
    late_request=0.5,
    refused=0.05,
    lost_answer=0.05,
    lost_frame=0.03,
    repeated_frame=0.1,
    jitter_s=0.5,
    own_cancels=0.02,
)


def faults_of(seed: int) -> Faults:
    """Faults of a schedule: from none to `ROUGH`, each drawn for itself."""
    rng = random.Random(seed * 7919 + 1)
    drawn = {
        name: value * rng.choice((0.0, 0.5, 1.0, 2.0))
        for name, value in vars(ROUGH).items()
        if name not in ("keeps_cloid", "late_request")
    }
    return Faults(late_request=0.5, keeps_cloid=rng.random() < 0.5, **drawn)
