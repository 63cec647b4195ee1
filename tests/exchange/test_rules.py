"""Rules of orders and the venue's texts (facts, "Exchange", "Errors" and "Rules")."""

from __future__ import annotations

import pytest
from tests.exchange.still import ALICE, BOB, PX, STEP, Bench, conserved, fills_of

from undertow.exchange.errors import Malformed
from undertow.exchange.happenings import NonUserCancel, OrderUpdate
from undertow.exchange.listing import Rules

BID, ASK = PX - STEP, PX + STEP


def statuses(b: Bench, user: str) -> list[str]:
    return [e.status for e in b.ex.drain() if isinstance(e, OrderUpdate) and e.user == user]


@pytest.mark.parametrize(
    ("spec", "text", "status"),
    [
        (
            {"side": 1, "tick": ASK, "steps": 20, "tif": "Alo"},
            "Post only order would have immediately matched, bbo was 99.99@100.01. asset=0",
            "badAloPxRejected",
        ),
        (
            {"side": 1, "tick": PX, "steps": 20, "tif": "Ioc"},
            "Order could not immediately match against any resting orders. asset=0",
            "iocCancelRejected",
        ),
        (
            {"side": 1, "tick": PX + 1, "steps": 20},
            "Price must be divisible by tick size. asset=0",
            "tickRejected",
        ),
        (
            {"side": 1, "tick": BID, "steps": 10},
            "Order must have minimum value of $10. asset=0",
            "minTradeNtlRejected",
        ),
        (
            {"side": 1, "tick": BID, "steps": 20, "reduce": True},
            "Reduce only order would increase position. asset=0",
            "reduceOnlyRejected",
        ),
        (
            {"side": 1, "tick": PX // 25, "steps": 2000},
            "Order price cannot be more than 95% away from the reference price asset=0",
            "tickRejected",
        ),
        ({"side": 1, "tick": 2 * PX, "steps": 20}, "Price too far from oracle asset=0", "oracleRejected"),
        (
            {"side": 1, "tick": BID, "steps": 10**8},
            "Insufficient margin to place order. asset=0",
            "perpMarginRejected",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith("Rejected") else "",
)
def test_refused_orders(spec: dict, text: str, status: str) -> None:
    b = Bench()
    assert b.order(ALICE, **spec) == {"error": text}
    assert statuses(b, ALICE) == [status]
    assert b.ex.account(ALICE).live == {}


def test_order_value_cap() -> None:
    b = Bench(max_order_usd=5_000_000.0, usd=1e9)
    assert b.order(ALICE, 1, BID, 6_000_000) == {"error": "Order value too large. Max is $5000000. asset=0"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"p": "100.12345"}, "Order has invalid price."),
        ({"p": "0"}, "Order has invalid price."),
        ({"s": "0.001"}, "Order has invalid size."),
        ({"s": "0"}, "Order has zero size."),
        ({"a": 7}, "Asset 7 does not exist."),
    ],
)
def test_a_fault_of_content_is_one_error_for_the_whole_batch(change: dict, text: str) -> None:
    b = Bench()
    good = b.spec(1, BID, 20)
    ticket = b.send(ALICE, {"type": "order", "orders": [good, {**good, **change}, good], "grouping": "na"})
    assert ticket.reply["response"] == {"type": "order", "data": {"statuses": [{"error": text}]}}
    b.run()
    assert b.ex.account(ALICE).live == {}
    assert b.send(ALICE, {"type": "order", "orders": [], "grouping": "na"}).reply["status"] == "ok"


