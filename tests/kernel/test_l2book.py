"""The ring book against a plain dictionary book, and what it may claim to know."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.instrument import Instrument
from undertow.kernel.l2book import (
    NO_ASK,
    NO_BID,
    Book,
    apply_snapshot,
    clear_side,
    clear_through,
    erode,
    has_both_sides,
    level_qty,
    mid_price,
    new_book,
    set_best,
    set_level,
)

INST = Instrument(name="X", tick_size=0.5, size_step=0.001).record()


class PlainBook:
    """Levels in two dictionaries; the same rules, written without speed in mind."""

    def __init__(self) -> None:
        self.levels: dict[int, dict[int, float]] = {1: {}, -1: {}}

    def best(self, side: int) -> int:
        ticks = self.levels[side]
        if not ticks:
            return NO_BID if side > 0 else NO_ASK
        return max(ticks) if side > 0 else min(ticks)

    def set_level(self, side: int, tick: int, qty: float) -> None:
        self.levels[side].pop(tick, None)
        if qty > 0:
            self.levels[side][tick] = qty
            other = self.levels[-side]
            if self.best(side) == tick:
                self.levels[-side] = {t: q for t, q in other.items() if side * (t - tick) > 0}

    def clear_through(self, side: int, tick: int) -> None:
        self.levels[side] = {t: q for t, q in self.levels[side].items() if side * (t - tick) < 0}

    def set_best(self, side: int, tick: int, qty: float) -> None:
        self.clear_through(side, tick + side)
        self.set_level(side, tick, qty)

    def erode(self, aggressor: int, tick: int, qty: float) -> None:
        side = -aggressor
        if side * (tick - self.best(side)) > 0:
            return
        self.clear_through(side, tick + side)
        if tick in self.levels[side]:
            left = self.levels[side][tick] - qty
            self.set_level(side, tick, max(left, 0.0))


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set_level", "set_best", "erode", "clear_through"]),
        st.sampled_from([1, -1]),
        st.integers(990, 1010),
        st.sampled_from([0.0, 1.0, 2.0, 3.5]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS)
def test_ring_book_agrees_with_a_plain_one(operations: list[tuple[str, int, int, float]]) -> None:
    ring, plain = new_book(window_ticks=64), PlainBook()
    set_level(ring, 1, 1000, 1.0)
    plain.set_level(1, 1000, 1.0)
    for name, side, tick, qty in operations:
        if name == "clear_through":
            clear_through(ring, side, tick)
            plain.clear_through(side, tick)
        elif name == "erode":
            erode(ring, side, tick, qty)
            plain.erode(side, tick, qty)
        elif name == "set_best" and qty > 0:
            set_best(ring, side, tick, qty)
            plain.set_best(side, tick, qty)
        else:
            set_level(ring, side, tick, qty)
            plain.set_level(side, tick, qty)
        assert ring.top.best_bid == plain.best(1)
        assert ring.top.best_ask == plain.best(-1)
        best_bid, best_ask = plain.best(1), plain.best(-1)
        assert best_bid < best_ask
        for s in (1, -1):
            for t in range(985, 1016):
                inside = s * (t - plain.best(s)) <= 0 if plain.levels[s] else False
                if inside:
                    assert level_qty(ring, s, t) == plain.levels[s].get(t, 0.0) or math.isnan(
                        level_qty(ring, s, t)
                    )


def _snapshot(bids: list[tuple[float, float]], asks: list[tuple[float, float]], depth: int = 4) -> np.ndarray:
    table = np.full((4, depth), np.nan)
    for row, levels in ((0, bids), (2, asks)):
        for k, (px, qty) in enumerate(levels):
            table[row, k], table[row + 1, k] = px, qty
    return table


def _from_snapshot() -> Book:
    book = new_book(window_ticks=1024, erode=True)
    apply_snapshot(book, INST, _snapshot([(100.0, 1), (99.0, 2)], [(100.5, 3), (102.0, 4)]))
    return book


def test_snapshot_speaks_for_its_window_only() -> None:
    book = _from_snapshot()
    assert mid_price(book, INST) == 100.25
    assert level_qty(book, 1, 198) == 2.0
    assert level_qty(book, 1, 199) == 0.0  # inside the window, not listed: empty
    assert math.isnan(level_qty(book, 1, 197))  # beyond its last level: unknown
    assert math.isnan(level_qty(book, -1, 205))
    assert level_qty(book, -1, 203) == 0.0


def test_narrower_snapshot_forgets_the_levels_beyond_it() -> None:
    book = _from_snapshot()
    apply_snapshot(book, INST, _snapshot([(100.0, 5)], [(100.5, 6)]))
    assert level_qty(book, 1, 200) == 5.0
    assert math.isnan(level_qty(book, 1, 198))
    assert math.isnan(level_qty(book, -1, 204))


def test_locked_snapshot_is_kept() -> None:
    book = new_book(window_ticks=64)
    apply_snapshot(book, INST, _snapshot([(100.0, 1)], [(100.0, 2)]))
    assert book.top.best_bid == book.top.best_ask == 200
    assert mid_price(book, INST) == 100.0


def test_prints_erode_up_to_what_is_known() -> None:
    book = _from_snapshot()
    erode(book, 1, 201, 1.0)
    assert level_qty(book, -1, 201) == 2.0
    erode(book, 1, 204, 1.5)
    assert book.top.best_ask == 204
    assert level_qty(book, -1, 204) == 2.5
    erode(book, 1, 204, 9.0)
    assert book.top.best_ask == NO_ASK
    assert not has_both_sides(book)
    assert math.isnan(mid_price(book, INST))


def test_window_follows_the_market_and_forgets_what_falls_out() -> None:
    book = new_book(window_ticks=64)
    set_level(book, 1, 1000, 1.0)
    set_level(book, -1, 1001, 1.0)
    for tick in range(1001, 1200):
        set_level(book, -1, tick + 1, 1.0)
        set_level(book, -1, tick, 0.0)
        set_level(book, 1, tick, 2.0)
    assert (book.top.best_bid, book.top.best_ask) == (1199, 1200)
    assert level_qty(book, 1, 1190) == 2.0
    assert math.isnan(level_qty(book, 1, 1000))
    occupied = int((book.bid > 0).sum())
    assert occupied <= 64


def test_far_rows_are_counted_not_kept() -> None:
    book = new_book(window_ticks=64)
    set_level(book, 1, 1000, 1.0)
    set_level(book, 1, 500, 1.0)
    assert book.top.outside == 1
    assert book.top.best_bid == 1000


def test_clearing_a_side_leaves_the_other() -> None:
    book = _from_snapshot()
    clear_side(book, 1)
    assert (book.top.best_bid, book.top.best_ask) == (NO_BID, 201)


@pytest.mark.parametrize("window", [0, 15, 100])
def test_window_must_be_a_power_of_two(window: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        new_book(window_ticks=window)
