"""Price and time: account orders and the background in one book."""

from __future__ import annotations

from tests.exchange.still import ALICE, BOB, CAROL, PX, STEP, Bench, conserved, fills_of

from undertow.exchange.happenings import Traded

BID, ASK = PX - STEP, PX + STEP


def test_an_order_waits_behind_the_background_that_was_there() -> None:
    b = Bench()
    b.rest(ALICE, 1, BID, 50)
    b.ex.drain()
    b.market.shoot(-1, 1000)
    b.run()
    assert fills_of(b.ex.drain(), ALICE) == []
    b.market.set(1, BID, 400)  # comes behind
    b.run()
    b.market.shoot(-1, 60)
    b.run()
    assert fills_of(b.ex.drain(), ALICE) == [(BID, 50, False)]
    assert b.market.size(1, BID) == 390
    conserved(b.ex)


def test_withdrawals_ahead_shorten_the_queue_pro_rata() -> None:
    b = Bench()
    oid = b.rest(ALICE, 1, BID, 50)
    assert b.known(ALICE, oid).ahead == 1000
    b.market.set(1, BID, 250)
    b.run()
    assert b.known(ALICE, oid).ahead == 250
    b.market.set(1, BID, 750)
    b.run()
    b.market.set(1, BID, 375)
    b.run()
    assert b.known(ALICE, oid).ahead == 125


def test_a_background_order_splits_between_queue_account_and_what_is_behind() -> None:
    b = Bench()
    b.rest(ALICE, 1, BID, 50)
    b.market.set(1, BID, 1300)
    b.ex.drain()
    b.market.shoot(-1, 1200)
    b.run()
    events = b.ex.drain()
    prints = [(e.tick, e.steps) for e in events if isinstance(e, Traded)]
    assert prints == [(BID, 1000), (BID, 50), (BID, 150)]
    assert len({e.hash for e in events if isinstance(e, Traded)}) == 1
    assert b.market.size(1, BID) == 150  # what the account gave, the background keeps
    assert fills_of(events, ALICE) == [(BID, 50, False)]
    conserved(b.ex)


def test_a_better_order_is_met_first_and_the_background_keeps_its_share() -> None:
    b = Bench()
    b.rest(ALICE, 1, PX, 30)
    b.ex.drain()
    b.market.shoot(-1, 100)
    b.run()
    events = b.ex.drain()
    assert [(e.tick, e.steps) for e in events if isinstance(e, Traded)] == [(PX, 30), (BID, 70)]
    assert b.market.size(1, BID) == 930
    trade = next(e for e in events if isinstance(e, Traded))
    assert trade.buyer == ALICE
    assert trade.side == -1


def test_an_order_to_a_limit_takes_the_account_beside_all_the_background() -> None:
    b = Bench()
    b.rest(ALICE, 1, PX, 30)
    b.ex.drain()
    b.market.shoot(-1, 10**9, limit=BID)
    b.run()
    events = b.ex.drain()
    assert [(e.tick, e.steps) for e in events if isinstance(e, Traded)] == [(PX, 30), (BID, 1000)]


def test_accounts_at_one_level_are_served_in_the_order_they_came() -> None:
    b = Bench()
    b.rest(ALICE, 1, BID, 50)
    b.market.set(1, BID, 1200)
    b.run()
    b.rest(BOB, 1, BID, 50)
    b.ex.drain()
    b.market.shoot(-1, 1270)
    b.run()
    events = b.ex.drain()
    assert fills_of(events, ALICE) == [(BID, 50, False)]
    assert fills_of(events, BOB) == [(BID, 20, False)]
    assert b.order(CAROL, -1, BID, 40, "Ioc")["filled"]["totalSz"] == "0.3"
    assert fills_of(b.ex.drain(), BOB) == [(BID, 30, False)]
    conserved(b.ex)


