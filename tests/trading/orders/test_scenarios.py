"""What the maker is told, step by step, in each thing that can happen to an order."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.trading.orders.scripted import MID, SESSION, Scene, play, rest

from undertow.clock import run_virtually
from undertow.kernel.desk import GTC, IOC
from undertow.trading.orders.order import State
from undertow.trading.orders.port import Refused, Reply, Unanswered, Why
from undertow.trading.orders.stopping import OrdersLeft


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


def test_lost_reply_to_an_order_that_was_accepted() -> None:
    async def script(scene: Scene) -> None:
        scene.model.connected = False  # nor does the stream tell
        order = _lose_reply(scene, lambda: scene.new(1, 3, 5))
        await rest(8)
        assert scene.told == [("open", order)]
        assert len(scene.model.open()) == 1
        assert "reply_lost" in scene.kinds()

    play(script)


def test_lost_request_is_dead_once_its_nonce_is_used_up() -> None:
    async def script(scene: Scene) -> None:
        late = _lose_request(scene, lambda: scene.new(1, 3, 5))
        await rest(4)
        assert scene.told == [("rejected", late)]
        assert scene.held() == 1  # the request arrives after all, and is refused
        assert not scene.model.open()

    play(script)


def test_lost_reply_to_a_cancel() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        scene.model.connected = False
        _lose_reply(scene, lambda: scene.cancel(order))
        await rest(6)
        assert scene.told == [("open", order), ("canceled", order)]

    play(script)


@pytest.mark.parametrize("keeps_cloid", [True, False])
def test_lost_reply_to_a_modify(keeps_cloid: bool) -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        scene.model.connected = False
        new: list[int] = []
        _lose_reply(scene, lambda: new.append(scene.modify(old, MID - 4, 6)))
        await rest(6)
        assert sorted(scene.told) == sorted([("open", old), ("canceled", old), ("open", new[0])])
        assert scene.working == new

    play(script, keeps_cloid=keeps_cloid)


def test_lost_modify_that_never_arrived() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new: list[int] = []
        _lose_request(scene, lambda: new.append(scene.modify(old, MID - 4, 6)))
        await rest(4)
        assert sorted(scene.told) == sorted([("open", old), ("cancel_rejected", old), ("rejected", new[0])])
        assert scene.working == [old]

    play(script)


@pytest.mark.parametrize("why", [Why.OTHER, Why.EXPIRED, Why.POST_ONLY_PHASE, Why.HALTED, Why.NONCE_LOW])
def test_whole_request_refused(why: Why) -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        _refuse(scene, why)
        other = scene.new(1, 4, 5)
        scene.cancel(order)
        await rest(2)
        assert sorted(scene.told) == sorted(
            [("open", order), ("rejected", other), ("cancel_rejected", order)]
        )
        assert scene.working == [order]
        del scene.model._execute

    play(script)


def test_duplicate_nonce_of_a_first_sending_is_asked_about() -> None:
    async def script(scene: Scene) -> None:
        real = scene.model._execute

        def twice(batch, nonce, expires_ms):
            real(batch, nonce, expires_ms)  # the network repeated the request
            return real(batch, nonce, expires_ms)

        scene.model._execute = twice
        scene.model.connected = False
        order = scene.new(1, 3, 5)
        await rest(3)
        assert scene.told == [("open", order)]
        scene.model._execute = real

    play(script)


def test_exhausted_requests_leave_cancels_and_reducing_orders() -> None:
    async def script(scene: Scene) -> None:
        scene.new(1, 3, 5)
        await rest()
        scene.model.move("BTC", MID - 10)
        scene.model.move("BTC", MID)
        await rest()
        _refuse(scene, Why.EXHAUSTED)
        scene.new(1, 4, 5)
        await rest()
        del scene.model._execute
        growing, reducing = scene.new(1, 5, 1), scene.new(-1, 5, 1)
        await rest()
        assert scene.told[-2:] == [("rejected", growing), ("open", reducing)]
        scene.cancel(reducing)
        await rest(12)
        assert scene.told[-1] == ("canceled", reducing)
        again = scene.new(1, 5, 1)
        await rest()
        assert scene.told[-1] == ("open", again)
        assert scene.kinds().count("requests_exhausted") == 1

    play(script)


def test_too_fast_pauses_everything() -> None:
    async def script(scene: Scene) -> None:
        _refuse(scene, Why.TOO_FAST)
        scene.new(1, 3, 5)
        await rest(0.5)
        del scene.model._execute
        held = scene.new(1, 3, 5)
        await rest(0.1)
        assert scene.told[-1] == ("rejected", held)
        await rest(2)
        free = scene.new(1, 3, 5)
        await rest()
        assert scene.told[-1] == ("open", free)

    play(script)


def test_limits_refuse_on_the_spot() -> None:
    async def script(scene: Scene) -> None:
        first = scene.new(1, 3, 60)
        beyond = scene.new(1, 4, 41)
        within = scene.new(1, 4, 30)
        other_side = scene.new(-1, 4, 100)
        far = scene.new(1, 20_000, 1)
        await rest(2)
        refused = [order for what, order in scene.told if what == "rejected"]
        assert refused == [beyond, far]
        assert scene.working == [first, within, other_side]
        gate = scene.execution.admission.gates["BTC"]
        assert dict(gate.refused) == {"position": 1, "band": 1}

    play(script)


def test_stream_break_closes_until_all_is_asked() -> None:
    async def script(scene: Scene) -> None:
        kept, filled, gone = scene.new(1, 9, 5), scene.new(1, 3, 5), scene.new(1, 8, 4)
        await rest()
        scene.model.connected = False
        scene.execution.on_disconnected()
        shut = scene.new(1, 5, 1)
        await rest(0.1)
        assert scene.told[-1] == ("rejected", shut)
        scene.model.move("BTC", MID - 4)
        lost = next(order for order in scene.model.open() if order.lots == 4)
        scene.model._end(lost, "marginCanceled")
        await rest(3)
        scene.model.connected = True
        scene.execution.on_connected()
        await rest(3)
        assert scene.told[-2:] == [("made", filled), ("canceled", gone)]
        assert scene.working == [kept]
        free = scene.new(1, 5, 1)
        await rest()
        assert scene.told[-1] == ("open", free)

    play(script)


def test_restart_without_memory_cancels_what_it_finds_and_takes_the_position() -> None:
    async def script(scene: Scene) -> None:
        scene.new(1, 3, 5)
        scene.new(1, 9, 5)
        await rest()
        scene.model.move("BTC", MID - 4)
        await rest()
        scene.execute(SESSION + 1)
        await scene.start()
        assert not scene.model.open()
        assert scene.execution.positions == {"BTC": 0.005}
        assert scene.told == []
        assert scene.kinds().count("orphan") == 1
        order = scene.new(1, 9, 5)
        await rest()
        assert scene.told == [("open", order)]

    play(script)


def test_restart_with_memory_finds_its_orders_and_missed_fills() -> None:
    async def script(scene: Scene) -> None:
        kept, filled = scene.new(1, 9, 5), scene.new(1, 3, 5)
        await rest()
        memory, desk = scene.execution.memory(), scene.trader.desk
        scene.model.listener = None
        scene.model.move("BTC", MID - 4)  # while we are away
        scene.execute(SESSION)
        scene.trader.desk = desk
        scene.execution.adopt(memory)
        await scene.start()
        assert scene.told == [("made", filled)]
        assert scene.execution.positions == {"BTC": 0.005}
        assert scene.working == [kept]
        assert len(scene.model.open()) == 1

    play(script)


def test_foreign_orders_and_fills_are_said_and_booked() -> None:
    async def script(scene: Scene) -> None:
        stranger = scene.model._oid = 50
        own = scene.new(1, 9, 5)
        await rest()
        placed = scene.model.open()[0]
        foreign = type(placed)("BTC", stranger, "", -1, MID + 5, 7, 1, False)
        scene.model.orders[stranger] = foreign
        scene.execution.on_reports([scene.model._report(foreign)])
        scene.model._trade(foreign, foreign.tick, 7, False)
        await rest()
        assert scene.told == [("open", own), ("made", -1)]
        assert scene.execution.positions == {"BTC": -0.007}
        assert scene.trader.desk.position == pytest.approx(-0.007)
        assert scene.kinds() == ["foreign_order", "foreign_fill"]

    play(script)


def test_unexplained_position_is_said() -> None:
    async def script(scene: Scene) -> None:
        scene.model.position["BTC"] = 3
        for _ in range(100):
            await rest(1)
            scene.execution.on_time(scene.clock.now_ns())
            if "position" in scene.kinds():
                break
        notice = next(n for n in scene.notices if n.kind == "position")
        assert notice.value == 3
        assert scene.execution.positions == {"BTC": 0.0}

    play(script)


def test_unknown_status_is_asked_about() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        report = scene.model._report(scene.model.open()[0])._replace(status="somethingNew")
        scene.execution.on_reports([report])
        await rest(3)
        assert scene.told == [("open", order)]
        assert scene.execution.table.get("BTC", order).state == State.RESTING

    play(script)


def test_modify_of_an_order_in_doubt_is_answered_when_it_is_known() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        report = scene.model._report(scene.model.open()[0])._replace(status="somethingNew")
        scene.execution.on_reports([report])
        new = scene.modify(order, MID - 4, 5)
        await rest(0.3)
        assert scene.told == [("open", order), ("rejected", new)]
        assert scene.trader.desk.working[0].status > 2  # not to be acted on
        await rest(3)
        assert scene.told[2:] == [("cancel_rejected", order)]

    play(script)


def test_stop_is_one_stop_and_survives_being_cancelled() -> None:
    async def script(scene: Scene) -> None:
        for away in (3, 4, 5):
            scene.new(1, away, 5)
        await rest(0.01)  # under way
        first = asyncio.ensure_future(scene.execution.stop())
        await rest(0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await scene.execution.stop()
        assert not scene.model.open()

    play(script)


def test_stop_says_what_it_could_not_cancel() -> None:
    async def run() -> None:
        scene = Scene()
        await scene.start()
        scene.new(1, 3, 5)
        await rest()
        _refuse(scene, Why.OTHER)
        oid = scene.model.open()[0].oid
        with pytest.raises(OrdersLeft, match=str(oid)):
            await scene.execution.stop()

    run_virtually(run())


def _refuse(scene: Scene, why: Why) -> None:
    scene.model._execute = lambda *_: Reply(Refused(why, f"refused: {why}"), [])


def _lose_reply(scene: Scene, send):
    """`send` with the next request carried out and its reply lost."""
    calm = scene.model.faults
    scene.model.faults = replace(calm, lost_reply=1.0)
    out = send()
    asyncio.get_running_loop().call_later(0.45, setattr, scene.model, "faults", calm)
    return out


def _lose_request(scene: Scene, send):
    """`send` with the next request stuck on its way; ``scene.held()`` lets it arrive."""
    calm = scene.model.faults
    stuck: list = []
    real = scene.model._execute
    scene.model._execute = lambda *args: stuck.append(lambda: real(*args)) or Reply(None, [])
    real_request = scene.model._request

    async def request(execute):
        scene.model._request = real_request
        execute()
        scene.model._execute = real
        await asyncio.sleep(1.0)
        raise Unanswered("stuck")

    scene.model._request = request
    scene.model.faults = replace(calm)
    out = send()

    def held() -> int:
        for execute in stuck:
            assert execute().refused is not None
        return len(stuck)

    scene.held = held
    return out
