"""Our clock and the venue's differ: what is asked for, believed dead or history goes by the venue's."""

from __future__ import annotations

import asyncio

import pytest
from tests.trading.orders.scripted import MID, Scene
from tests.trading.orders.sessions import START_NS

from undertow.clock import LoopClock, run_virtually
from undertow.trading.orders.order import State
from undertow.trading.orders.port import Unanswered


class Apart(Scene):
    """A scene whose process reads a clock `ahead_s` ahead of the venue's."""

    def __init__(self, ahead_s: float, **faults: object) -> None:
        super().__init__(**faults)
        self.clock = LoopClock(START_NS + round(ahead_s * 1e9))
        self.execution = self.execute(7)


@pytest.mark.parametrize("ahead_s", [900.0, -900.0])
def test_fills_are_booked_from_the_first_on(ahead_s: float) -> None:
    async def script() -> None:
        scene = Apart(ahead_s)
        await scene.start()
        scene.new(1, 2, 5)
        await asyncio.sleep(1.0)
        scene.model.move("BTC", MID - 3)
        await asyncio.sleep(1.0)
        account = scene.execution.ledger.accounts["BTC"]
        assert account.lots == scene.model.position["BTC"] > 0
        await scene.execution.stop()

    run_virtually(script())


@pytest.mark.parametrize("ahead_s", [900.0, -900.0])
def test_the_fills_of_an_order_in_doubt_are_found(ahead_s: float) -> None:
    async def script() -> None:
        scene = Apart(ahead_s)
        await scene.start()
        ref = scene.new(1, 2, 5)
        await asyncio.sleep(1.0)
        scene.model.connected = False  # nothing is told
        scene.model.move("BTC", MID - 9)
        order = scene.execution.table.get("BTC", ref)
        assert order is not None
        order.doubt()
        scene.execution._inquiry.add(order)
        await asyncio.sleep(5.0)
        assert order.state is State.ENDED
        assert scene.execution.ledger.accounts["BTC"].lots == 5

    run_virtually(script())


def test_a_lost_request_is_not_dead_because_our_clock_says_so() -> None:
    """It comes to the venue after half a minute, by whose clock it has not expired."""

    async def script() -> None:
        scene = Apart(0.0)
        await scene.start()
        loop = asyncio.get_running_loop()
        real, burn = scene.model._execute, scene.model.burn
        out_until = loop.time() + 40.0

        async def act(batch, nonce, expires_ms):
            loop.call_later(30.0, real, batch, nonce, None)
            await asyncio.sleep(1.0)
            raise Unanswered("lost")

        async def late(nonce):
            if loop.time() < out_until:
                raise Unanswered("out")
            return await burn(nonce)

        scene.model.act, scene.model.burn = act, late  # type: ignore[method-assign]
        ref = scene.new(1, 5, 5)
        await asyncio.sleep(29.0)
        order = scene.execution.table.get("BTC", ref)
        assert order is not None
        assert not order.over
        assert not order.told_end
        await asyncio.sleep(30.0)
        assert [o.oid for o in scene.execution.table.open_orders()] == [o.oid for o in scene.model.open()]
        assert order.state is State.RESTING

    run_virtually(script())


def test_many_lost_requests_are_made_sure_of_a_few_at_a_time() -> None:
    """While nothing gets through each try would cost weight; then all are settled within seconds."""

    async def script() -> None:
        scene = Apart(0.0)
        await scene.start()
        loop, burn = asyncio.get_running_loop(), scene.model.burn
        began, tries, most = loop.time(), [0], [0, 0]

        async def lost(*_: object) -> None:
            await asyncio.sleep(1.0)
            raise Unanswered("lost")

        async def slow(nonce: int) -> object:
            tries[0] += 1
            most[0] += 1
            most[1] = max(most)
            try:
                if loop.time() < began + 60.0:
                    await lost()
                return await burn(nonce)
            finally:
                most[0] -= 1

        scene.model.act, scene.model.burn = lost, slow  # type: ignore[method-assign, assignment]
        for k in range(16):
            scene.new(1, 5 + k, 1)
        await asyncio.sleep(59.0)
        assert len(list(scene.execution.table.standing())) == 16
        assert most[1] <= 8
        assert tries[0] < 16 * 10
        await asyncio.sleep(8.0)
        assert not list(scene.execution.table.standing())

    run_virtually(script())
