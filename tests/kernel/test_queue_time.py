"""Queue to time and to chance, against a small simulation of exponential aggressors on a book."""

from __future__ import annotations

import math

import numpy as np
import pytest

from undertow.instrument import Instrument
from undertow.kernel.l2book import new_book, set_level
from undertow.kernel.queue_time import (
    QUEUE_TIME,
    effective_depth,
    expected_fill_s,
    fill_given_reached,
    queue_time_advance,
    queue_time_params,
    queue_time_print,
    queued_depth,
    touch_volume_error,
    touch_volume_rate,
)
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000
BID, ASK = 9_999, 10_001


def poisson(seed: int, rate: float, mean_qty: float, seconds: float) -> tuple[Rec, Rec]:
    """A state that has seen aggressor sells as a compound Poisson stream, two prints to an order."""
    rng = np.random.default_rng(seed)
    params, state = queue_time_params(), new_record(QUEUE_TIME)
    queue_time_advance(state, params, S)
    for at in np.sort(rng.uniform(1.0, 1.0 + seconds, rng.poisson(rate * seconds))):
        at_ns, qty = int(at * S), rng.exponential(mean_qty)
        for share in (0.3, 0.7):
            queue_time_print(state, params, -1, at_ns, at_ns, BID, share * qty, BID, ASK)
    queue_time_advance(state, params, int((1.0 + seconds) * S))
    return state, params


def test_rate_is_recovered_and_its_error_is_its_error() -> None:
    z, rates = [], []
    for seed in range(60):
        state, params = poisson(seed, 2.0, 3.0, 400.0)
        rates.append(touch_volume_rate(state, params, 0))
        z.append((rates[-1] / 6.0 - 1.0) / touch_volume_error(state, 0))
    assert np.mean(rates) == pytest.approx(6.0, rel=3.0 * np.std(rates) / 6.0 / math.sqrt(60))
    assert np.std(z) == pytest.approx(1.0, rel=0.3)


def test_expected_time_is_the_time_a_queue_takes() -> None:
    """An order with 20 in front is passed when 20 have traded: simulated against ahead/rate."""
    state, params = poisson(1, 2.0, 3.0, 2000.0)
    rng = np.random.default_rng(5)
    waits = []
    for _ in range(4000):
        left, t = 20.0, 0.0
        while left > 0.0:
            t += rng.exponential(0.5)
            left -= rng.exponential(3.0)
        waits.append(t)
    # The order that passes the queue arrives whole: one mean size more than `ahead` has come by then.
    simulated = np.mean(waits) - 0.5
    scale = touch_volume_rate(state, params, 0) / 6.0
    assert expected_fill_s(state, params, 0, 20.0) * scale == pytest.approx(simulated, rel=0.05)


def test_unknown_is_nan_nothing_trading_is_forever_and_no_queue_is_now() -> None:
    params, state = queue_time_params(min_exposure_s=10.0), new_record(QUEUE_TIME)
    assert math.isnan(expected_fill_s(state, params, 0, 1.0))
    queue_time_advance(state, params, S)
    queue_time_advance(state, params, 12 * S)
    assert expected_fill_s(state, params, 0, 1.0) == math.inf
    assert expected_fill_s(state, params, 0, 0.0) == 0.0
    assert touch_volume_error(state, 0) == math.inf
    queue_time_print(state, params, 1, 13 * S, 13 * S, ASK, 2.0, BID, ASK)
    assert touch_volume_rate(state, params, 0) == 0.0
    assert touch_volume_rate(state, params, 1) == pytest.approx(2.0 / 12.0, rel=0.05)
    for unknown in (math.nan, math.inf, -1.0):
        assert math.isnan(expected_fill_s(state, params, 1, unknown))


def test_only_what_trades_at_the_touch_before_the_block_counts() -> None:
    params, state = queue_time_params(min_exposure_s=1.0), new_record(QUEUE_TIME)
    queue_time_advance(state, params, S)
    queue_time_print(state, params, -1, 5 * S, 5 * S, BID, 1.0, BID, ASK)
    queue_time_print(state, params, -1, 5 * S, 5 * S, BID - 1, 10.0, BID - 1, ASK)  # the sweep went on
    assert state.qty[0] == 1.0
    queue_time_print(state, params, -1, 6 * S, 6 * S, BID - 1, 2.0, BID - 1, ASK)
    assert state.qty[0] == pytest.approx(3.0, rel=0.01)
    assert state.qty[1] == 0.0


