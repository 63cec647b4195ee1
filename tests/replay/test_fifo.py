"""The exact queue: rules one by one, and random order flow against the slow matcher.

Expected values come from `reference_fifo.py` and, in the single rules, from docs/replay.md.
"""

from __future__ import annotations

from dataclasses import replace as changed

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.replay.markets import COIN, START_NS, Stretch, walk
from tests.replay.reference import ASK, BID, Request, Row, Rules
from tests.replay.reference_fifo import FifoReference, OrderRow
from tests.replay.scripted import scripted
from tests.replay.test_reference import EXAMPLES, LOW, MS, STATUS, schedules, sides, ticks

from undertow.data.orders import with_level_sums
from undertow.events import (
    ACK,
    CLEAR,
    END,
    EVENT,
    EXCH,
    FUNDING,
    LOCAL,
    MARK,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    ORDER_MODIFY,
    TRADE,
)
from undertow.records import new_record
from undertow.replay import ReplayResult, ReplaySettings, replay
from undertow.replay.standing import (
    FREE,
    MOST,
    STANDING,
    STANDING_ORDERS,
    STANDS,
    VOID,
    drop_void,
    remove,
    slot_of,
    write,
)

KIND = {
    "add": ORDER_ADD,
    "cancel": ORDER_CANCEL,
    "modify": ORDER_MODIFY,
    "exec": ORDER_EXEC,
    "clear": CLEAR,
    "trade": TRADE,
    "funding": FUNDING,
}


def stretch(rows: list[Row]) -> Stretch:
    """The reference's rows and the levels they sum to, as a recording that ends a second later."""
    out = np.zeros(len(rows) + 2, dtype=EVENT)
    flags = EXCH | LOCAL | END
    out[0] = (START_NS, START_NS, 100.0, 0, 0, 0, MARK, 0, flags, 0, 0)
    for at, row in enumerate(rows, start=1):
        qty = row.rate if row.kind == "funding" else row.qty / 100
        px = np.nan if row.kind == "clear" else row.tick / 10
        ref = row.id if isinstance(row, OrderRow) else at
        out[at] = (row.ns, row.ns + 2 * MS, px, qty, 0, ref, KIND[row.kind], row.side, flags, 0, 0)
    last = START_NS + 1_000 * MS
    out[-1] = (last, last + 2 * MS, 100.0, 0, 0, 0, MARK, 0, flags, 0, 0)
    return Stretch(with_level_sums(out, COIN), chunk_rows=11)


def run(rows: list[Row], requests: list[Request], rules: Rules, *, partial: bool = True) -> ReplayResult:
    settings_ = ReplaySettings(
        order_latency_ms=rules.order_latency_ns / MS,
        order_jitter_ms=0,
        response_latency_ms=rules.response_latency_ns / MS,
        response_jitter_ms=0,
        queue_model="fifo",
        partial_fills=partial,
        block_rule=rules.block_rule,
        cycle_interval_ms=1,
        capture=True,
    )
    return replay(stretch(rows), scripted(requests, COIN.size_step), settings_)


Fill = tuple[int, int, int, int, int, str]


def fills_of(result: ReplayResult) -> list[Fill]:
    who = np.where(result.fills["liquidity"] == 1, "maker", "taker")
    return [
        (int(f["exch_ns"]), int(f["order_id"]), int(f["side"]), int(f["tick"]), round(f["qty"] * 100), w)
        for f, w in zip(result.fills, who, strict=True)
    ]


# ---- random order flow ---------------------------------------------------------------------------


@st.composite
def order_flows(draw: st.DrawFn) -> list[Row]:
    """Orders that come, change, are executed and go; some changes name ids never shown or long gone."""
    rows: list[Row] = []
    orders: dict[int, OrderRow] = {}
    now, last_id = 0, 0
    for _ in range(draw(st.integers(5, 40))):
        now += draw(st.integers(0, 3))
        ns = START_NS + now * MS
        kind = draw(st.sampled_from(["add"] * 6 + ["cancel"] * 2 + ["modify"] * 3 + ["exec"] * 6 + ["other"]))
        if kind == "add" or (kind in ("modify", "exec", "cancel") and not orders):
            last_id += 1
            order = OrderRow(ns, "add", draw(sides), draw(ticks), draw(st.integers(1, 9)), id=last_id)
            orders[last_id] = order
            rows.append(order)
        elif kind == "other":
            rows.append(draw(_others(ns)))
            if rows[-1].kind == "clear" and draw(st.booleans()):
                # An image: what still stands is shown again, perhaps smaller.
                for order in orders.values():
                    rows.append(changed(order, ns=ns, kind="add", qty=draw(st.integers(1, order.qty))))
        else:
            rows += draw(_changes(kind, ns, orders))
    return rows


