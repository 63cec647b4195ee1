from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.events import CANCELED, EXPIRED, FILLED, REJECTED
from undertow.trading.orders.order import NEXT, Order, State


def make(state: State = State.SENT, lots: int = 5) -> Order:
    return Order("BTC", 1, "0x", 1, 100, lots, 0, False, 0, state)


@pytest.mark.parametrize("start", State)
@pytest.mark.parametrize("end", State)
def test_only_the_drawn_transitions(start: State, end: State) -> None:
    order = make(start)
    if end == start or end in NEXT[start]:
        order.to(end)
        assert order.state == end
    else:
        with pytest.raises(ValueError, match=r"BTC#1: no way"):
            order.to(end)


@pytest.mark.parametrize("start", [s for s in State if s != State.ENDED])
def test_every_state_can_end_and_be_doubted(start: State) -> None:
    doubted, ended = make(start), make(start)
    doubted.doubt()
    assert doubted.state == State.DOUBT
    ended.end(CANCELED, 0)
    assert ended.over


def test_the_end_is_final() -> None:
    order = make(State.RESTING)
    order.end(CANCELED, None)
    order.acknowledge(7)
    order.found(7)
    order.doubt()
    assert order.state == State.ENDED
    order.end(FILLED, 3)
    assert (order.code, order.final) == (CANCELED, 3)
    assert not order.settled
    order.book(3)
    assert order.settled


def test_a_report_may_be_older_than_a_doubt_but_an_answer_is_not() -> None:
    order = make(State.RESTING)
    order.oid = 7
    order.doubt()
    order.acknowledge(7)
    assert order.state == State.DOUBT
    order.found(7)
    assert order.state == State.RESTING


def test_first_word_of_an_order_ends_its_doubt() -> None:
    order = make(State.SENT)
    order.doubt()
    order.acknowledge(7)
    assert (order.state, order.oid) == (State.RESTING, 7)


def test_an_order_that_filled_was_not_rejected() -> None:
    order = make(State.SENT)
    order.book(2)
    order.end(REJECTED, 0)
    assert (order.code, order.final) == (CANCELED, 2)


def test_last_fill_ends_it() -> None:
    order = make(State.CANCELING)
    order.book(5)
    assert (order.over, order.code, order.settled) == (True, FILLED, True)


@given(st.lists(st.sampled_from(["fill", "ack", "end", "expire", "doubt", "found"]), max_size=12))
def test_leaves_never_negative_and_settled_never_undone(steps: list[str]) -> None:
    order, settled = make(lots=3), False
    for step in steps:
        if step == "fill" and order.filled < 3:
            order.book(1)
        elif step == "ack":
            order.acknowledge(9)
        elif step == "end":
            order.end(CANCELED, None)
        elif step == "expire":
            order.end(EXPIRED, order.filled)
        elif step == "doubt":
            order.doubt()
        elif step == "found":
            order.found(9)
        assert 0 <= order.leaves <= 3
        assert order.settled or not settled or step == "fill"
        settled = order.settled
