"""What the maker is told, step by step, in each thing that can happen to an order."""

from __future__ import annotations

import pytest
from tests.trading.orders.scripted import MID, Scene, play, rest

from undertow.kernel.desk import GTC, IOC
from undertow.trading.orders.order import State
from undertow.trading.orders.port import Refused, Why


def test_order_rests_fills_in_parts_and_leaves() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        assert scene.told == [("open", order)]
        resting = scene.model.open()[0]
        scene.model._trade(resting, resting.tick, 2, False)
        await rest()
        scene.model._trade(resting, resting.tick, 3, False)
        await rest()
        assert scene.told == [("open", order), ("made", order), ("made", order)]
        assert scene.working == []
        assert scene.execution.positions == {"BTC": 0.005}

    play(script)


def test_cancel_is_told_once() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        scene.cancel(order)
        await rest(2)
        assert scene.told == [("open", order), ("canceled", order)]
        assert scene.trader.rows[-1]["qty"] == 0.005

    play(script)


def test_cancel_before_the_acknowledgement_waits_for_it() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        scene.cancel(order)
        await rest(2)
        assert scene.told == [("open", order), ("canceled", order)]
        assert not scene.model.open()

    play(script)


def test_cancel_too_late_is_answered_by_the_fill() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        scene.model.connected = False  # the fill is not heard of
        scene.model.move("BTC", MID - 10)
        scene.model.connected = True
        scene.cancel(order)
        await rest(3)
        assert scene.told == [("open", order), ("made", order)]
        assert scene.working == []

    play(script)


def test_fill_before_the_reply_acknowledges() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest(0.06)
        resting = scene.model.open()[0]
        scene.execution.on_fills([])
        scene.model._trade(resting, resting.tick, 2, False)
        scene.execution.on_fills(scene.model.fills)  # overtakes the reply
        assert scene.told == [("open", order), ("made", order)]
        await rest()
        assert scene.told == [("open", order), ("made", order)]
        assert scene.trader.desk.working[0].leaves == pytest.approx(0.003)

    play(script)


def test_end_waits_for_the_fills_before_it() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        resting = scene.model.open()[0]
        scene.model.connected = False
        scene.model._trade(resting, resting.tick, 2, False)
        scene.model._end(resting, "marginCanceled")
        scene.model.connected = True
        scene.execution.on_reports([scene.model._report(resting)])
        assert scene.told == [("open", order)]  # two lots are missing
        assert scene.execution.table.exposure("BTC", 1) == 2
        await rest(3)
        assert scene.told == [("open", order), ("made", order), ("canceled", order)]

    play(script)


def test_modify_ends_the_old_and_opens_the_new() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new = scene.modify(old, MID - 4, 6)
        await rest(2)
        assert sorted(scene.told) == sorted([("open", old), ("open", new), ("canceled", old)])
        assert scene.working == [new]
        assert scene.execution.table.exposure("BTC", 1) == 6

    play(script)


@pytest.mark.parametrize("new_first", [True, False])
def test_legs_of_a_modify_in_either_order(new_first: bool) -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        scene.model._say = lambda *_: None
        new = scene.modify(old, MID - 4, 6)
        await rest(0.06)
        frames = [scene.model._report(order) for order in scene.model.orders.values()]
        if new_first:
            frames.reverse()
        for frame in frames:
            scene.execution.on_reports([frame])
        assert sorted(scene.told) == sorted([("open", old), ("canceled", old), ("open", new)])
        await rest(2)
        assert len(scene.told) == 3
        assert scene.working == [new]

    play(script)


@pytest.mark.parametrize("keeps_cloid", [True, False])
def test_crossing_modify_loses_both(keeps_cloid: bool) -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new = scene.modify(old, MID + 2, 5)
        await rest(2)
        assert sorted(scene.told) == sorted([("open", old), ("canceled", old), ("rejected", new)])
        assert scene.working == []
        assert not scene.model.open()

    play(script, keeps_cloid=keeps_cloid)


def test_refused_modify_leaves_the_old_order() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        refusal = Refused(Why.OTHER, "Attempted to modify to invalid new order")
        scene.model._modify = lambda *_: refusal
        new = scene.modify(old, MID - 4, 5)
        await rest(3)
        assert scene.told == [("open", old), ("rejected", new), ("cancel_rejected", old)]
        assert scene.working == [old]
        assert scene.execution.table.get("BTC", old).state == State.RESTING

    play(script)


def test_fill_that_races_a_modify_is_booked_and_said() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new = scene.modify(old, MID - 4, 5)
        resting = scene.model.open()[0]
        scene.model._trade(resting, resting.tick, 3, False)  # before the modify arrives
        await rest(2)
        assert scene.execution.positions == {"BTC": 0.003}
        assert sorted(scene.told) == sorted([("open", old), ("made", old), ("canceled", old), ("open", new)])
        assert "overfill" in scene.kinds()

    play(script)


def test_venue_that_keeps_the_cloid_through_a_modify() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new = scene.modify(old, MID - 4, 5)
        await rest(2)
        newest = scene.modify(new, MID - 5, 5)
        await rest(2)
        assert scene.working == [newest]
        scene.model.move("BTC", MID - 10)
        await rest()
        assert scene.told[-1] == ("made", newest)

    play(script, keeps_cloid=True)


def test_takers_fill_and_expire() -> None:
    async def script(scene: Scene) -> None:
        scene.model.rng.randint = lambda *_: 2
        part = scene.new(1, -5, 5, IOC)
        await rest(2)
        assert scene.told == [("took", part), ("expired", part)]
        none = scene.new(1, 3, 5, IOC)
        await rest(2)
        assert scene.told[2:] == [("expired", none)]
        mixed = scene.new(1, -5, 5, GTC)
        await rest(2)
        assert sorted(scene.told[3:]) == [("open", mixed), ("took", mixed)]
        assert scene.working == [mixed]

    play(script)
