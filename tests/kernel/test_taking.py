"""Taking, at the action that reaches the venue: its sign, its size, its limits, and that it is off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.config import Config, Risk
from undertow.events import NEW, TIMER
from undertow.instrument import Instrument, price_of
from undertow.kernel.desk import ACTION, DESK, IOC, LIVE, MAX_ACTIONS, POST_ONLY, put_new
from undertow.kernel.inputs import INPUTS
from undertow.kernel.l2book import Book, apply_snapshot, new_book
from undertow.kernel.ladder import LADDER
from undertow.kernel.taking import take
from undertow.records import Rec, new_record
from undertow.units import depth_bps

from .session import Session

COIN = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=10.0, taker_fee_bps=4.5).record()
LIMIT, ETA, LOT = 12.0, 0.5, 1.0
COST = 5.0 + 4.5


class Taker:
    """A desk at a book of 100 ± 0.05, straight g."""

    def __init__(self, position: float = 0.0, shown: float = 5.0) -> None:
        self.desk, self.ladder, self.x = new_record(DESK), new_record(LADDER), new_record(INPUTS)
        self.ladder.bid.sign, self.ladder.ask.sign = 1, -1
        self.x.mid, self.x.lot_qty, self.desk.position = 100.0, LOT, position
        self.book: Book = new_book()
        apply_snapshot(self.book, COIN, np.array([[99.95], [shown], [100.05], [shown]]))
        self.actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)

    def take(self, offset: float, price: float = 0.01) -> list[Rec]:
        desk, actions = self.desk, self.actions
        args = (desk, self.ladder, self.book, COIN, self.x, ETA, offset, 0.0, LIMIT, price, actions, 0)
        return [self.actions[i].copy() for i in range(take(*args))]

    def rest(self, side: int, tick: int, qty: float) -> None:
        put_new(self.desk, self.actions, 0, side, tick, qty, POST_ONLY, False, 0, 0.1, 1.0)
        self.desk.working[self.desk.n_working - 1].status = LIVE


@pytest.mark.parametrize("side", [1, -1])
def test_it_buys_at_the_ask_and_sells_at_the_bid_and_not_for_less_than_the_cost(side: int) -> None:
    assert Taker().take(side * (COST - 0.01)) == []
    (a,) = Taker().take(side * (COST + 0.3))
    assert (a.kind, a.side, a.tick, a.tif) == (NEW, side, 10_000 + 5 * side, IOC)
    assert a.qty == pytest.approx(0.6)  # g(s) = edge
    (a,) = Taker().take(side * (COST + 30.0))
    assert a.qty == LOT
    assert not a.reduce_only


@given(
    offset=st.floats(-40.0, 40.0),
    position=st.floats(-12.0, 12.0),
    shown=st.floats(0.05, 8.0),
    resting=st.lists(
        st.tuples(st.sampled_from([1, -1]), st.integers(1, 40), st.floats(0.1, 3.0)), max_size=5
    ),
)
@settings(max_examples=300, deadline=None)
def test_it_pays_has_room_and_meets_no_own_order(
    offset: float, position: float, shown: float, resting: list[tuple[int, int, float]]
) -> None:
    taker = Taker(position, shown)
    for side, away, qty in resting:
        taker.rest(side, 10_000 - side * away, qty)
    for a in taker.take(offset):
        side, qty, px = int(a.side), float(a.qty), price_of(COIN, int(a.tick))
        assert side * offset > 0.0
        assert side * offset - 0.5 * ETA * qty / LOT > depth_bps(px, 100.0, -side) + COIN.taker_fee_bps
        assert qty <= min(LOT, shown) + 1e-9
        assert qty * px >= COIN.min_notional - 1e-6
        standing = sum(q for s, _, q in resting if s == side)
        assert side * position + standing + qty <= LIMIT + 1e-6
        assert all(s == side or s * (10_000 - s * t - int(a.tick)) < 0 for s, t, _ in resting)
        assert taker.take(offset) == []  # one at a time


def test_less_than_the_minimum_is_taken_whole_only_if_that_still_pays() -> None:
    (a,) = Taker().take(COST + 0.03, price=0.0)  # optimum 0.06 lots, the minimum 0.1 costs ηs/2 = 0.025
    assert a.qty * 100.05 == pytest.approx(10.0, rel=0.02)
    assert Taker().take(COST + 0.02, price=0.0) == []
    assert Taker().take(COST + 0.03, price=0.01) == []  # does not earn its request


def test_without_requests_only_the_reducing_side_takes() -> None:
    assert Taker().take(30.0, math.inf) == []
    assert Taker(2.0).take(30.0, math.inf) == []
    (a,) = Taker(-0.4).take(30.0, math.inf)
    assert (a.side, a.qty) == (1, 0.4)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("taking", [True, False])
def test_a_strong_drift_takes_through_the_whole_maker_only_if_switched_on(side: int, taking: bool) -> None:
    session = Session(Config(risk=Risk(taking=taking)))
    session.warm(35.0)
    session.show(100.0)
    session.settle()
    state = session.state
    state.desk.position = -side * 12.0 * state.inputs.lot_qty  # at the limit: r lies far away
    state.risk.gamma_base *= 1e4
    actions = session.timer()
    taken = [a for a in actions if a.kind == NEW and a.tif == IOC]
    assert len(taken) == int(taking)
    if taking:
        (a,) = taken
        assert a.side == side
        assert a.tick == session.book.top.best_ask if side > 0 else session.book.top.best_bid
        assert a.qty <= min(5.0, float(state.inputs.lot_qty)) + 1e-9
        again = session.send(kind=TIMER)
        assert not [b for b in again if b.id == a.id or b.target == a.id or b.tif == IOC]
