"""A session whose lines break at random points in random ways, judged after each return of the feed.

A schedule is drawn from its seed: maker, how long it trades before, which line breaks and how (both at
once, one after the other while the first is still broken, the venue itself), perhaps a killed process, and
what the session believes is judged from the feed's return on. At the end it stops in order, nothing may be
left at the exchange, and its record must rerun to the same bytes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.full_session import MARKETS, START_NS, FullSession, RequestLine, World
from tests.live.judging import Judge, parity
from tests.live.visitor import Visitor

from undertow.clock import run_virtually
from undertow.live.spec import Orders

KINDS = ("close", "half open", "silence", "frames", "outage", "venue down", "requests")
WHERE = (("market",), ("account",), ("market", "account"))
MAKERS = {"symmetric": 8.0, "undertow": 45.0, "avellaneda": 20.0, "glft": 45.0, "six-gate": 45.0}
"""Seconds each needs before it quotes."""
WITHIN_S = 5.0
STEADY_S = 1.0
"""How long everything must then stay right."""
STALE_S = 3.0 + 0.6
"""Silence after which sides are stale, and how long finding that takes at most."""
CANCELS_LAND_S = 1.5
"""Once requests reach the venue again, so long until those that failed have been sent again."""
HOUR_NS = 3_600_000_000_000


@dataclass
class Outcome:
    """What a schedule did: ``wrong`` is empty where everything was right in time."""

    seed: int
    about: str
    wrong: list[str] = field(default_factory=list)
    right_after_s: float = 0.0
    fills: int = 0
    requests: int = 0
    pulled: int = 0
    stale_moments: int = 0


async def strike(session: FullSession, kind: str, where: tuple[str, ...], seconds: float, seed: int) -> None:
    """Break lines of `session` in one way for `seconds`; sockets that die come back by themselves."""
    net, world = session.net, session.world
    lines = [net.lines[name] for name in where]
    ways = [net.ways[name] for name in where]
    requests = net.lines["requests"]
    assert isinstance(requests, RequestLine)
    if kind == "close":
        for way in ways:
            way.break_sockets()
        return
    if kind == "half open":
        for way in ways:
            way.half_open()
        return
    if kind == "venue down":
        world.gateway.shut()
        await asyncio.sleep(seconds)
        if seed % 2:
            world.exchange.controls.upgrade(3.0)
        world.gateway.reopen()
        return
    for line in lines:
        line.silent, line.ragged, line.out = kind == "silence", kind == "frames", kind == "outage"
    requests.rough = kind == "requests"
    if kind == "outage":
        requests.out = True
        for way in ways:
            way.break_sockets("network is down")
    await asyncio.sleep(seconds)
    for line in [*lines, requests]:
        line.silent = line.ragged = line.out = False
    requests.rough = False


async def _returned(session: FullSession, half_open: bool) -> None:
    """Wait until every connection stands (on a socket that carries something)."""
    while True:
        sockets = [s for name in ("market", "account") for s in session.net.ways[name].sockets]
        dead = half_open and any(socket.half_open for socket in sockets)
        if not dead and all(connection.is_up for connection in session.connections):
            return
        await asyncio.sleep(0.05)


class _Watch:
    """Looks at stale sides all the time: an order that grows the position must not rest there."""

    def __init__(self, session: FullSession, judge: Judge, outcome: Outcome) -> None:
        self._session, self._judge, self._outcome = session, judge, outcome
        self._since: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        session, clock = self._session, self._session.world.clock
        cut_off_ns = 0
        while True:
            await asyncio.sleep(0.05)
            now_ns, feed, gate = clock.now_ns(), session.parts.feed, session.parts.session.gate
            for coin in session.spec.coins if session.has_begun else ():
                heard_ns = feed.coin(coin).fusion.heard_ns
                known = heard_ns or self._since.setdefault((coin, 0), now_ns)
                if heard_ns:
                    self._since.pop((coin, 0), None)
                if now_ns - known > STALE_S * 1e9:
                    self._outcome.stale_moments += 1
                    if gate.stale_sides(coin) != {1, -1}:
                        self._outcome.wrong.append(
                            f"{coin}: book silent for {(now_ns - known) / 1e9:.2f} s, stale: "
                            f"{set(gate.stale_sides(coin))}"
                        )
                        return
            requests = session.net.lines["requests"]
            assert isinstance(requests, RequestLine)
            if requests.out or requests.rough or not session.world.gateway._open:
                cut_off_ns = now_ns
            found = self._judge.pulled()
            if found and now_ns - cut_off_ns > CANCELS_LAND_S * 1e9:
                await asyncio.sleep(0.8)  # fills being booked change what grows
                still = [text for text in self._judge.pulled() if text in found]
                if still:
                    self._outcome.wrong += still
                    return


async def _judged(session: FullSession, judge: Judge, outcome: Outcome) -> None:
    """From the feed's return: right after `WITHIN_S` at the latest, and from then on."""
    loop = asyncio.get_running_loop()
    returned, last_wrong, wrong = loop.time(), 0.0, ["not judged"]
    while (since := loop.time() - returned) < WITHIN_S + STEADY_S:
        await asyncio.sleep(0.1)
        wrong = judge.wrong()
        if wrong:
            last_wrong = since
            if since > WITHIN_S:
                outcome.wrong += wrong
                break
    outcome.right_after_s = max(outcome.right_after_s, last_wrong)


