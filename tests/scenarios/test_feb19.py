"""The rebuilt market is exact where the record speaks, random where it is silent, and has a mirror."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.data.memory import InMemoryRecording
from undertow.events import order_for_two_clocks
from undertow.makers import undertow_params
from undertow.scenarios import feb19, record
from undertow.scenarios.freeze import frozen, kappa_about_quotes, market, tape
from undertow.scenarios.paths import brownian, pinned
from undertow.scenarios.record import seconds_of

SEEDS = range(1, 9)


def mid_at(recording: InMemoryRecording, clock: str) -> float:
    times, mids, _ = tape(recording)
    at = record.START_NS + round(seconds_of(clock) * 1e9)
    return float(mids[np.searchsorted(times, at, side="right") - 1])


def trades(recording: InMemoryRecording) -> NDArray[np.void]:
    return tape(recording)[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_recorded_mid_is_there(seed: int) -> None:
    rebuilt = feb19.rebuilt(seed)
    for clock, px in record.MIDS:
        assert mid_at(rebuilt, clock) == pytest.approx(px, abs=1e-9), clock
    end = mid_at(rebuilt, "22:26:01")
    assert record.LAST_MID[0] - 0.0005 <= end <= record.LAST_MID[1] + 0.0005


@pytest.mark.parametrize("seed", SEEDS)
def test_trend_readings_are_there(seed: int) -> None:
    rebuilt = feb19.rebuilt(seed)
    for reading in record.TREND:
        moved = (mid_at(rebuilt, reading.clock) / mid_at(rebuilt, reading.since) - 1.0) * 1e4
        assert moved == pytest.approx(reading.bps, abs=0.6), reading  # half steps at both ends


@pytest.mark.parametrize("seed", SEEDS)
def test_recorded_orders_come_at_their_times_and_nothing_before_them(seed: int) -> None:
    rows = trades(feb19.rebuilt(seed))
    for order in record.ORDERS:
        at = record.START_NS + round(seconds_of(order.clock) * 1e9)
        row = rows[rows["exch_ns"] == at]
        assert len(row) == 1
        assert (row["side"][0], row["qty"][0]) == (order.side, order.size)
        mid = mid_at(feb19.rebuilt(seed), order.clock)
        assert order.side * (row["px"][0] / mid - 1.0) * 1e4 >= feb19.REACH_BPS - 0.4
    assert rows["exch_ns"].min() >= record.START_NS + round(feb19.QUIET_UNTIL_S * 1e9)


def test_random_orders_are_one_sided_and_come_at_the_stated_rate() -> None:
    sold = bought = 0
    for seed in range(1, 81):
        rows = trades(feb19.rebuilt(seed))
        sold += int((rows["side"] < 0).sum())
        bought += int((rows["side"] > 0).sum())
    active = record.DURATION_S - feb19.QUIET_UNTIL_S
    want = (record.SWEEPS_PER_S + feb19.ORDINARY_PER_S) * active
    assert sold / 80 == pytest.approx(want, rel=0.08)
    assert bought / 80 == pytest.approx(1.0 + feb19.ORDINARY_PER_S * active, rel=0.25)


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    first, again, other = feb19.rebuilt(3), feb19.rebuilt(3), feb19.rebuilt(4)
    assert first.parts[0].rows.tobytes() == again.parts[0].rows.tobytes()
    assert np.array_equal(first.parts[0].snapshots, again.parts[0].snapshots, equal_nan=True)
    assert first.parts[0].rows.tobytes() != other.parts[0].rows.tobytes()


def test_rows_are_ordered_for_both_clocks_and_books_never_cross() -> None:
    for recording in (feb19.rebuilt(2), feb19.twin(2)):
        rows, books = recording.parts[0]
        assert order_for_two_clocks(rows) is rows
        assert (books[:, 0, 0] < books[:, 2, 0]).all()
        assert (np.diff(books[:, 0], axis=1) < 0).all()
        spread = (books[:, 2, 0] / books[:, 0, 0] - 1.0) * 1e4
        assert 2.5 <= spread.min() <= spread.max() <= 8.6


@pytest.mark.parametrize("seed", [1, 5])
def test_the_mirror_reflects_mids_sides_and_sizes(seed: int) -> None:
    plain, mirrored = feb19.rebuilt(seed), feb19.rebuilt(seed, mirrored=True)
    (t1, m1, r1), (t2, m2, r2) = tape(plain), tape(mirrored)
    assert np.array_equal(t1, t2)
    center = feb19.REFERENCE_PX
    assert np.allclose(np.log(m1 / center), -np.log(m2 / center), atol=0.36e-4)  # half steps of both
    assert np.array_equal(r1["side"], -r2["side"])
    assert np.array_equal(r1["qty"], r2["qty"])
    a, b = plain.parts[0].snapshots, mirrored.parts[0].snapshots
    assert np.array_equal(a[:, 1], b[:, 3])
    assert np.array_equal(a[:, 3], b[:, 1])


def test_the_twin_has_no_drift_and_no_side_but_the_same_pace() -> None:
    ends, sides, counts, squares = [], 0, 0, []
    for seed in range(1, 81):
        _, mids, rows = tape(feb19.twin(seed))
        x = 1e4 * np.log(mids)
        ends.append(x[-1] - x[0])
        squares.append(np.square(np.diff(x)).sum() / record.DURATION_S)
        sides += int(rows["side"].sum())
        counts += len(rows)
    error = feb19.SIGMA * np.sqrt(record.DURATION_S / 80)
    assert abs(np.mean(ends)) < 3 * error
    assert np.sqrt(np.mean(squares)) == pytest.approx(feb19.SIGMA, rel=0.04)
    assert abs(sides) < 3 * np.sqrt(counts)
    pace = record.SWEEPS_PER_S + 2 * feb19.ORDINARY_PER_S
    assert counts / 80 / record.DURATION_S == pytest.approx(pace, rel=0.08)


def test_the_frozen_parameters_are_the_twins() -> None:
    config = frozen()
    assert config.intensity.prior_rate_per_s == pytest.approx(
        0.5 * (record.SWEEPS_PER_S + 2 * feb19.ORDINARY_PER_S), rel=0.1
    )
    assert config.volatility.prior_bps_per_sqrt_s == pytest.approx(feb19.SIGMA, rel=0.05)
    assert config.risk.lot_usd * config.risk.q_max_lots == pytest.approx(
        record.LIMIT * feb19.REFERENCE_PX, rel=1e-9
    )
    twenty_orders = 0.05 * (record.SWEEPS_PER_S + 2 * feb19.ORDINARY_PER_S)
    assert config.flow.decay_per_s == pytest.approx(twenty_orders, rel=0.1)
    params = undertow_params(config, feb19.instrument())
    assert params["estimators"]["flow"]["prior_orders"] == config.flow.prior_orders == 1.0
    # depths beyond any quote are exponential: the tape's documented κ comes back
    assert config.intensity.prior_kappa_per_bp == pytest.approx(record.TAPE_KAPPA_PER_BP, rel=0.12)


def test_kappa_about_quotes_ignores_what_lies_nearer() -> None:
    rng = np.random.default_rng(1)
    beyond = 6.0 + rng.exponential(5.0, 20_000)  # 1/κ + fee = 6 bps
    mixed = np.concatenate([beyond, rng.uniform(0.0, 6.0, 40_000)])
    assert kappa_about_quotes(mixed, 1.0) == pytest.approx(0.2, rel=0.03)
    assert kappa_about_quotes(rng.exponential(5.0, 20_000), 1.0) == pytest.approx(0.2, rel=0.03)


def test_a_bridge_goes_through_its_nodes_and_has_the_right_variance() -> None:
    times = np.linspace(0.0, 10.0, 101)
    rng = np.random.default_rng(5)
    middle = [
        pinned(times, brownian(rng, times, 2.0), np.array([0.0, 10.0]), np.array([1.0, 3.0]))[50]
        for _ in range(4000)
    ]
    assert np.mean(middle) == pytest.approx(2.0, abs=0.2)
    assert np.var(middle) == pytest.approx(4.0 * 5.0 * 5.0 / 10.0, rel=0.08)
    with pytest.raises(ValueError, match="node"):
        pinned(times, np.zeros(101), np.array([0.05]), np.array([0.0]))


def test_unknown_markets_are_named() -> None:
    with pytest.raises(ValueError, match="mirrored"):
        market("rise", 1)