def test_an_account_takes_through_levels_of_both_kinds() -> None:
    b = Bench()
    b.rest(BOB, -1, ASK + STEP // 2 * 2, 70)
    b.ex.drain()
    reply = b.order(ALICE, 1, ASK + STEP, 1500, "Ioc")
    fills = fills_of(b.ex.drain(), ALICE)
    assert fills == [(ASK, 1000, True), (ASK + STEP, 500, True)]
    assert reply["filled"]["totalSz"] == "15.0"
    assert b.market.felt == [(1, 1500)]
    b.order(ALICE, 1, ASK + STEP, 520, "Ioc")
    events = b.ex.drain()
    assert fills_of(events, ALICE) == [(ASK + STEP, 500, True), (ASK + STEP, 20, True)]
    assert fills_of(events, BOB) == [(ASK + STEP, 20, False)]
    conserved(b.ex)


def test_what_rests_of_a_crossing_order_joins_the_book() -> None:
    b = Bench()
    reply = b.order(ALICE, 1, ASK, 1300, "Gtc")
    assert reply["filled"]["totalSz"] == "10.0"
    assert b.coin.best(1) == ASK
    order = b.known(ALICE, reply["filled"]["oid"])
    assert (order.status, order.left, order.resting) == ("open", 300, True)


def test_own_resting_order_makes_way_and_the_taker_goes_on() -> None:
    b = Bench()
    oid = b.rest(ALICE, -1, PX, 100)
    reply = b.order(ALICE, 1, ASK, 200, "Ioc")
    assert reply["filled"] == {"totalSz": "2.0", "avgPx": "100.01", "oid": reply["filled"]["oid"]}
    assert b.known(ALICE, oid).status == "selfTradeCanceled"


def test_background_quotes_through_an_order_take_it() -> None:
    b = Bench()
    b.rest(ALICE, -1, PX, 100)
    b.ex.drain()
    b.market.set(1, ASK - STEP, 60)  # the background now bids at the order's price
    b.run()
    events = b.ex.drain()
    assert fills_of(events, ALICE) == [(PX, 60, False)]
    assert b.market.size(1, PX) == 0
    b.market.set(-1, ASK, 0)
    b.market.set(1, ASK, 500)
    b.run()
    assert fills_of(b.ex.drain(), ALICE) == [(PX, 40, False)]
    assert b.market.size(1, ASK) == 460
    conserved(b.ex)


def test_merged_levels_count_size_and_orders() -> None:
    b = Bench()
    b.rest(ALICE, 1, BID, 50)
    b.rest(BOB, 1, PX, 20)
    assert b.coin.levels(1, 3) == [(PX, 20, 1), (BID, 1050, 2), (BID - STEP, 1000, 1)]
    assert b.coin.top() == ((PX, 20, 1), (ASK, 1000, 1))


def test_paid_priority_passes_young_orders_only() -> None:
    b = Bench()
    tick = PX
    b.rest(ALICE, 1, tick, 10, "Alo")
    b.run(10)
    b.rest(BOB, 1, tick, 10, "Alo")
    assert "resting" in b.orders(CAROL, b.spec(1, tick, 10, "Alo"), grouping={"p": 100})[0]
    level = b.coin.resting.bids.levels[tick]
    assert [order.account.address for order in level.orders] == [ALICE, CAROL, BOB]


def test_within_a_block_cancels_and_post_only_come_before_takers() -> None:
    b = Bench()
    oid = b.rest(ALICE, -1, PX, 100)
    taker = b.send(BOB, {"type": "order", "orders": [b.spec(1, PX, 100, "Ioc")], "grouping": "na"})
    maker = b.send(CAROL, {"type": "order", "orders": [b.spec(-1, PX, 40, "Alo")], "grouping": "na"})
    cancel = b.send(ALICE, {"type": "cancel", "cancels": [{"a": 0, "o": oid}], "f": True})
    b.run()
    assert cancel.reply["response"]["data"]["statuses"] == ["success"]
    assert "resting" in maker.reply["response"]["data"]["statuses"][0]
    assert taker.reply["response"]["data"]["statuses"][0]["filled"]["totalSz"] == "0.4"
