"""The book's shape against sums made by hand, its laws, and what it may claim to know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from undertow.instrument import Instrument, hyperliquid_perp
from undertow.kernel.book_shape import (
    BOOK_SHAPE,
    NEAR,
    book_shape_look,
    book_shape_params,
    init_book_shape,
    next_level_depth,
    queue_ahead,
    reference_usd,
    spread_ratio,
    thin_book_factor,
    usual_spread_bps,
)
from undertow.kernel.l2book import apply_snapshot, new_book, set_level
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000
INST = Instrument(name="test", tick_size=0.1, size_step=0.001).record()
CENTER = 100_000  # ticks: price 10 000, so a tick is .1 bps


def fresh(**changes: Any) -> tuple[Rec, Rec]:
    params = book_shape_params(**changes)
    state = new_record(BOOK_SHAPE)
    init_book_shape(state, params)
    return state, params


def book_of(bids: dict[int, float], asks: dict[int, float], snapshot: bool = False) -> Rec:
    """Sizes by ticks from `CENTER`; as a snapshot nothing is known beyond the last levels."""
    book = new_book()
    if snapshot:
        table = np.full((4, max(len(bids), len(asks))), np.nan)
        for row, side in ((0, bids), (2, asks)):
            for k, (tick, qty) in enumerate(sorted(side.items(), key=lambda level: abs(level[0]))):
                table[row, k], table[row + 1, k] = (CENTER + tick) * 0.1, qty
        apply_snapshot(book, INST, table)
    else:
        for side, levels in ((1, bids), (-1, asks)):
            for tick, qty in levels.items():
                set_level(book, side, CENTER + tick, qty)
    return book


def random_sides(rng: np.random.Generator, reach: int = 700) -> tuple[dict[int, float], dict[int, float]]:
    """Two sides of about a level in two, out to `reach` ticks."""
    sides = []
    for sign in (-1, 1):
        ticks = np.flatnonzero(rng.random(reach) < 0.5) + rng.integers(1, 6)
        sides.append({int(sign * t): float(rng.exponential(2.0)) for t in ticks})
    return sides[0], sides[1]


def mirrored(bids: dict[int, float], asks: dict[int, float]) -> tuple[dict[int, float], dict[int, float]]:
    return {-t: q for t, q in asks.items()}, {-t: q for t, q in bids.items()}


def within(levels: dict[int, float], mid: float, ticks: float) -> float:
    return sum(q for t, q in levels.items() if abs(t - mid) <= ticks)


def look(book: Rec, **changes: Any) -> Rec:
    state, params = fresh(**changes)
    book_shape_look(state, params, INST, book, S)
    return state


@pytest.mark.parametrize("center", [65_536 * 2, 65_536 * 2 + 300])
def test_sums_go_on_across_the_end_of_the_ring(center: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    sides = random_sides(rng)
    plain = look(book_of(*sides))
    monkeypatch.setattr("tests.kernel.test_book_shape.CENTER", center)
    there = look(book_of(*sides))
    mid, tick_bps = center + 0.5 * (max(sides[0]) + min(sides[1])), 1e4 / center
    for k, depth in enumerate((10.0, 25.0, 50.0)):
        b, a = (within(side, mid - center, depth / tick_bps) for side in sides)
        assert there.imbalance[k] == pytest.approx((b - a) / (b + a), rel=1e-12)
    assert there.touch_imbalance == plain.touch_imbalance


@pytest.mark.parametrize("seed", range(5))
def test_imbalance_is_the_sum_over_levels_within_the_depth(seed: int) -> None:
    bids, asks = random_sides(np.random.default_rng(seed))
    state = look(book_of(bids, asks), near_bps=17.0)
    mid = 0.5 * (max(bids) + min(asks))
    tick_bps = 1e4 / (CENTER + mid)
    for k, depth in enumerate((10.0, 25.0, 50.0)):
        b, a = within(bids, mid, depth / tick_bps), within(asks, mid, depth / tick_bps)
        assert state.imbalance[k] == pytest.approx((b - a) / (b + a), rel=1e-12)
        assert state.reach_bps[k] == depth
    assert state.gradient == state.imbalance[0] - state.imbalance[2]
    near = sum(within(side, mid, 17.0 / tick_bps) for side in (bids, asks))
    assert state.near_usd == pytest.approx(near * (CENTER + mid) * 0.1, rel=1e-12)
    b, a = bids[max(bids)], asks[min(asks)]
    assert state.touch_imbalance == pytest.approx((b - a) / (b + a))
    assert state.spread_bps == pytest.approx((min(asks) - max(bids)) * tick_bps)


@pytest.mark.parametrize("snapshot", [False, True])
def test_mirrored_book_mirrors_to_the_bit(snapshot: bool) -> None:
    for seed in range(20):
        bids, asks = random_sides(np.random.default_rng(seed), 40 if snapshot else 700)
        # Mirror about the book's own mid, so that depths in bps are the same.
        shift = -(max(bids) + min(asks))
        there = look(book_of(bids, asks, snapshot))
        flipped_bids, flipped_asks = mirrored(bids, asks)
        here = look(
            book_of(
                {t - shift: q for t, q in flipped_bids.items()},
                {t - shift: q for t, q in flipped_asks.items()},
                snapshot,
            )
        )
        assert np.array_equal(here.imbalance, -there.imbalance)
        assert here.touch_imbalance == -there.touch_imbalance
        assert here.near_usd == there.near_usd
        np.testing.assert_array_equal(here.gradient, -there.gradient)


def test_more_bids_are_bullish_and_sizes_may_be_counted_otherwise() -> None:
    bids, asks = random_sides(np.random.default_rng(3))
    state = look(book_of(bids, asks))
    more = look(book_of({t: q * 1.5 for t, q in bids.items()}, asks))
    assert np.all(more.imbalance > state.imbalance)
    assert more.touch_imbalance > state.touch_imbalance
    scaled = look(book_of(*({t: q * 8.0 for t, q in side.items()} for side in (bids, asks))))
    assert np.array_equal(scaled.imbalance, state.imbalance)
    assert scaled.near_usd == pytest.approx(8.0 * state.near_usd)


def test_windows_of_unequal_length_do_not_lean() -> None:
    """Symmetric books shown with 20 bids and 5 asks: BIM must average 0 (naive sums give about .6)."""
    rng = np.random.default_rng(11)
    seen, naive = [], []
    for _ in range(600):
        bids, asks = random_sides(rng, 80)
        bids = dict(sorted(bids.items(), reverse=True)[:20])
        asks = dict(sorted(asks.items())[:5])
        state = look(book_of(bids, asks, snapshot=True))
        seen.append(state.imbalance[1])
        b, a = sum(bids.values()), sum(asks.values())
        naive.append((b - a) / (b + a))
        assert math.isnan(state.gradient)  # 10 and 50 bps are the same known depth
        assert state.reach_bps[0] == state.reach_bps[2] < 3.0
    assert np.mean(naive) > 0.5
    assert abs(np.mean(seen)) < 3.0 * np.std(seen) / math.sqrt(len(seen)) + 0.02


def test_near_liquidity_of_a_short_window_is_its_density() -> None:
    """One lot at every tick, the window 40 ticks (4 bps) on one side: 10 bps still hold about 200."""
    bids, asks = {-t: 1.0 for t in range(1, 200)}, dict.fromkeys(range(1, 41), 1.0)
    state = look(book_of(bids, asks, snapshot=True))
    assert state.reach_bps[NEAR] == pytest.approx(4.0)
    assert state.near_usd == pytest.approx(200.0 * CENTER * 0.1, rel=0.01)


def test_walk_is_bounded_and_what_lies_beyond_it_is_unknown() -> None:
    bids, asks = {-t: 1.0 for t in range(1, 600)}, {t: 1.0 + (t > 50) for t in range(1, 600)}
    state = look(book_of(bids, asks), max_steps=50)
    assert state.reach_bps[2] == pytest.approx(5.0)
    assert state.imbalance[2] == 0.0


def test_venue_steps_are_walked_not_ticks() -> None:
    """Five significant figures at 110 000: ticks of .1, prices in whole dollars."""
    inst = hyperliquid_perp("BTC", 5).record()
    book = new_book()
    rng = np.random.default_rng(2)
    bids = {1_100_000 - 10 * k: rng.exponential() for k in range(1, 700)}
    asks = {1_100_000 + 10 * k: rng.exponential() for k in range(1, 700)}
    for tick, qty in bids.items():
        set_level(book, 1, tick, qty)
    for tick, qty in asks.items():
        set_level(book, -1, tick, qty)
    state, params = fresh(max_steps=600)
    book_shape_look(state, params, inst, book, S)
    b, a = (sum(q for t, q in side.items() if abs(t - 1_100_000) <= 5500) for side in (bids, asks))
    assert state.imbalance[2] == pytest.approx((b - a) / (b + a), rel=1e-12)
    assert state.reach_bps[2] == 50.0


# ---- change -------------------------------------------------------------------------------------


def leaning(lean: float) -> Rec:
    """BIM = `lean` at every depth."""
    return book_of({-t: 1.0 + lean for t in range(1, 600)}, dict.fromkeys(range(1, 600), 1.0 - lean))


@pytest.mark.parametrize("cycles", [1, 2, 3])
def test_change_is_per_second_at_irregular_times(cycles: int) -> None:
    state, params = fresh(change_cycles=cycles)
    at_s = np.cumsum([1.0, 0.2, 1.7, 0.4, 3.0, 0.9])
    for i, t in enumerate(at_s):
        book_shape_look(state, params, INST, leaning(-0.05 * t), int(t * S))
        assert math.isnan(state.change) if i == 0 else state.change == pytest.approx(-0.05)


def test_change_is_silent_after_a_gap_and_ignores_hasty_looks() -> None:
    state, params = fresh(change_cycles=1, min_dt_s=0.05, gap_s=10.0)
    for t, lean in ((1.0, 0.0), (2.0, 0.1)):
        book_shape_look(state, params, INST, leaning(lean), int(t * S))
    book_shape_look(state, params, INST, leaning(0.9), 2 * S + 1_000_000)
    assert state.change == pytest.approx(0.1)
    book_shape_look(state, params, INST, leaning(0.9), 30 * S)
    assert math.isnan(state.change)


def test_change_compares_like_with_like() -> None:
    """A feed that shows now 5, now 40 levels does not see its own window as a change of the book."""
    state, params = fresh(change_cycles=1)
    bids, asks = {-t: 1.0 for t in range(1, 41)}, {t: 1.0 if t < 6 else 3.0 for t in range(1, 41)}
    for i, levels in enumerate((40, 5, 40, 5)):
        shown = ({t: q for t, q in side.items() if abs(t) <= levels} for side in (bids, asks))
        book_shape_look(state, params, INST, book_of(*shown, snapshot=True), (i + 1) * S)
        assert math.isnan(state.change)


# ---- liquidity and spread ------------------------------------------------------------------------


def flat(qty: float) -> Rec:
    return book_of({-t: qty for t in range(1, 600)}, dict.fromkeys(range(1, 600), qty))


def test_thin_book_raises_the_factor_continuously_to_three() -> None:
    state, params = fresh()
    assert thin_book_factor(state) == 1.0
    usual = flat(1.0)
    for i in range(1, 200):
        book_shape_look(state, params, INST, usual, i * S)
    assert reference_usd(state) == pytest.approx(state.near_usd)
    factors = []
    for qty in (2.0, 1.0, 0.5, 0.25, 0.12, 0.05):
        trial = copy_record(state)
        book_shape_look(trial, params, INST, flat(qty), 200 * S)
        factors.append(thin_book_factor(trial))
    expected = [min(max(1.0 / math.sqrt(q), 1.0), 3.0) for q in (2.0, 1.0, 0.5, 0.25, 0.12, 0.05)]
    assert factors == pytest.approx(expected, rel=2e-3)


def test_a_feed_that_alternates_its_window_does_not_see_a_thin_book() -> None:
    """Levels nearest the touch five times as large: 5 levels alone would promise five times the book."""
    bids = {-t: 5.0 if t < 6 else 1.0 for t in range(1, 41)}
    asks = {-t: q for t, q in bids.items()}
    state, params = fresh()
    for i in range(1, 100):
        reach = 40 if i % 10 == 0 else 5
        shown = ({t: q for t, q in side.items() if abs(t) <= reach} for side in (bids, asks))
        book_shape_look(state, params, INST, book_of(*shown, snapshot=True), i * S)
        assert thin_book_factor(state) == pytest.approx(1.0)
    for reach in (5, 40):  # and yet sees one in either window
        shown = ({t: q / 4.0 for t, q in side.items() if abs(t) <= reach} for side in (bids, asks))
        trial = copy_record(state)
        book_shape_look(trial, params, INST, book_of(*shown, snapshot=True), 100 * S)
        assert thin_book_factor(trial) == pytest.approx(2.0, rel=0.02)


def test_reference_is_near_the_median_and_spikes_do_not_move_it() -> None:
    """A tenth of looks show a hundred times the usual: the mean is 11 times, the median 1.1 times."""
    rng = np.random.default_rng(4)
    usual = [flat(float(q)) for q in np.exp(np.linspace(-1.6, 1.6, 18))]
    books = [*usual, flat(100.0), flat(100.0)]
    state, params = fresh(reference_half_life_s=60.0)
    for i in range(1, 3000):
        book_shape_look(state, params, INST, books[rng.integers(len(books))], i * S)
    one = look(flat(1.0)).near_usd
    assert math.log(reference_usd(state) / one) == pytest.approx(0.15, abs=0.35)


def test_spread_is_averaged_over_time_and_compared() -> None:
    state, params = fresh(spread_half_life_s=1000.0)
    narrow = book_of({-1: 1.0}, {1: 1.0})
    wide = book_of({-6: 1.0}, {6: 1.0})
    book_shape_look(state, params, INST, narrow, S)
    assert usual_spread_bps(state) == pytest.approx(0.2)
    book_shape_look(state, params, INST, wide, 10 * S)  # narrow stood 9 s
    book_shape_look(state, params, INST, narrow, 11 * S)  # wide stood 1 s
    assert usual_spread_bps(state) == pytest.approx(0.3, rel=0.01)
    assert spread_ratio(state, 3.0) == pytest.approx(10.0, rel=0.01)
    for nonsense in (0.0, -1.0, math.nan, math.inf):
        assert math.isnan(spread_ratio(state, nonsense))


def test_queue_and_next_level() -> None:
    book = book_of({-1: 3.0, -4: 1.0}, {1: 2.0, 2: 5.0}, snapshot=True)
    assert queue_ahead(book, 1, CENTER - 1) == 3.0
    assert queue_ahead(book, 1, CENTER - 2) == 0.0
    assert math.isnan(queue_ahead(book, 1, CENTER - 5))
    assert next_level_depth(book, INST, CENTER * 0.1, 1, CENTER - 1, 100) == pytest.approx(0.4)
    assert next_level_depth(book, INST, CENTER * 0.1, -1, CENTER + 1, 100) == pytest.approx(0.2)
    assert math.isnan(next_level_depth(book, INST, CENTER * 0.1, -1, CENTER + 2, 100))
    assert math.isnan(next_level_depth(book, INST, CENTER * 0.1, 1, CENTER - 1, 2))


# ---- laws -----------------------------------------------------------------------------------------


def test_one_sided_or_crossed_books_silence_and_leave_the_averages() -> None:
    state, params = fresh()
    for i in range(1, 5):
        book_shape_look(state, params, INST, flat(1.0), i * S)
    before = (state.log_reference.tobytes(), state.spread_sum, state.reference_weight.tobytes())
    book_shape_look(state, params, INST, book_of({-1: 1.0}, {}), 5 * S)
    assert np.all(np.isnan(state.imbalance))
    assert math.isnan(state.near_usd)
    assert thin_book_factor(state) == 1.0
    crossed = book_of({-1: 1.0}, {1: 1.0})
    crossed["top"]["best_bid"] = CENTER + 3
    book_shape_look(state, params, INST, crossed, 6 * S)
    assert math.isnan(state.touch_imbalance)
    assert before == (state.log_reference.tobytes(), state.spread_sum, state.reference_weight.tobytes())


def test_backward_time_changes_nothing_and_a_checkpoint_continues_to_the_same_bytes() -> None:
    rng = np.random.default_rng(8)
    books = [book_of(*random_sides(rng, 120)) for _ in range(30)]
    state, params = fresh()
    for i, book in enumerate(books[:15]):
        book_shape_look(state, params, INST, book, (i + 1) * S)
    again = copy_record(state)
    book_shape_look(again, params, INST, books[20], 3 * S)
    assert again.tobytes() == state.tobytes()
    for i, book in enumerate(books[15:]):
        for one in (state, again):
            book_shape_look(one, params, INST, book, (i + 16) * S)
    assert again.tobytes() == state.tobytes()
    assert not BOOK_SHAPE.hasobject
    assert BOOK_SHAPE.itemsize < 1000


@pytest.mark.parametrize(
    "bad", [{"depths_bps": (10.0, 5.0, 50.0)}, {"change_cycles": 4}, {"near_bps": 0.0}, {"gap_s": math.nan}]
)
def test_impossible_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="book_shape"):
        book_shape_params(**bad)
