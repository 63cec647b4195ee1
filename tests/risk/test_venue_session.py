"""The switch on the order manager and the local exchange, in one process and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from tests.live.full_session import FullSession, World
from tests.trading.driving import maker_of

from undertow.clock import run_virtually
from undertow.exchange.local import MarketSpec
from undertow.risk.findings import Finding, Grade, Reason
from undertow.trading.rerun import rerun

BTC = (MarketSpec("hl-btc", "BTC"),)


class Scene:
    """A world, and sessions on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(5, BTC)
        self.coin = self.world.coins["BTC"]
        self.session: FullSession

    async def begin(self, limits: str = "", name: str = "s") -> FullSession:
        path = self.folder / "limits.toml"
        path.write_text(limits)
        session = FullSession(self.world, self.folder)
        session.spec = msgspec.structs.replace(session.spec, limits=path)
        await session.begin(name)
        self.session = session
        return session

    @property
    def orders(self) -> list[tuple[int, int]]:
        """Sides and lots of what rests at the exchange."""
        return [(order.side, order.left) for order in self.world.account().live.values()]

    @property
    def held(self) -> int:
        return self.world.account().steps(self.coin)

    def reasons(self) -> list[Reason]:
        return [held.reason for held in self.session.parts.guard.switch.latched]

    async def until(self, true: Callable[[], bool], seconds: float = 120.0) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not true():
            assert loop.time() < end, "it did not come to pass"
            assert self.session.broke is None, self.session.broke
            await asyncio.sleep(0.05)

    async def trade(self, least: int = 1) -> None:
        await self.until(lambda: abs(self.held) >= least and bool(self.orders))


def play(script: Callable[[Scene], Awaitable[None]], folder: Path) -> None:
    """Run `script`, end its last session in order: nothing rests, and the record replays."""

    async def main() -> None:
        scene = Scene(folder)
        pumping = asyncio.create_task(scene.world.pump())
        try:
            await script(scene)
            await scene.session.end()
            assert scene.orders == []
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    run_virtually(main())
    states = 0
    for start in sorted(folder.glob("*/session.json")):
        verdict = rerun(start.parent, maker_of)
        assert verdict.differences == []
        states += verdict.states
    assert states > 0


def test_cancel_then_reset(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin()
        await scene.trade()
        guard, clock = session.parts.guard, scene.world.clock
        sent = session.orders.sender.counts.sent
        guard.kill("a test", clock.now_ns())
        session.parts.session.enforce(clock.now_ns())
        assert session.orders.sender.counts.sent > sent  # in the same call
        await asyncio.sleep(2.0)
        assert scene.orders == []
        held = scene.held
        await asyncio.sleep(20.0)
        assert (scene.orders, scene.held) == ([], held)
        assert session.parts.facts.kills[0].grade == "cancel"
        assert (tmp_path / f"kill-local-{session.client.account}.json").stat().st_mode & 0o777 == 0o600
        guard.reset(clock.now_ns())
        await scene.until(lambda: bool(scene.orders))
        assert session.parts.facts.kills == []

    play(script, tmp_path)


def test_the_reducing_side_stays(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin()
        await scene.trade()
        now_ns = scene.world.clock.now_ns()
        session.parts.guard.on_finding(Finding(Reason.BUDGET, "a test"), now_ns)
        session.parts.session.enforce(now_ns)
        await asyncio.sleep(2.0)
        seen, most = 0, abs(scene.held)
        for _ in range(400):
            await asyncio.sleep(0.05)
            held, growing = scene.held, 1 if scene.held > 0 else -1
            assert abs(held) <= most
            if held and held == round(session.orders.positions["BTC"] * 10**scene.coin.sz_decimals):
                assert not [side for side, _ in scene.orders if side == growing]
                seen += any(side == -growing for side, _ in scene.orders)
        assert seen > 0 or scene.held == 0

    play(script, tmp_path)


def test_flatten(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin()
        await scene.trade()
        session.parts.guard.kill("a test", scene.world.clock.now_ns(), grade=Grade.FLATTEN)
        session.parts.session.enforce(scene.world.clock.now_ns())
        await scene.until(lambda: scene.held == 0 and not scene.orders, 20.0)
        await asyncio.sleep(20.0)
        assert (scene.held, scene.orders) == (0, [])
        desk = session.parts.session.lanes["BTC"].runner.desk
        assert float(desk.position) == pytest.approx(0.0, abs=1e-12)
        assert session.orders.positions["BTC"] == 0.0

    play(script, tmp_path)


def test_a_killed_process_comes_back_killed(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin()
        await scene.trade()
        session.parts.guard.kill("a test", scene.world.clock.now_ns())
        await session.kill()  # before anything of it has taken effect
        again = await scene.begin(name="t")
        assert scene.reasons() == [Reason.MANUAL]
        await scene.until(lambda: not scene.orders, 20.0)  # what the first left is cleared
        await asyncio.sleep(15.0)
        assert scene.orders == []
        again.parts.guard.reset(scene.world.clock.now_ns())
        await scene.until(lambda: bool(scene.orders))

    play(script, tmp_path)


def test_a_loss_is_found_where_it_is(tmp_path: Path) -> None:
    """When and only when: the exchange's own account value is compared at every moment."""

    async def script(scene: Scene) -> None:
        limit = 0.5
        session = await scene.begin(f"[kill]\nloss_usd = {limit}\ndrawdown_usd = 1e6\n")
        guard = session.parts.guard
        start = guard.book.capital_usd
        for _ in range(6000):
            await asyncio.sleep(0.05)
            lost = start - guard.book.equity_usd
            assert (Reason.LOSS in scene.reasons()) or lost < limit
            if scene.reasons():
                break
        assert scene.reasons() == [Reason.LOSS]
        held = guard.switch.latched[0]
        assert held.severity >= 1.0
        assert f"limit {limit:,.2f}" in held.text
        await asyncio.sleep(2.0)
        growing = 1 if scene.held > 0 else -1
        assert not [side for side, _ in scene.orders if side == growing]

    play(script, tmp_path)


def test_a_halt_is_heard(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin("[kill]\nbook_silent_s = 3600\ncontext_silent_s = 3600\n")
        await scene.trade()
        scene.world.exchange.controls.halt("BTC")
        await scene.until(lambda: Reason.HALT in scene.reasons(), 60.0)
        assert session.parts.guard.switch.verdict("BTC").grade is Grade.CANCEL
        assert session.parts.facts.coin("BTC").kills[0].reason == "halt"
        scene.world.exchange.controls.resume("BTC")
        await asyncio.sleep(10.0)
        assert scene.orders == []  # not by time

    play(script, tmp_path)


def test_what_loss_and_drawdown_count_from_survives_the_process(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        session = await scene.begin("[kill]\nloss_usd = 1e6\ndrawdown_usd = 1e6\n")
        book = session.parts.guard.book
        await scene.trade()
        book.drawdown.look(book.capital_usd + 5.0)  # a good hour
        await asyncio.sleep(2.0)
        marks = book.marks
        await session.kill()
        again = (await scene.begin()).parts.guard.book
        assert again.capital_usd == book.capital_usd
        assert again.marks == marks
        assert marks.peak_usd == again.capital_usd + 5.0
        again.loss.again(marks.peak_usd - 3.0)  # as a reset by hand does
        await scene.until(lambda: scene.session.has_begun)
        await asyncio.sleep(2.0)
        await scene.session.kill()
        third = (await scene.begin()).parts.guard.book
        assert third.marks.start_usd == marks.peak_usd - 3.0
        await scene.until(lambda: scene.session.has_begun)

    play(script, tmp_path)