@pytest.mark.parametrize(
    "action",
    [
        {"type": "nothing"},
        {"type": "order", "orders": [{}], "grouping": "na"},
        {"type": "cancel", "cancels": [{"a": 0, "o": 1}], "f": False},
        {"type": "cancel", "cancels": [{"a": 0, "o": "x"}]},
        {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": "0x12"}]},
        {"type": "updateLeverage", "asset": 0, "isCross": 1, "leverage": 3},
        [],
    ],
)
def test_what_the_venue_cannot_read_is_malformed(action: object) -> None:
    b = Bench()
    with pytest.raises(Malformed, match=r"must be|not known"):
        b.ex.submit(ALICE, action, b.nonce())


def test_a_reduce_only_order_shrinks_and_small_closes_are_exempt_from_the_minimum() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 20, "Ioc")
    oid = b.rest(ALICE, -1, ASK + STEP, 500, reduce=True)
    assert (b.known(ALICE, oid).size, b.known(ALICE, oid).left) == (20, 20)
    b.order(ALICE, -1, BID, 15, "Ioc", reduce=True)
    assert b.steps(ALICE) == 5
    b.ex.drain()
    assert "error" in b.order(ALICE, -1, BID, 3, "Ioc", reduce=True)
    assert b.order(ALICE, -1, BID, 5, "Ioc", reduce=True)["filled"]["totalSz"] == "0.05"
    events = b.ex.drain()
    assert b.known(ALICE, oid).status == "reduceOnlyCanceled"
    assert not any(isinstance(e, NonUserCancel) for e in events)


def test_a_resting_reduce_only_order_never_trades_beyond_the_position() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 100, "Ioc")
    oid = b.rest(ALICE, -1, PX, 100, reduce=True)
    b.order(ALICE, -1, BID, 60, "Ioc")
    b.market.shoot(1, 100)
    b.run()
    assert b.steps(ALICE) == 0
    assert b.known(ALICE, oid).status == "reduceOnlyCanceled"
    conserved(b.ex)