@st.composite
def _others(draw: st.DrawFn, ns: int) -> Row:
    kind = draw(st.sampled_from(["trade", "funding", "clear"]))
    if kind == "clear":
        return OrderRow(ns, "clear", draw(st.sampled_from([0, BID, ASK])))
    rate = draw(st.sampled_from([-0.01, 0.01]))
    return Row(ns, kind, draw(sides), draw(ticks), draw(st.integers(1, 9)), rate=rate)


@st.composite
def _changes(draw: st.DrawFn, kind: str, ns: int, orders: dict[int, OrderRow]) -> list[Row]:
    if draw(st.integers(0, 9)) == 0:
        return [OrderRow(ns, kind, draw(sides), draw(ticks), draw(st.integers(1, 9)), id=9_000 + ns % 7)]
    order = draw(st.sampled_from(list(orders.values())))
    if kind == "cancel":
        del orders[order.id]
        return [changed(order, ns=ns, kind="cancel")]
    if kind == "modify":
        tick = draw(st.sampled_from([order.tick, order.tick, draw(ticks)]))
        after = changed(order, ns=ns, kind="modify", tick=tick, qty=draw(st.integers(1, 9)))
        orders[order.id] = after
        return [after]
    qty = draw(st.integers(1, order.qty))
    found: list[Row] = [changed(order, ns=ns, kind="exec", qty=qty)]
    if qty == order.qty:
        del orders[order.id]
        return [*found, changed(order, ns=ns, kind="cancel")]
    orders[order.id] = changed(order, ns=ns, kind="modify", qty=order.qty - qty)
    return [*found, orders[order.id]]


latencies = st.sampled_from([0, 1 * MS, 2 * MS, 5 * MS])
rules = st.builds(
    Rules,
    order_latency_ns=latencies,
    response_latency_ns=latencies,
    block_rule=st.booleans(),
    min_notional_ticks=st.just(1_000.0),
)


@given(order_flows(), schedules(), rules)
@settings(**{**EXAMPLES, "max_examples": 150})
def test_same_fills_and_answers_as_real_queues(
    rows: list[Row], requests: list[Request], rules: Rules
) -> None:
    expected = FifoReference(rules)
    expected.run(rows, requests)
    result = run(rows, requests, rules)
    told = result.captured[result.captured["kind"] == ACK]
    acks = [(int(a["exch_ns"]), int(a["ref"]), STATUS[int(a["code"])], round(a["qty"] * 100)) for a in told]
    assert fills_of(result) == expected.fills
    assert sorted(acks) == sorted(expected.acks)
    assert round(result.ledger["position"] * 100) == expected.position
    event(f"fills: {min(len(expected.fills), 5)}")


# ---- the rules one by one ------------------------------------------------------------------------

MINE = LOW
RULES = Rules(order_latency_ns=0, response_latency_ns=0)


def at(ms: int) -> int:
    return START_NS + ms * MS


def row(ms: int, kind: str, order: int, qty: int = 0, *, tick: int = MINE, side: int = BID) -> OrderRow:
    return OrderRow(at(ms), kind, side, tick, qty, id=order)


def bid(ms: int = 5, qty: int = 4, order: int = 77) -> Request:
    return Request(at(ms), "new", order, side=BID, tick=MINE, qty=qty)


FIRST = [row(1, "add", 1, 5), row(2, "add", 2, 3), row(2, "add", 9, 8, tick=MINE + 3, side=ASK)]
BEHIND = row(8, "add", 3, 6)


