"""Exposure and fills of own orders go to the depth that forecast them."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.instrument import Instrument
from undertow.kernel.desk import DESK, LIVE, PENDING_NEW
from undertow.kernel.l2book import new_book
from undertow.kernel.ladder import LADDER
from undertow.kernel.own_intensity import OWN_INTENSITY, own_intensity_params
from undertow.kernel.own_watch import OWN_WATCH, watch_exposure, watch_fill, watch_orders
from undertow.records import Rec, new_record

S = 1_000_000_000
MID = 100.0
INST = Instrument(name="X", tick_size=0.01, size_step=0.001, min_notional=0.0).record()


def _desk(*orders: tuple[int, int, int, int]) -> Rec:
    """Orders (id, side, tick, status)."""
    desk = new_record(DESK)
    desk["n_working"] = len(orders)
    for i, (order_id, side, tick, status) in enumerate(orders):
        order = desk.working[i]
        order.id, order.side, order.tick, order.status = order_id, side, tick, status
        order.depth_bps = order.reach_bps = side * (MID - tick * 0.01) / MID * 1e4
        order.fill_rate = 0.5
    return desk


class Watched:
    """A watch with its posterior."""

    def __init__(self, soon_bps: float = 0.0, touch_bps: float = 0.0) -> None:
        self.watch, self.own = new_record(OWN_WATCH), new_record(OWN_INTENSITY)
        self.rules, self.ladder, self.book = own_intensity_params(), new_record(LADDER), new_book()
        for rungs, sign in ((self.ladder.bid, 1), (self.ladder.ask, -1)):
            rungs.soon_bps, rungs.touch_bps = sign * soon_bps, touch_bps
            rungs.rate, rungs.kappa = 0.2, 0.5

    def note(self, desk: Rec, now_ns: int) -> None:
        watch_orders(self.watch, desk, self.ladder, self.book, INST, MID, False, now_ns)

    def pass_time(self, desk: Rec, now_ns: int) -> None:
        watch_exposure(self.watch, self.own, self.rules, desk, now_ns)


def test_time_and_fill_go_to_the_depth_of_the_decision() -> None:
    w, desk = Watched(), _desk((7, 1, 9990, LIVE), (8, -1, 10_020, LIVE))
    w.note(desk, 10 * S)
    desk.working[0].reach_bps = 3.0  # the market has moved since
    w.pass_time(desk, 12 * S)
    assert w.own.exposure_s.sum(axis=1) == pytest.approx([2.0, 2.0])
    assert w.own.node_s.sum(axis=(1, 2)) == pytest.approx([2.0, 2.0])
    assert w.own.node_fills.sum() == 0.0
    watch_fill(w.watch, w.own, 7, 1)
    watch_fill(w.watch, w.own, 7, 1)  # the rest of it
    assert list(w.own.fills) == [1.0, 0.0]
    assert w.own.node_fills.sum() == 1.0
    assert w.own.depth[0] == pytest.approx(10.0)


def test_an_order_is_forecast_at_its_own_depth_filled_in_part_or_not() -> None:
    w, desk = Watched(), _desk((7, 1, 9995, LIVE))
    w.note(desk, 10 * S)
    assert desk.working[0].fill_rate == w.watch.rate[0] == pytest.approx(0.2 * np.exp(-2.5))
    watch_fill(w.watch, w.own, 7, 1)
    desk.working[0].reach_bps = 3.0
    w.note(desk, 11 * S)
    assert desk.working[0].fill_rate == pytest.approx(0.2 * np.exp(-1.5))
    assert np.isnan(w.watch.met_bps[0])


def test_alphas_and_the_touch_are_in_the_depth() -> None:
    w = Watched(soon_bps=-4.0, touch_bps=7.0)  # the mid is foreseen 4 bps lower
    w.note(_desk((7, 1, 9990, LIVE), (8, -1, 10_010, LIVE)), 10 * S)
    assert list(w.watch.met_bps[:2]) == pytest.approx([7.0, 14.0])


def test_an_order_under_way_is_not_exposed_but_keeps_the_depth_it_was_priced_at() -> None:
    w, desk = Watched(), _desk((7, 1, 9990, PENDING_NEW))
    w.note(desk, 10 * S)
    w.pass_time(desk, 11 * S)
    assert w.own.exposure_s.sum() == 0.0
    w.ladder.bid.soon_bps = 5.0
    w.note(desk, 11 * S)
    watch_fill(w.watch, w.own, 7, 1)
    assert w.own.depth[0] == pytest.approx(10.0)


def test_a_filled_order_is_exposed_no_more_and_a_gap_is_no_exposure() -> None:
    w, desk = Watched(), _desk((7, 1, 9990, LIVE), (9, 1, 9980, LIVE))
    w.note(desk, 10 * S)
    watch_fill(w.watch, w.own, 7, 1)
    w.note(desk, 10 * S + 1)
    assert np.isnan(w.watch.met_bps[0])
    w.pass_time(desk, 11 * S)
    assert w.own.exposure_s.sum() == pytest.approx(1.0)
    w.pass_time(desk, 30 * S)
    w.pass_time(desk, 5 * S)
    assert w.own.exposure_s.sum() == pytest.approx(1.0)