def test_cancel_by_oid_and_cloid() -> None:
    b = Bench()
    cloid = "0x" + "ab" * 16
    oid = b.rest(ALICE, 1, BID, 20)
    b.rest(ALICE, 1, BID, 20, cloid=cloid)
    gone = {"error": "Order was never placed, already canceled, or filled. asset=0"}
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": oid}, {"a": 0, "o": oid}, {"a": 0, "o": 1}]}
    assert b.act(ALICE, cancel)["response"]["data"]["statuses"] == ["success", gone, gone]
    named = {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": cloid}] * 2}
    assert b.act(ALICE, named)["response"] == {"type": "cancel", "data": {"statuses": ["success", gone]}}
    assert b.act(BOB, cancel)["response"]["data"]["statuses"] == [gone] * 3


def test_a_cloid_may_be_used_again() -> None:
    b = Bench()
    cloid = "0x" + "01" * 16
    first = b.rest(ALICE, 1, BID, 20, cloid=cloid)
    second = b.rest(ALICE, 1, BID, 20, cloid=cloid)
    assert first != second
    named = {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": cloid}]}
    b.act(ALICE, named)
    b.act(ALICE, named)
    assert b.ex.account(ALICE).live == {}


def modify(b: Bench, oid: object, spec: dict, **more: object) -> dict:
    return b.act(ALICE, {"type": "modify", "oid": oid, "order": spec, **more})


def test_modify_is_a_cancel_and_a_new_order_of_the_same_cloid() -> None:
    b = Bench()
    cloid = "0x" + "cd" * 16
    oid = b.rest(ALICE, 1, BID, 20, "Alo", cloid=cloid)
    reply = modify(b, cloid, b.spec(1, BID - STEP, 30, "Alo"))
    assert reply == {"status": "ok", "response": {"type": "default"}}
    new = b.ex.account(ALICE).find(cloid)
    assert (new.oid != oid, new.tick, new.left, new.cloid) == (True, BID - STEP, 30, cloid)
    assert b.known(ALICE, oid).status == "canceled"


def test_a_crossing_modify_loses_the_old_order() -> None:
    b = Bench()
    oid = b.rest(ALICE, 1, BID, 20)
    reply = modify(b, oid, b.spec(1, ASK, 20, "Gtc"))
    assert reply["status"] == "err"
    assert reply["response"].startswith("Error placing new order during modify: Post only order would have")
    assert b.ex.account(ALICE).live == {}
    assert b.steps(ALICE) == 0
    oid = b.rest(ALICE, 1, BID, 20)
    assert modify(b, oid, b.spec(1, ASK, 20, "Gtc"), a=True)["status"] == "ok"
    assert b.steps(ALICE) == 20


def test_a_side_flip_keeps_the_old_order() -> None:
    b = Bench()
    oid = b.rest(ALICE, 1, BID, 20)
    assert modify(b, oid, b.spec(-1, ASK, 20)) == {
        "status": "err",
        "response": "Attempted to modify to invalid new order",
    }
    assert b.known(ALICE, oid).live
    assert modify(b, 1, b.spec(1, BID, 20))["response"] == "Cannot modify canceled or filled order"


def test_a_trigger_order_modified_is_a_trigger_order() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 100, "Ioc")
    stop = b.spec(-1, 80 * PX // 100, 100, reduce=True, trigger=(True, 90 * PX // 100, "sl"))
    oid = b.orders(ALICE, stop)[0]["resting"]["oid"]
    higher = b.spec(-1, 80 * PX // 100, 100, reduce=True, trigger=(True, 95 * PX // 100, "sl"))
    assert modify(b, oid, higher)["status"] == "ok"
    (order,) = b.ex.account(ALICE).live.values()
    assert order.trigger.tick == 95 * PX // 100
    assert b.state.triggers == [order]
    assert not order.resting


def test_batch_modify_answers_each() -> None:
    b = Bench()
    oids = [b.rest(ALICE, 1, BID - i * STEP, 20, "Alo") for i in range(2)]
    parts = [{"oid": oid, "order": b.spec(1, BID - 5 * STEP, 20, "Alo")} for oid in (oids[0], 1, oids[1])]
    reply = b.act(ALICE, {"type": "batchModify", "modifies": parts})
    first, second, third = reply["response"]["data"]["statuses"]
    assert second == {"error": "Cannot modify canceled or filled order"}
    assert {"resting"} == set(first) == set(third)
    assert len(b.ex.account(ALICE).live) == 2


def test_more_than_two_hundred_of_anything_is_refused_whole() -> None:
    b = Bench()
    cancels = [{"a": 0, "o": i} for i in range(201)]
    reply = b.send(ALICE, {"type": "cancel", "cancels": cancels}).reply
    assert reply == {"status": "err", "response": "Signed action over weight limit of 200."}
    assert b.act(ALICE, {"type": "cancel", "cancels": cancels[:200]})["status"] == "ok"


def test_scheduled_cancel() -> None:
    b = Bench()
    now_ms = b.ex.now_ns // 10**6
    soon = {"type": "scheduleCancel", "time": now_ms + 6_000}
    assert b.act(ALICE, soon)["response"] == (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0."
    )
    b.ex.controls.set_requests(ALICE, traded_usd=1_000_000.0)
    early = {"type": "scheduleCancel", "time": now_ms + 4_000}
    assert b.act(ALICE, early)["response"] == (
        "Scheduled cancel time too early, must be at least 5 seconds from now."
    )
    oid = b.rest(ALICE, 1, BID, 20)
    assert b.act(ALICE, soon)["status"] == "ok"
    assert b.act(ALICE, {"type": "scheduleCancel"})["status"] == "ok"
    b.run(100)
    assert b.known(ALICE, oid).live
    b.ex.drain()
    for _ in range(10):
        assert (
            b.act(ALICE, {"type": "scheduleCancel", "time": b.ex.now_ns // 10**6 + 5_100})["status"] == "ok"
        )
        b.run(75)
    assert b.known(ALICE, oid).status == "scheduledCancel"
    assert any(isinstance(e, NonUserCancel) and e.oid == oid for e in b.ex.drain())
    again = {"type": "scheduleCancel", "time": b.ex.now_ns // 10**6 + 5_100}
    assert "10 triggers" in b.act(ALICE, again)["response"]


def test_trigger_orders_wait_for_the_mark() -> None:
    b = Bench(rules=Rules(oracle_every_ns=70_000_000))
    b.order(ALICE, 1, ASK, 100, "Ioc")
    stop, take = b.orders(
        ALICE,
        b.spec(-1, 90 * PX // 100, 100, reduce=True, trigger=(True, 98 * PX // 100, "sl")),
        b.spec(-1, 101 * PX // 100, 100, reduce=True, trigger=(False, 102 * PX // 100, "tp")),
        grouping="positionTpsl",
    )
    assert "resting" in stop
    assert "resting" in take
    assert len(b.ex.account(ALICE).live) == 2
    bad = b.spec(-1, 90 * PX // 100, 100, reduce=True, trigger=(True, 105 * PX // 100, "sl"))
    assert b.orders(ALICE, bad)[0] == {"error": "Invalid TP/SL price. asset=0"}
    fast = {"type": "cancel", "cancels": [{"a": 0, "o": stop["resting"]["oid"]}], "f": True}
    assert "error" in b.act(ALICE, fast)["response"]["data"]["statuses"][0]
    for side in (1, -1):
        b.market.books[side] = {97 * PX // 100 - side * STEP * i: 1000 for i in range(1, 9)}
    b.market.context.oracle_px = b.market.context.reference_px = 97.0
    b.ex.drain()
    b.run(2)
    assert b.steps(ALICE) == 0
    assert b.known(ALICE, stop["resting"]["oid"]).status == "filled"
    assert b.known(ALICE, take["resting"]["oid"]).status == "siblingFilledCanceled"
    seen = [e.status for e in b.ex.drain() if isinstance(e, OrderUpdate)]
    assert seen == ["siblingFilledCanceled", "triggered", "filled"]


def test_children_wait_for_their_parents_fill() -> None:
    b = Bench()
    parent = b.spec(1, PX, 100)
    child = b.spec(-1, 90 * PX // 100, 100, reduce=True, trigger=(True, 95 * PX // 100, "sl"))
    replies = b.orders(ALICE, parent, child, grouping="normalTpsl")
    assert replies[1] == "waitingForFill"
    assert b.state.triggers == []
    b.market.shoot(-1, 100)
    b.run()
    assert b.steps(ALICE) == 100
    assert len(b.state.triggers) == 1
    b.order(BOB, 1, PX, 100)
    second = b.orders(BOB, b.spec(1, PX, 50), child, grouping="normalTpsl")
    assert second[1] == "waitingForFill"
    oid = second[0]["resting"]["oid"]
    b.act(BOB, {"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    assert [o.status for o in b.ex.account(BOB).known.values()][-1] == "canceled"


def test_halt_cancels_and_settles_and_upgrades_take_post_only() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 100, "Ioc")
    oid = b.rest(ALICE, 1, BID, 20)
    b.ex.controls.halt("X")
    assert b.steps(ALICE) == 0
    assert b.known(ALICE, oid).status == "canceled"
    assert b.order(ALICE, 1, BID, 20) == {"error": "Trading is halted. asset=0"}
    b.ex.controls.resume("X")
    b.ex.controls.upgrade(10.0)
    text = "Only post-only orders allowed immediately after a network upgrade asset=0"
    assert b.order(ALICE, 1, BID, 20, "Gtc") == {"error": text}
    b.rest(ALICE, 1, BID, 20, "Alo")
    b.run(150)
    b.rest(ALICE, 1, BID, 20, "Gtc")
    conserved(b.ex)


def test_a_delisted_coin_has_no_book() -> None:
    b = Bench()
    oid = b.rest(ALICE, 1, BID, 20)
    b.ex.controls.delist("X")
    assert b.known(ALICE, oid).status == "delistedCanceled"
    assert (b.coin.levels(1, 5), b.coin.best(-1), b.coin.top()) == ([], None, (None, None))
    b.run(100)
    b.ex.controls.resume("X")
    assert b.order(ALICE, 1, BID, 20) == {"error": "Trading is halted. asset=0"}


def test_open_interest_cap_stops_growth_only() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 100, "Ioc")
    b.ex.controls.set_open_interest_cap("X", 50.0)
    assert b.order(BOB, 1, ASK, 50, "Ioc") == {
        "error": "Order would increase open interest while open interest is capped asset=0"
    }
    assert "filled" in b.order(ALICE, -1, BID, 50, "Ioc")


def test_limit_of_open_orders() -> None:
    b = Bench(rules=Rules(open_orders_free=3))
    for _ in range(3):
        b.rest(ALICE, 1, BID, 20)
    assert b.order(ALICE, 1, BID, 20) == {"error": "Too many open orders. asset=0"}


def test_a_resting_order_without_margin_is_canceled_when_met() -> None:
    b = Bench(usd=1_000.0)
    first, second = (b.rest(ALICE, 1, PX, 15_000) for _ in range(2))
    b.market.shoot(-1, 30_000)
    b.run()
    assert b.known(ALICE, first).status == "filled"
    assert b.known(ALICE, second).status == "marginCanceled"
    assert len(fills_of(b.ex.drain(), ALICE)) == 1
    conserved(b.ex)
