"""A whole session killed and taken up again, in virtual time on the local exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from tests.live.full_session import MARKETS, OTHER, FullSession, World
from tests.live.judging import parity

from undertow.clock import LoopClock, run_virtually
from undertow.events import FILL
from undertow.journal.reading import Reader
from undertow.journal.schema import JournalError
from undertow.kernel.desk import LIVE
from undertow.live.spec import CannotRun
from undertow.trading.folder import legs_of

MARKET = MARKETS[:1]
COIN = MARKET[0].coin


def _ours(world: World) -> list:
    return [fill for fill in world.account().fills if fill.coin.name == COIN]


def _check_equal(world: World, folder: Path) -> None:
    """Journal, exchange and what the makers were shown: the same fills, each once."""
    fills = _ours(world)
    with Reader(folder / "s") as reader:
        ours = [(f.oid, f.tid, f.lots, f.fee) for f in reader.fills()]
        assert not reader.faults()
    assert sorted(ours) == sorted((f.oid, f.tid, f.steps, Decimal(f.fee_micro) / 1_000_000) for f in fills)
    shown = sum(
        int((rows["kind"] == FILL).sum()) for leg in legs_of(folder / "s", COIN) for rows, _ in leg.chunks()
    )
    assert shown == len(fills)


async def _killed_and_resumed(folder: Path) -> None:
    world = World(5, MARKET)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    first = FullSession(world, folder, coins=[COIN])
    await first.begin()
    await asyncio.sleep(25.0)
    asked = first.parts.session.lanes[COIN].runner.desk.next_id
    await first.kill()
    standing = {order.oid for order in world.account().live.values()}
    assert standing, "nothing rests: the test would show nothing"
    await asyncio.sleep(20.0)  # some of them fill meanwhile

    second = FullSession(world, folder, coins=[COIN])
    await second.begin()
    lane = second.parts.session.lanes[COIN]
    while second.parts.session._task is None:
        await asyncio.sleep(0.01)
    desk, ledger = lane.runner.desk, second.orders.ledger.accounts[COIN]
    coin = second.orders.coins.by_name[COIN]
    assert desk.next_id > asked, "ids never come twice"
    assert coin.lots_near(desk.position) == ledger.lots == world.account().steps(world.coins[COIN])
    assert desk.fills == ledger.fills == len(_ours(world)), "what filled while away has been shown"
    adopted = {order.oid for order in second.orders.table.open_orders()}
    still = {order.oid for order in world.account().live.values()}
    assert adopted == still <= standing, "orders found again are the venue's, and none is new yet"
    assert {int(desk.working[i].id) for i in range(desk.n_working)} == {
        order.id for order in second.orders.table.open_orders()
    }
    assert all(desk.working[i].status == LIVE for i in range(desk.n_working))
    await asyncio.sleep(25.0)
    assert len(_ours(world)) > ledger.fills - 1
    traded = await second.end()
    assert traded.orders_left == 0
    assert not world.account().live
    _check_equal(world, folder)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    verdict = parity(folder / "s", second.config)
    assert not verdict.differences, verdict.differences
    assert verdict.legs == 2


def test_killed_and_resumed(tmp_path: Path) -> None:
    run_virtually(_killed_and_resumed(tmp_path))


async def _unexplained(folder: Path) -> None:
    world = World(6, MARKET)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    first = FullSession(world, folder, coins=[COIN])
    await first.begin()
    await asyncio.sleep(20.0)
    await first.kill()
    await asyncio.sleep(1.0)
    for purse in world.account().purses.values():
        for position in purse.positions.values():
            position.steps += 7  # as if somebody had moved it without a trade
    second = FullSession(world, folder, coins=[COIN])
    await second.begin()
    with pytest.raises(CannotRun, match=r"unexplained position: .*the venue holds"):
        await second._trading
    assert not world.account().live, "nothing of ours is left in the market"
    with Reader(folder / "s") as reader:
        assert any(said.kind == "position" for said in reader.decisions())
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


def test_a_position_that_nothing_explains_stops_the_session(tmp_path: Path) -> None:
    run_virtually(_unexplained(tmp_path))


async def _paper(folder: Path) -> None:
    world = World(7, MARKET)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    first = FullSession(world, folder, coins=[COIN], orders="paper")
    await first.begin()
    await asyncio.sleep(30.0)
    assert first.parts.session.lanes[COIN].runner.desk.n_working
    before = first.parts.session.lanes[COIN].runner.desk.fills
    assert before
    await first.kill()
    await asyncio.sleep(3.0)
    second = FullSession(world, folder, coins=[COIN], orders="paper")
    await second.begin()
    while second.parts.session._task is None:
        await asyncio.sleep(0.01)
    desk = second.parts.session.lanes[COIN].runner.desk
    with Reader(folder / "s") as reader:
        fills = list(reader.fills())
    assert desk.fills == len(fills) >= before
    assert desk.position == pytest.approx(sum(f.side * f.lots for f in fills) * _lot(folder))
    assert desk.n_working == 0, "orders on paper end with their matcher"
    await asyncio.sleep(20.0)
    await second.end()
    with Reader(folder / "s") as reader:
        assert not reader.open_orders()
        assert sum(1 for _ in reader.fills()) == desk.fills > len(fills)
        assert [how for *_, how in reader.processes()] == [None, "stopped"]
    verdict = parity(folder / "s", second.config)
    assert not verdict.differences, verdict.differences
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


def _lot(folder: Path) -> float:
    with Reader(folder / "s") as reader:
        return float(reader.coins()[COIN].lot_size)


def test_paper_goes_on_with_its_position_and_without_orders(tmp_path: Path) -> None:
    run_virtually(_paper(tmp_path))


async def _another_account(folder: Path) -> None:
    world = World(8, MARKET)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    first = FullSession(world, folder, coins=[COIN])
    await first.begin()
    await asyncio.sleep(3.0)
    second = FullSession(world, folder, coins=[COIN])
    with pytest.raises(JournalError, match="in use"):
        await second.begin()
    await first.end()
    second.client.account = OTHER.address.lower()
    with pytest.raises(JournalError, match="is a session of account"):
        await second.begin()
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


def test_a_running_session_and_another_account_are_refused(tmp_path: Path) -> None:
    run_virtually(_another_account(tmp_path))


def test_a_record_does_not_go_on_before_its_end(tmp_path: Path) -> None:
    async def script() -> None:
        world = World(5, MARKET)
        pump = asyncio.create_task(world.pump())
        await asyncio.sleep(0.5)
        first = FullSession(world, tmp_path, coins=[COIN])
        await first.begin()
        await asyncio.sleep(10.0)
        await first.kill()
        world.clock = LoopClock(world.clock.now_ns() - 60 * 10**9)
        with pytest.raises(JournalError, match=r"its record ends 5\d s after"):
            await FullSession(world, tmp_path, coins=[COIN]).begin()
        pump.cancel()

    run_virtually(script())
