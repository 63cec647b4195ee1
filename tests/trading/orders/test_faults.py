"""What the maker is told when replies are lost, requests refused, streams broken, processes ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.trading.orders.scripted import MID, SESSION, Scene, lose_reply, lose_request, play, refuse, rest

from undertow.clock import run_virtually
from undertow.trading.orders.order import State
from undertow.trading.orders.port import Unanswered, Why
from undertow.trading.orders.stopping import OrdersLeft


def test_lost_reply_to_an_order_that_was_accepted() -> None:
    async def script(scene: Scene) -> None:
        scene.model.connected = False  # nor does the stream tell
        order = lose_reply(scene, lambda: scene.new(1, 3, 5))
        await rest(8)
        assert scene.told == [("open", order)]
        assert len(scene.model.open()) == 1
        assert "reply_lost" in scene.kinds()

    play(script)


def test_lost_request_is_dead_once_its_nonce_is_used_up() -> None:
    async def script(scene: Scene) -> None:
        late = lose_request(scene, lambda: scene.new(1, 3, 5))
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
        lose_reply(scene, lambda: scene.cancel(order))
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
        lose_reply(scene, lambda: new.append(scene.modify(old, MID - 4, 6)))
        await rest(6)
        assert sorted(scene.told) == sorted([("open", old), ("canceled", old), ("open", new[0])])
        assert scene.working == new

    play(script, keeps_cloid=keeps_cloid)


def test_lost_modify_that_never_arrived() -> None:
    async def script(scene: Scene) -> None:
        old = scene.new(1, 3, 5)
        await rest()
        new: list[int] = []
        lose_request(scene, lambda: new.append(scene.modify(old, MID - 4, 6)))
        await rest(4)
        assert sorted(scene.told) == sorted([("open", old), ("cancel_rejected", old), ("rejected", new[0])])
        assert scene.working == [old]

    play(script)


@pytest.mark.parametrize("why", [Why.OTHER, Why.EXPIRED, Why.POST_ONLY_PHASE, Why.HALTED, Why.NONCE_LOW])
def test_whole_request_refused(why: Why) -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 5)
        await rest()
        refuse(scene, why)
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
        refuse(scene, Why.EXHAUSTED)
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
        refuse(scene, Why.TOO_FAST)
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
        refuse(scene, Why.OTHER)
        oid = scene.model.open()[0].oid
        with pytest.raises(OrdersLeft, match=str(oid)):
            await scene.execution.stop()

    run_virtually(run())


def test_many_orders_in_doubt_are_asked_about_at_once() -> None:
    async def script(scene: Scene) -> None:
        orders = [scene.new(side, 3 + k, 2) for k in range(6) for side in (1, -1)]
        await rest()
        scene.model.connected, scene.model.rng.uniform = False, lambda *_: 0.5  # when replies are lost
        lose_reply(scene, lambda: [scene.cancel(order) for order in orders])
        await rest(2.6)  # in doubt after 0.55 s, made sure of a few at a time; each question takes 0.1 s
        assert sorted(scene.told[-12:]) == sorted(("canceled", order) for order in orders)

    play(script)


def test_every_answer_of_a_round_counts() -> None:
    async def script(scene: Scene) -> None:
        orders = [scene.new(1, 3 + k, 2) for k in range(6)]
        await rest()
        scene.model.connected, scene.model.rng.uniform = False, lambda *_: 0.5
        deaf, ask = scene.execution.table.get("BTC", orders[0]).oid, scene.model.order_status

        async def half(key: object):
            if key == deaf:
                raise Unanswered("nobody answers")
            return await ask(key)

        scene.model.order_status = half
        lose_reply(scene, lambda: [scene.cancel(order) for order in orders])
        await rest(1.6)
        assert sorted(scene.told[6:]) == sorted(("canceled", order) for order in orders[1:])
        scene.model.order_status = ask
        await rest(2)
        assert ("canceled", orders[0]) in scene.told

    play(script)


def test_lost_questions_are_asked_again_once_something_gets_through() -> None:
    async def script(scene: Scene) -> None:
        order = scene.new(1, 3, 2)
        await rest()
        calm, scene.model.connected = scene.model.faults, False
        lose_reply(scene, lambda: scene.cancel(order))
        await rest(0.5)
        scene.model.faults = replace(calm, lost_answer=1.0)
        await rest(23)  # by now it is asked every 16 s
        scene.model.faults = calm
        asked: list[object] = []
        ask = scene.model.order_status
        scene.model.order_status = lambda key: asked.append(key) or ask(key)
        await rest(1)
        assert not asked
        other = scene.new(-1, 3, 2)
        await rest(1.5)
        assert scene.told[1:] == [("open", other), ("canceled", order)]

    play(script)


def test_a_lost_request_is_made_sure_of_as_soon_as_the_venue_is_back() -> None:
    async def script(scene: Scene) -> None:
        burn = scene.model.burn

        async def silent(nonce: int):
            await asyncio.sleep(0.5)
            raise Unanswered("nobody answers")

        scene.model.burn = silent
        order = lose_reply(scene, lambda: scene.new(1, 3, 5))
        scene.execution.on_disconnected()
        await rest(20)  # by now it is tried every five seconds
        scene.model.burn = burn
        scene.execution.on_connected()
        await rest(2)
        assert scene.told == [("open", order)]

    play(script)


def test_recovery_goes_on_as_soon_as_the_venue_answers_again() -> None:
    """Not when its patience with a silent venue, seconds by then, has run out."""

    async def script(scene: Scene) -> None:
        answers = {name: getattr(scene.model, name) for name in ("open_orders", "positions")}
        asked = []

        async def silent(dex: str):
            asked.append(dex)
            raise Unanswered("HTTP 502")

        for name in answers:
            setattr(scene.model, name, silent)
        scene.execution.on_disconnected()
        scene.execution.on_connected()
        await rest(21.3)  # by now everything is asked for every four seconds
        assert scene.execution.is_blind
        assert 40 < len(asked) < 70
        for name, answer in answers.items():
            setattr(scene.model, name, answer)
        await rest(1.2)
        assert not scene.execution.is_blind

    play(script)
