"""Queues before own orders: where they join, how they shorten, and what that makes of Λ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.config import Config, Ladder
from undertow.instrument import Instrument, price_of
from undertow.kernel.desk import ACTION, DESK, LIVE, MAX_ACTIONS, POST_ONLY, put_new
from undertow.kernel.inputs import INPUTS
from undertow.kernel.l2book import Book, apply_snapshot, new_book
from undertow.kernel.ladder import RUNGS, price_levels
from undertow.kernel.queue_place import (
    depth_behind,
    join_queue,
    look_at_queues,
    place_in_queues,
    print_queues,
)
from undertow.records import Rec, new_record
from undertow.units import depth_bps

from .session import Session

COIN = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=10.0).record()
MID = 100.0


def book_of(bids: dict[int, float], asks: dict[int, float]) -> Book:
    """A book that shows these sizes by tick and nothing between them."""
    n = max(len(bids), len(asks))
    levels = np.full((4, n), np.nan)
    for row, side in ((0, dict(sorted(bids.items(), reverse=True))), (2, dict(sorted(asks.items())))):
        levels[row, : len(side)] = [price_of(COIN, tick) for tick in side]
        levels[row + 1, : len(side)] = list(side.values())
    book = new_book()
    apply_snapshot(book, COIN, levels)
    return book


def desk_with(side: int, tick: int) -> Rec:
    desk = new_record(DESK)
    actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)
    put_new(desk, actions, 0, side, tick, 1.0, POST_ONLY, False, 0, 0.1, 1.0)
    assert np.isnan(desk.working[0].ahead)
    desk.working[0].status = LIVE
    return desk


BIDS = {9_995: 4.0, 9_990: 6.0, 9_980: 5.0}
ASKS = {10_005: 4.0, 10_010: 6.0, 10_020: 5.0}


@pytest.mark.parametrize("side", [1, -1])
def test_an_order_joins_behind_what_is_displayed_and_prints_shorten_the_queue(side: int) -> None:
    book = book_of(BIDS, ASKS)
    desk = desk_with(side, 10_000 - 10 * side)
    join_queue(desk, book, 0)
    order = desk.working[0]
    px = price_of(COIN, 10_000 - 10 * side)
    assert order.ahead == 6.0
    print_queues(desk, COIN, side, px, 2.0)  # the other side's aggressors do not reach it
    print_queues(desk, COIN, -side, px + 0.01 * side, 2.0)  # nor does what stops before it
    assert order.ahead == 6.0
    print_queues(desk, COIN, -side, px, 2.5)
    assert order.ahead == 3.5
    print_queues(desk, COIN, -side, px, math.nan)
    assert order.ahead == 3.5
    print_queues(desk, COIN, -side, px - 0.01 * side, 0.001)  # traded through
    assert order.ahead == 0.0


@pytest.mark.parametrize("side", [1, -1])
def test_a_queue_is_never_longer_than_displayed(side: int) -> None:
    desk = desk_with(side, 10_000 - 10 * side)
    join_queue(desk, book_of(BIDS, ASKS), 0)
    shrunk = book_of(BIDS | {9_990: 1.5}, ASKS | {10_010: 1.5})
    look_at_queues(desk, shrunk, COIN, MID, True)
    assert desk.working[0].ahead == 1.5
    look_at_queues(desk, book_of(BIDS, ASKS), COIN, MID, True)
    assert desk.working[0].ahead == 1.5  # what joins later stands behind
    depth = depth_bps(price_of(COIN, 10_000 - 10 * side), MID, side)
    assert desk.working[0].reach_bps == pytest.approx(depth + 0.25 * 1.0)
    look_at_queues(desk, book_of(BIDS, ASKS), COIN, MID, False)
    assert desk.working[0].reach_bps == pytest.approx(depth)


def test_an_unknown_queue_is_unknown_until_it_is_shown() -> None:
    desk = desk_with(1, 9_900)
    book = book_of(BIDS, ASKS)
    join_queue(desk, book, 0)
    look_at_queues(desk, book, COIN, MID, True)
    assert np.isnan(desk.working[0].ahead)
    assert desk.working[0].reach_bps == pytest.approx(depth_bps(price_of(COIN, 9_900), MID, 1))
    look_at_queues(desk, book_of(BIDS | {9_900: 2.0}, ASKS), COIN, MID, True)
    assert desk.working[0].ahead == 2.0


sizes = st.dictionaries(st.integers(5, 40), st.floats(0.001, 50.0), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(away=sizes, asks=sizes, touch_bps=st.floats(0.0, 30.0), kappa=st.floats(0.01, 6.0))
def test_rates_never_rise_in_depth_and_are_flat_inside_the_touch(
    away: dict[int, float], asks: dict[int, float], touch_bps: float, kappa: float
) -> None:
    """Whatever is displayed: and a mirrored book gives mirrored rates."""
    rates = []
    for side in (1, -1):
        bids = {10_000 - t: q for t, q in (away if side > 0 else asks).items()}
        book = book_of(bids, {10_000 + t: q for t, q in (asks if side > 0 else away).items()})
        rungs, x = new_record(RUNGS), new_record(INPUTS)
        x.as_nodes = 1
        rungs.sign, rungs.levels, rungs.kappa, rungs.rate = side, 20, kappa, 1.0
        rungs.tick[:20] = 10_000 - side * np.arange(1, 41, 2)
        rungs.depth_bps[:20] = np.arange(1, 41, 2)
        place_in_queues(rungs, book, COIN, MID)
        price_levels(rungs, x, 0.0, 0.0, 0.0, touch_bps)
        rate = np.array(rungs.reach_rate[:20])
        assert np.all(np.diff(rate) <= 1e-12)
        inside = rungs.depth_bps[:20] + 1.0 <= touch_bps
        assert np.allclose(rate[inside], math.exp(-kappa * touch_bps))
        free = np.exp(-kappa * np.maximum(rungs.depth_bps[:20], touch_bps))
        assert np.all(rate <= free * (1 + 1e-9))
        rates.append(rate)
    assert np.allclose(rates[0], rates[1], rtol=1e-6)


@given(share=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0))
def test_a_longer_queue_stands_deeper_within_one_step(share: float, more: float) -> None:
    book = book_of(BIDS, ASKS)
    low, high = sorted((share, more))
    near = depth_behind(book, COIN, MID, 1, 9_990, 10.0, low * 6.0)
    far = depth_behind(book, COIN, MID, 1, 9_990, 10.0, high * 6.0)
    assert 10.0 <= near <= far <= 11.0 + 1e-9
    assert depth_behind(book, COIN, MID, 1, 9_990, 10.0, math.nan) == pytest.approx(11.0)
    assert depth_behind(book, COIN, MID, 1, 9_985, 10.0, math.nan) == 10.0


def test_the_switch_takes_queues_out_of_the_ladder_and_the_desk_follows_them() -> None:
    quoting = {}
    for aware in (True, False):
        session = Session(Config(ladder=Ladder(queue_aware=aware)))
        session.warm(35.0)
        session.show(100.0)
        session.acknowledge(session.timer())
        quoting[aware] = [bool(np.any(r.queue_bps[: r.levels] > 0.0)) for r in session.state.ladder]
        desk = session.state.desk
        assert desk.n_working > 0
        shown = {o.tick for o in desk.working[: desk.n_working] if o.ahead == 5.0}
        assert shown <= {9_995, 9_994, 9_993, 10_005, 10_006, 10_007}
    assert quoting[False] == [False, False]