def test_fill_rates_on_a_book_follow_the_effective_depth() -> None:
    """Exponential aggressors (mean L) walk levels of Q every `gap` bps: κ = Q/(L·gap), Λ = A·e^(−κδ).

    Our order stands in level k behind a share u of it. It is reached by A·e^(−kQ/L) and filled by
    A·e^(−(k + u)Q/L). Random level sizes of the same mean keep the law on average within a few %.
    """
    rng = np.random.default_rng(7)
    n, mean_qty, size, gap, first = 400_000, 4.0, 3.0, 0.5, 0.25
    kappa = size / (mean_qty * gap)
    for spread in (0.0, 0.3):
        levels = size * (1.0 + spread * rng.uniform(-1.0, 1.0, (n, 4)))
        start = np.concatenate([np.zeros((n, 1)), np.cumsum(levels, axis=1)[:, :3]], axis=1)
        aggressor = rng.exponential(mean_qty, n)
        for k in (0, 1, 3):
            reached = float(np.mean(aggressor > start[:, k]))
            for u in (0.0, 0.4, 1.0):
                ahead = u * levels[:, k]
                filled = float(np.mean(aggressor > start[:, k] + ahead))
                depth = effective_depth(first + k * gap, first + (k + 1) * gap, u)
                error = 3.0 / math.sqrt(n * filled) + 0.02 * (spread > 0)
                assert filled == pytest.approx(math.exp(-kappa * (depth - first)), rel=error)
                assert filled / reached == pytest.approx(math.exp(-kappa * u * gap), rel=error + 0.005)
                if spread == 0.0:
                    expected = fill_given_reached(u * size, mean_qty)
                    assert filled / reached == pytest.approx(expected, rel=error + 0.005)


def test_effective_depth_is_monotone_bounded_and_honest_about_the_unknown() -> None:
    depths = [effective_depth(1.0, 3.0, u) for u in np.linspace(-0.5, 1.5, 21)]
    assert depths == sorted(depths)
    assert (min(depths), max(depths)) == (1.0, 3.0)
    assert effective_depth(1.0, 3.0, math.nan) == 3.0
    for beyond in (math.nan, math.inf, 0.5, 1.0):
        assert effective_depth(1.0, beyond, 0.7) == 1.0
    for bad in ((-1.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, math.nan)):
        assert math.isnan(fill_given_reached(*bad))


@pytest.mark.parametrize("side", [1, -1])
def test_depth_of_a_queued_order_on_a_book(side: int) -> None:
    inst = Instrument(name="test", tick_size=1.0, size_step=0.001).record()
    book = new_book()
    for away, qty in ((1, 2.0), (4, 1.0)):
        set_level(book, side, 10_000 - side * away, qty)
    touch = 10_000 - side
    assert queued_depth(book, inst, 10_000.0, side, touch, 1.0, 0.5, 100) == pytest.approx(1.75)
    assert queued_depth(book, inst, 10_000.0, side, touch, 1.0, math.nan, 100) == pytest.approx(4.0)
    assert queued_depth(book, inst, 10_000.0, side, touch, 1.0, 0.0, 100) == 1.0
    assert queued_depth(book, inst, 10_000.0, side, touch - side, 2.0, math.nan, 100) == 2.0
    assert queued_depth(book, inst, 10_000.0, side, touch - 3 * side, 4.0, math.nan, 100) == 4.0


@pytest.mark.parametrize("qty", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_nonsense_changes_nothing(qty: float) -> None:
    state, params = poisson(2, 1.0, 1.0, 30.0)
    before = state.tobytes()
    queue_time_print(state, params, -1, 40 * S, 40 * S, BID, qty, BID, ASK)
    queue_time_print(state, params, 0, 40 * S, 40 * S, BID, 1.0, BID, ASK)
    queue_time_advance(state, params, 3 * S)
    assert state.tobytes() == before


def test_units_mirror_and_checkpoint() -> None:
    """Sizes × c scale the rate and nothing else; sides exchange; a copy goes on to the same bytes."""
    rng = np.random.default_rng(3)
    params = queue_time_params()
    plain, scaled, other = (new_record(QUEUE_TIME) for _ in range(3))
    rows = [(i * S, float(rng.exponential()), int(rng.choice([-1, 1]))) for i in range(1, 60)]
    for k, (at, qty, side) in enumerate(rows):
        if k == 30:
            plain = copy_record(plain)
        tick = BID if side < 0 else ASK
        queue_time_print(plain, params, side, at, at, tick, qty, BID, ASK)
        queue_time_print(scaled, params, side, at, at, tick, 4.0 * qty, BID, ASK)
        queue_time_print(other, params, -side, at, at, 20_000 - tick, qty, 20_000 - ASK, 20_000 - BID)
    for index in (0, 1):
        assert touch_volume_rate(scaled, params, index) == 4.0 * touch_volume_rate(plain, params, index)
        assert touch_volume_rate(other, params, 1 - index) == touch_volume_rate(plain, params, index)
        assert touch_volume_error(scaled, index) == pytest.approx(touch_volume_error(plain, index))
    straight = new_record(QUEUE_TIME)
    for at, qty, side in rows:
        queue_time_print(straight, params, side, at, at, BID if side < 0 else ASK, qty, BID, ASK)
    assert straight.tobytes() == plain.tobytes()
    assert QUEUE_TIME.itemsize < 200


def test_a_gap_is_no_exposure() -> None:
    state, params = poisson(4, 2.0, 1.0, 100.0)
    before = touch_volume_rate(state, params, 0)
    queue_time_advance(state, params, state.last_ns + 100 * S)
    assert touch_volume_rate(state, params, 0) == pytest.approx(before)


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="queue_time"):
        queue_time_params(half_life_s=0.0)