@dataclass
class Schedule:
    """What is drawn from a seed, and the world it happens in. Made inside a running loop."""

    seed: int
    folder: Path
    maker: str
    orders: Orders = "venue"
    visited: bool = False
    restarts: bool = False
    resumes: bool = False
    start_ns: int = START_NS

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.outcome = Outcome(self.seed, f"{self.maker} {self.orders}:")
        self.world = World(self.seed, MARKETS, start_ns=self.start_ns)

    async def run(self, n_faults: int) -> Outcome:
        """All lives of the session, its end, and its record shown to its makers again."""
        world, outcome = self.world, self.outcome
        pump = asyncio.create_task(world.pump())
        await asyncio.sleep(0.5)
        session = await self._life(n_faults, "s")
        if self.restarts and not outcome.wrong:
            outcome.about += " killed, taken up again;" if self.resumes else " killed, another;"
            await session.kill()
            await asyncio.sleep(self.rng.uniform(30.0, 60.0))  # what an address may ask a minute is used up
            session = await self._life(1, "another", resume=self.resumes)
        traded = await session.end()
        if traded.broke is not None:
            outcome.wrong.append(f"broke: {traded.broke!r}")
        if traded.orders_left or world.account().live:
            outcome.wrong.append(f"left behind: {len(world.account().live)} orders")
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        world.gateway.shut()
        await asyncio.sleep(1.0)
        outcome.fills = sum(int(r.desk.fills) for r in session.parts.session.runners)
        self._rerun(session)
        return outcome

    async def _life(self, n_faults: int, name: str, *, resume: bool = False) -> FullSession:
        """A session that trades and is struck `n_faults` times, one return after the other."""
        rng, outcome, maker = self.rng, self.outcome, self.maker
        session = FullSession(self.world, self.folder, maker=maker, orders=self.orders, resume=resume)
        await session.begin(name)
        judge = Judge(session)
        watching = [asyncio.create_task(_Watch(session, judge, outcome).run())]
        if self.visited:
            watching.append(asyncio.create_task(Visitor(session, random.Random(self.seed)).run()))
        while not session.has_begun and session.broke is None:
            await asyncio.sleep(0.1)
        await asyncio.sleep(MAKERS[maker] + rng.uniform(0.0, 4.0))
        judge.start_from_here()
        for _ in range(n_faults):
            await asyncio.sleep(rng.uniform(0.5, 3.0))
            await self._struck(session)
            await _judged(session, judge, outcome)
            if outcome.wrong:
                break
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        outcome.pulled += session.parts.session.counts.pulled
        return session

    async def _struck(self, session: FullSession) -> None:
        """One or two faults, perhaps at once, until every connection stands again."""
        rng, striking, half_open = self.rng, [], False
        for _ in range(rng.choice((1, 1, 2))):
            kind, where = rng.choice(KINDS), rng.choice(WHERE)
            seconds = rng.choice((1.0, 2.5, 4.0, 8.0, 20.0))
            self.outcome.about += f" {kind} {'+'.join(where)} {seconds:g}s;"
            half_open = half_open or kind == "half open"
            task = asyncio.create_task(strike(session, kind, where, seconds, rng.getrandbits(8)))
            striking.append(task)
            await asyncio.sleep(rng.uniform(0.0, 3.0))
        await asyncio.gather(*striking)
        await _returned(session, half_open)

    def _rerun(self, session: FullSession) -> None:
        ended, outcome = 0, self.outcome
        for recorded in sorted(path.parent for path in self.folder.glob("*/session.json")):
            verdict = parity(recorded, session.config)
            ended, outcome.requests = ended + verdict.ended, outcome.requests + verdict.requests
            outcome.wrong += [f"rerun: {difference}" for difference in verdict.differences]
        if ended < len(session.spec.coins):
            outcome.wrong.append(f"rerun: {ended} legs ended in order")


async def _drawn(seed: int, folder: Path) -> Outcome:
    """The schedule of a seed."""
    maker = "symmetric" if seed % 2 else list(MAKERS)[seed // 2 % len(MAKERS)]
    start_ns = START_NS
    if seed % 5 == 3:  # an hour strikes on the way
        start_ns = (START_NS // HOUR_NS + 1) * HOUR_NS - round((MAKERS[maker] + 6.0) * 1e9)
    schedule = Schedule(seed, folder, maker, restarts=seed % 4 == 1, resumes=seed % 8 == 1, start_ns=start_ns)
    return await schedule.run(1 + seed % 2)


async def _given(seed: int, folder: Path, maker: str, orders: Orders) -> Outcome:
    return await Schedule(seed, folder, maker, orders, visited=True, restarts=True, resumes=True).run(2)


def _virtually(seed: int, work: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        return run_virtually(work)
    except Exception as error:
        return Outcome(seed, "raised", [f"{type(error).__name__}: {error}"])


def run(seed: int, folder: Path) -> Outcome:
    """Run a schedule in virtual time; what it raises is an outcome too."""
    return _virtually(seed, _drawn(seed, folder))


def run_maker(seed: int, folder: Path, maker: str, orders: Orders) -> Outcome:
    """A session of `maker` whose quotes are hit; it is struck, killed, taken up again and struck again."""
    return _virtually(seed, _given(seed, folder, maker, orders))