def filled(rows: list[Row], *requests: Request, partial: bool = True) -> list[tuple[int, int]]:
    """Our fills as (ms, quantity)."""
    result = run([*FIRST, *rows], list(requests) or [bid()], RULES, partial=partial)
    return [((ns - START_NS) // MS, qty) for ns, _, _, _, qty, _ in fills_of(result)]


def test_orders_ahead_shield_us_and_orders_behind_do_not() -> None:
    assert filled([BEHIND, row(10, "exec", 1, 5), row(10, "cancel", 1), row(11, "exec", 2, 3)]) == []
    assert filled([BEHIND, row(10, "exec", 3, 3), row(11, "exec", 3, 3)]) == [(10, 3), (11, 1)]


def test_prints_alone_fill_nothing() -> None:
    assert filled([Row(at(10), "trade", ASK, MINE, 50)]) == []


def test_less_keeps_its_place_more_or_another_price_loses_it() -> None:
    kept = [row(8, "modify", 2, 1), row(10, "exec", 2, 1)]
    grown = [row(8, "modify", 2, 4), row(10, "exec", 2, 4)]
    moved = [row(8, "modify", 2, 3, tick=MINE - 1), row(9, "modify", 2, 3), row(10, "exec", 2, 3)]
    assert [filled(rows) for rows in (kept, grown, moved)] == [[], [(10, 4)], [(10, 3)]]


def test_an_execution_at_a_worse_price_meets_us_first() -> None:
    assert filled([row(8, "add", 4, 9, tick=MINE - 2), row(10, "exec", 4, 3, tick=MINE - 2)]) == [(10, 3)]


def test_what_was_executed_is_spent_once() -> None:
    two = (bid(order=77), bid(ms=6, order=78))
    assert filled([BEHIND, row(10, "exec", 3, 6)], *two) == [(10, 4), (10, 2)]


def test_our_own_modify_goes_to_the_end() -> None:
    modify = Request(at(9), "modify", 78, target=77, side=BID, tick=MINE, qty=4)
    assert filled([BEHIND, row(11, "exec", 3, 6)], bid(), modify) == []


def test_a_new_order_through_our_price_meets_us() -> None:
    assert filled([row(10, "add", 5, 3, tick=MINE, side=ASK)]) == [(10, 3)]
    assert filled([row(10, "modify", 9, 8, tick=MINE - 1, side=ASK)]) == [(10, 4)]


def test_an_unknown_order_at_our_price_needs_an_empty_queue() -> None:
    hidden = row(12, "exec", 500, 2)
    gone = [row(10, "cancel", 1), row(10, "cancel", 2)]
    assert filled([hidden]) == []
    assert filled([*gone, hidden]) == [(12, 2)]
    assert filled([*gone, row(11, "modify", 600, 1), row(12, "exec", 600, 1)]) == []


def test_without_partial_fills_the_first_execution_behind_us_fills_all() -> None:
    assert filled([BEHIND, row(10, "exec", 3, 1)], partial=False) == [(10, 4)]


def test_a_cleared_book_that_shows_an_order_again_gives_it_its_old_place() -> None:
    again = [row(8, "clear", 0, side=0), row(8, "add", 2, 2), row(8, "add", 8, 2)]
    assert filled([*again, row(10, "exec", 2, 2)]) == []
    assert filled([*again, row(10, "exec", 8, 2)]) == [(10, 2)]


def test_a_recording_without_order_ids_is_refused() -> None:
    quiet = scripted([], COIN.size_step)
    with pytest.raises(ValueError, match=r"order ids.*'power', 'risk_averse' or 'log'"):
        replay(Stretch(walk(50, 1)), quiet, ReplaySettings(queue_model="fifo"))
    prints = walk(50, 1)
    with pytest.raises(ValueError, match="order ids"):
        replay(Stretch(prints[prints["kind"] == TRADE]), quiet, ReplaySettings(queue_model="fifo"))


# ---- the table -----------------------------------------------------------------------------------


def _entry(table: NDArray[np.void], order_id: int) -> np.void | None:
    found = table[slot_of(table, order_id)]
    return None if found["state"] == FREE else found


@given(st.lists(st.tuples(st.booleans(), st.integers(-40, 40)), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_table_is_a_dictionary(steps: list[tuple[bool, int]]) -> None:
    table, known = np.zeros(128, dtype=STANDING), {}
    for place, (put, order_id) in enumerate(steps):
        where = slot_of(table, order_id)
        if put:
            write(table[where], order_id, 1, 10, 1.0, place)
            known[order_id] = place
        elif order_id in known:
            remove(table, where)
            del known[order_id]
    assert np.count_nonzero(table["state"]) == len(known)
    for order_id in range(-40, 41):
        entry = _entry(table, order_id)
        assert (None if entry is None else int(entry["place"])) == known.get(order_id)


def test_void_orders_make_room_and_too_many_that_stand_are_an_error() -> None:
    table = new_record(STANDING_ORDERS)
    slots = table["slots"]
    slots["state"][:MOST], slots["id"][:MOST] = VOID, np.arange(MOST)
    slots["state"][5], table["taken"] = STANDS, MOST
    drop_void(table)
    assert table["taken"] == 1
    assert np.flatnonzero(slots["state"]).tolist() == [slot_of(slots, 5)]
    slots["state"][:MOST] = STANDS
    with pytest.raises(ValueError, match="orders stand at one time"):
        drop_void(table)


def test_many_orders() -> None:
    crowd: list[Row] = [row(8, "add", 1_000 + k, 1, tick=MINE - 50 - k % 99) for k in range(9_000)]
    assert filled([*crowd, BEHIND, row(10, "exec", 3, 3), row(11, "exec", 2, 3)]) == [(10, 3)]
