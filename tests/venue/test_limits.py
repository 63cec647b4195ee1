"""Limits per IP and the request budget of an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.venue import limits as li
from undertow.venue.budget import RequestBudget, cancel_cap
from undertow.venue.wire.actions import Cancel, CancelSpec, Noop, PlaceOrders, order_spec
from undertow.venue.wire.info_replies import UserRateLimit

S = 1_000_000_000


def orders(n: int) -> PlaceOrders:
    return PlaceOrders([order_spec(0, 1, "1", "1")] * n)


def cancels(n: int) -> Cancel:
    return Cancel([CancelSpec(0, 1)] * n, fast=True)


steps = st.lists(st.tuples(st.integers(0, 30 * S), st.integers(1, 400)), max_size=60)


@given(steps)
def test_window_against_a_plain_count(moves: list[tuple[int, int]]) -> None:
    window = li.IpWeight()
    now, spent = 0, []
    for pause, amount in moves:
        now += pause
        total = sum(a for t, a in spent if t > now - li.MINUTE_NS)
        assert window.left(now) == 1200 - total
        wait = window.wait_ns(amount, now)
        assert (wait == 0) == (total + amount <= 1200)
        if wait:
            at = now + wait
            assert sum(a for t, a in spent if t > at - li.MINUTE_NS) + amount <= 1200
            assert sum(a for t, a in spent if t > at - 1 - li.MINUTE_NS) + amount > 1200
        if window.take(amount, now):
            spent.append((now, amount))
            assert total + amount <= 1200
        else:
            assert total + amount > 1200


def test_what_can_never_be_spent() -> None:
    with pytest.raises(ValueError, match="limit is 1200"):
        li.IpWeight().wait_ns(1201, 0)
    with pytest.raises(ValueError, match="must be positive"):
        li.SlidingWindow(0)


def test_weight_of_actions() -> None:
    assert [li.action_weight(n) for n in (1, 39, 40, 79, 80, 200)] == [1, 1, 2, 2, 3, 6]
    assert li.weight_of(orders(40)) == 2
    assert li.weight_of(Noop()) == 1


def test_connections() -> None:
    limits = li.SocketLimits()
    for _ in range(10):
        assert limits.connect_wait_ns(0) == 0
        limits.opened(0)
    assert limits.connect_wait_ns(0) is None
    for i in range(20):
        limits.closed()
        assert limits.connect_wait_ns(i) == 0
        limits.opened(i)
    limits.closed()
    assert limits.connect_wait_ns(20) == 60 * S - 20, "thirty in a minute"
    assert limits.connect_wait_ns(60 * S) == 0


def test_subscriptions_and_users() -> None:
    limits = li.SocketLimits()
    for i in range(10):
        assert limits.may_subscribe(f"0xA{i}")
        limits.subscribed(f"0xA{i}")
    limits.subscribed("0xa0")
    assert limits.users == 10
    assert not limits.may_subscribe("0xb")
    assert limits.may_subscribe("0xa3")
    assert limits.may_subscribe()
    limits.unsubscribed("0xA0")
    assert not limits.may_subscribe("0xb"), "another subscription of 0xa0 stands"
    limits.unsubscribed("0xa0")
    assert limits.may_subscribe("0xb")
    while limits.subscriptions < 1000:
        limits.subscribed()
    assert not limits.may_subscribe()
    limits.unsubscribed()
    assert limits.may_subscribe()


def test_messages_and_posts() -> None:
    limits = li.SocketLimits()
    for i in range(2000):
        assert limits.message_wait_ns(i) == 0
        limits.sent(i)
    assert limits.message_wait_ns(2000) == 60 * S - 2000
    for _ in range(100):
        assert limits.may_post()
        limits.posted()
    assert not limits.may_post()
    limits.answered()
    assert limits.may_post()


def test_a_new_address() -> None:
    budget = RequestBudget()
    assert (budget.cap, budget.left, budget.cancels_left) == (10_000, 10_000, 20_000)
    budget.sent(orders(40), 0)
    budget.sent(cancels(10), 0)
    budget.sent(Noop(), 0)
    assert (budget.used, budget.left) == (51, 9_949)
    budget.traded(1234.56)
    budget.traded(100.0, credit=0.1)
    assert budget.cap == 11_244
    assert budget.volume_usd == pytest.approx(1244.56)
    budget.bought(100)
    assert budget.cap == 11_344


def test_reading_replaces_what_was_predicted() -> None:
    budget = RequestBudget()
    budget.spend(500, 0)
    read = UserRateLimit(cum_vlm=87457.46, n_requests_used=90_000, n_requests_cap=97_457)
    budget.read(read, unconfirmed=7)
    assert (budget.used, budget.cap, budget.left) == (90_007, 97_457, 7_450)
    budget.traded(10.0)
    assert budget.cap == 97_467
    bought = UserRateLimit(cum_vlm=0.0, n_requests_used=0, n_requests_cap=10_000, n_requests_surplus=250)
    budget.read(bought)
    assert budget.left == 10_250


def test_spent() -> None:
    """One action per ten seconds; cancels have more; a refusal costs nothing."""
    budget = RequestBudget(used=9_999)
    assert budget.wait_ns(orders(2), 0) == 0, "nothing was ever sent"
    budget.sent(orders(1), 5 * S)
    assert (budget.left, budget.cancels_left) == (0, 10_000)
    assert budget.wait_ns(orders(1), 6 * S) == 9 * S
    assert budget.wait_ns(orders(40), 15 * S) == 0
    assert budget.wait_ns(cancels(40), 6 * S) == 0
    budget.sent(orders(1), 15 * S)
    budget.refused(1)
    assert budget.used == 10_000
    budget.corrected(97_460, 97_456)
    assert (budget.used, budget.cap, budget.left) == (97_460, 97_456, 0)
    budget.traded(10.0)
    assert budget.left == 6
    assert budget.wait_ns(orders(6), 16 * S) == 0
    assert budget.wait_ns(orders(7), 16 * S) == 9 * S


def test_allowance_of_cancels() -> None:
    assert [cancel_cap(c) for c in (10_000, 100_000, 1_000_000)] == [20_000, 200_000, 1_100_000]
    budget = RequestBudget(used=20_000)
    budget.spend(0, 0)
    assert budget.cancels_left == 0
    assert budget.wait_ns(cancels(1), 1) == 10 * S - 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40), st.floats(0, 1e5))), st.floats(0, 1e9))
def test_prediction_is_what_a_count_would_be(moves: list[tuple[int, int, float]], volume: float) -> None:
    budget = RequestBudget(volume)
    used = 0
    for kind, n, usd in moves:
        if kind == 0:
            budget.sent(orders(n), 0)
            used += n
        elif kind == 1:
            budget.sent(cancels(n), 0)
            used += n
        elif kind == 2:
            budget.traded(usd)
            volume += usd
        else:
            budget.spend(n, 0)
            budget.refused(n)
    assert budget.used == used
    assert abs(budget.cap - (10_000 + volume)) <= 1.0
    assert budget.left == max(0, budget.cap - used)
