"""While the book or the account cannot be seen: what grows the position is pulled, what reduces it stays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.live.full_session import FullSession, World
from tests.live.judging import Judge

from undertow.clock import run_virtually


def _quotes(world: World, coin: str) -> tuple[int, list[tuple[int, int]]]:
    """Position of ours (steps), and side and steps of the orders that stand at the exchange."""
    account = world.account()
    live = [(o.side, o.left) for o in account.live.values() if o.coin.name == coin]
    return account.steps(world.coins[coin]), live


async def _blinded(folder: Path, line: str) -> None:
    world = World(7)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    session = FullSession(world, folder, coins=["BTC"])
    await session.begin()
    judge = Judge(session)
    loop = asyncio.get_running_loop()
    while loop.time() < 120.0:  # until it holds something and quotes both sides
        await asyncio.sleep(0.2)
        position, live = _quotes(world, "BTC")
        reducing = [steps for side, steps in live if side * position < 0]
        if position and sum(reducing) <= abs(position) and len({side for side, _ in live}) == 2:
            break
    session.net.lines[line].silent = True
    await asyncio.sleep(8.0 if line == "account" else 4.2)
    position, live = _quotes(world, "BTC")
    growing = sum(steps for side, steps in live if side * position >= 0)
    assert growing == 0, "nothing that grows the position stands"
    assert sum(steps for side, steps in live if side * position < 0) <= abs(position)
    if line == "market":
        assert live, "what reduces the position still stands"
        assert session.parts.session.counts.pulled > 0
    session.net.lines[line].silent = False
    returned = loop.time()
    while {side for side, _ in _quotes(world, "BTC")[1]} != {1, -1}:
        await asyncio.sleep(0.1)
        assert loop.time() < returned + 5.0, "both sides are quoted again"
    await asyncio.sleep(returned + 6.0 - loop.time())
    assert judge.wrong() == []
    await session.end()
    assert world.account().live == {}
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    world.gateway.shut()
    await asyncio.sleep(1.0)


@pytest.mark.parametrize("line", ["market", "account"])
def test_growing_quotes_are_pulled_and_reducing_ones_stay(line: str, tmp_path: Path) -> None:
    run_virtually(_blinded(tmp_path, line))


async def _holding(folder: Path) -> None:
    """A position held before the session."""
    world = World(8)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    first = FullSession(world, folder, coins=["BTC"])
    await first.begin("first")
    while not world.account().steps(world.coins["BTC"]):
        await asyncio.sleep(0.5)
    await first.end()
    held = world.account().steps(world.coins["BTC"])
    assert held
    second = FullSession(world, folder, coins=["BTC"])
    await second.begin("second")
    while not second.has_begun:
        await asyncio.sleep(0.1)
    desk = second.parts.session.lanes["BTC"].runner.desk
    assert float(desk.position) * 1e5 == pytest.approx(held)
    await asyncio.sleep(5.0)
    judge = Judge(second)
    judge.start_from_here()
    await asyncio.sleep(5.0)
    assert judge.wrong() == []
    await second.end()
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    world.gateway.shut()
    await asyncio.sleep(1.0)


def test_a_position_held_before_is_the_makers_own(tmp_path: Path) -> None:
    run_virtually(_holding(tmp_path))
