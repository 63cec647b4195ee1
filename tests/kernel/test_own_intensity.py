"""Own-fill κ: what exposure is for, coverage, the level factor, laws.

docs/model.md §5: from fill distances alone a maker whose quotes follow its estimate walks from the true
.3 to .07; with exposure it stays.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.kernel.streaming_laws import S, assert_continues_from_checkpoint, assert_flat, assert_unchanged

from undertow.kernel.own_intensity import (
    N_DEPTHS,
    OWN_INTENSITY,
    init_own_intensity,
    own_advance,
    own_fill,
    own_intensity_params,
    own_kappa,
    own_rate,
    own_refresh,
    own_refresh_depths,
    own_resting,
    own_resting_at,
)
from undertow.kernel.own_level import NODES_BPS, excess_at
from undertow.records import Rec, new_record

KAPPA, RATE = 0.3, 0.08  # truth: orders/s that reach the mid, 1/bp
COST = 1.5  # bps
ONE = np.array([1.0])
LADDER = np.array([0.5, 0.8, 1.2, 1.8])  # depths beyond the cost in units of 1/κ̂


@nb.njit(cache=True)
def quote_by_exposure(
    rng: np.random.Generator,
    state: Rec,
    params: Rec,
    seconds: int,
    at_mid: float,
    kappa: float,
    prior: float,
    steps: NDArray[np.float64],
) -> float:
    """Orders at COST + `steps`/κ̂ for `seconds`; aggressors reach exponential depths. Returns κ̂."""
    market_rate = at_mid * math.exp(-prior * params.pivot_bps)
    own_refresh(state, params, 0, prior, market_rate)
    for second in range(seconds):
        estimate = state.kappa[0]
        reach = rng.exponential(1.0 / kappa) if rng.random() < at_mid else -1.0
        for step in steps:
            depth = COST + step / estimate
            own_resting(state, params, 0, depth, 1.0)
            if reach >= depth:
                own_fill(state, 0, depth)
        if second % 60 == 0:
            own_advance(state, params, second * 1_000_000_000)
            own_refresh(state, params, 0, prior, market_rate)
    return state.kappa[0]


@nb.njit(cache=True)
def quote_by_distance(
    rng: np.random.Generator,
    seconds: int,
    at_mid: float,
    kappa: float,
    prior: float,
    steps: NDArray[np.float64],
) -> float:
    """The same maker, learning κ from the distances of its fills alone."""
    fills, distance = 0.0, 0.0
    for _ in range(seconds):
        estimate = (4.0 + fills) / (4.0 / prior + distance)
        reach = rng.exponential(1.0 / kappa) if rng.random() < at_mid else -1.0
        for step in steps:
            depth = COST + step / estimate
            if reach >= depth:
                fills += 1.0
                distance += depth
    return (4.0 + fills) / (4.0 / prior + distance)


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params, state = own_intensity_params(**changes), new_record(OWN_INTENSITY)
    init_own_intensity(state, params)
    return state, params


@pytest.mark.parametrize("steps", [ONE, LADDER], ids=["one order", "ladder"])
def test_exposure_stays_near_the_truth_where_fill_distances_run_away(steps: NDArray[np.float64]) -> None:
    """Quotes at cost + 1/κ̂. Distances alone: every fill is farther than 1/κ̂, so κ̂ falls and falls."""
    exposure, distance = [], []
    for seed in range(8):
        state, params = fresh()
        rng = np.random.default_rng(seed)
        exposure.append(quote_by_exposure(rng, state, params, 20_000, RATE, KAPPA, KAPPA, steps))
        distance.append(quote_by_distance(rng, 200_000, RATE, KAPPA, KAPPA, steps))
    assert np.mean(exposure) == pytest.approx(KAPPA, rel=0.10)
    assert all(0.2 < k < 0.42 for k in exposure), exposure
    assert all(k < (0.11 if len(steps) == 1 else 0.21) for k in distance), distance


@pytest.mark.parametrize("prior", [0.12, 0.8])
def test_a_wrong_market_kappa_is_overcome(prior: float) -> None:
    """The prior is worth four fills; the level at the pivot is as wrong as its κ makes it."""
    found = []
    for seed in range(8):
        state, params = fresh()
        rng = np.random.default_rng(seed)
        found.append(quote_by_exposure(rng, state, params, 40_000, RATE, KAPPA, prior, LADDER))
    assert np.mean(found) == pytest.approx(KAPPA, rel=0.25)
    assert abs(math.log(np.mean(found) / KAPPA)) < 0.35 * abs(math.log(prior / KAPPA))


@nb.njit(cache=True)
def scattered(
    rng: np.random.Generator, state: Rec, params: Rec, orders: int, rate: float, kappa: float
) -> None:
    """`orders` single orders resting 10 s at independent depths of 0–10 bps."""
    for _ in range(orders):
        depth = 10.0 * rng.random()
        hazard = rate * math.exp(-kappa * depth)
        wait = rng.exponential(1.0 / hazard)
        own_resting(state, params, 0, depth, min(wait, 10.0))
        if wait < 10.0:
            own_fill(state, 0, depth)


def test_interval_holds_the_truth_for_independent_orders() -> None:
    """150 makers of 300 orders: 95 % ± 3·√(.95·.05/150) = ± 5 %; the rate at the pivot on average."""
    inside, rates = 0, []
    for seed in range(150):
        state, params = fresh()
        scattered(np.random.default_rng(seed), state, params, 300, RATE, KAPPA)
        own_refresh(state, params, 0, KAPPA, RATE * math.exp(-KAPPA * 1.5))
        _, low, high = own_kappa(state, 0)
        inside += low < KAPPA < high
        rates.append(own_rate(state, 0))
    assert inside / 150 >= 0.90
    assert np.mean(rates) == pytest.approx(RATE * math.exp(-KAPPA * 1.5), rel=0.05)


@pytest.mark.parametrize("kappa", [0.1, 1.0, 4.0])
def test_other_kappas_are_found_from_plenty(kappa: float) -> None:
    state, params = fresh()
    scattered(np.random.default_rng(1), state, params, 20_000, 0.2, kappa)
    own_refresh(state, params, 0, 0.3, 0.1)
    estimate, low, high = own_kappa(state, 0)
    assert estimate == pytest.approx(kappa, rel=0.12)
    assert low < estimate < high
    assert high / low < 1.6


def test_fills_by_depth_are_held_against_what_would_be_forecast_now() -> None:
    """Whatever A and κ become, Λ at a depth is fills per second there, at the touch and behind it."""
    state, params = fresh()
    for index in (0, 1):
        own_resting_at(state, index, 3.1, 0.5, 1000.0)
        own_resting_at(state, index, 0.3, 0.5, 1000.0)
    state.node_fills[1, NODES_BPS.index(3.1)] = 400.0
    state.node_fills[0, NODES_BPS.index(0.3)] = 600.0
    for rate, kappa in ((0.5, 0.3), (2.0, 1.0)):
        own_refresh_depths(state, params, (rate, rate), (kappa, kappa))
        for depth, touch, wanted in ((3.1, 0.5, 0.2), (0.3, 0.5, 0.3)):
            found = rate * math.exp(-kappa * depth) * (1.0 + excess_at(state.excess, depth, touch))
            assert found == pytest.approx(wanted, rel=0.03)


def test_no_fills_and_no_exposure_leave_the_prior() -> None:
    state, params = fresh()
    assert all(math.isnan(x) for x in own_kappa(state, 0))
    own_refresh(state, params, 0, 0.3, 0.05)
    estimate, low, high = own_kappa(state, 0)
    assert estimate == pytest.approx(0.3, rel=1e-3)  # Gamma(4, 4/.3): 95 % .0817–.658
    assert (low, high) == pytest.approx((0.0817, 0.6576), rel=0.03)
    assert own_rate(state, 0) == pytest.approx(0.05)
    own_refresh_depths(state, params, (0.1, 0.1), (0.3, 0.3))
    assert not state.excess.any()


def test_long_rest_without_a_fill_raises_kappa_and_a_deep_fill_lowers_it() -> None:
    """Nothing reached 6 bps in four hours: Λ falls off faster there. A fill there says the contrary."""
    state, params = fresh()
    own_refresh(state, params, 0, 0.3, 0.05)
    prior = own_kappa(state, 0)[0]
    own_resting(state, params, 0, 6.0, 4 * 3600.0)
    own_refresh(state, params, 0, 0.3, 0.05)
    rested = own_kappa(state, 0)[0]
    assert rested > 1.2 * prior
    for _ in range(150):
        own_fill(state, 0, 6.0)
    own_refresh(state, params, 0, 0.3, 0.05)
    assert own_kappa(state, 0)[0] < rested


def test_shared_out_seconds_keep_time_and_mean_depth() -> None:
    rng = np.random.default_rng(1)
    state, params = fresh()
    depths, seconds = rng.exponential(5.0, 500), rng.exponential(3.0, 500)
    for depth, s in zip(depths, seconds, strict=True):
        own_resting(state, params, 1, float(depth), float(s))
    assert state.exposure_s[1].sum() == pytest.approx(seconds.sum())
    assert (state.exposure_s[1] * params.depth_bps).sum() == pytest.approx((depths * seconds).sum())
    for kappa in (0.1, 0.3, 1.0):  # E(κ) overstated, by under 2 %
        exact = (seconds * np.exp(-kappa * depths)).sum()
        held = (state.exposure_s[1] * np.exp(-kappa * params.depth_bps)).sum()
        assert exact <= held <= 1.02 * exact
    own_resting(state, params, 0, -3.0, 1.0)
    own_resting(state, params, 0, 1e6, 2.0)
    assert state.exposure_s[0, 0] == 1.0
    assert state.exposure_s[0, N_DEPTHS - 1] == 2.0


def test_sides_mirror_and_units_of_time_scale() -> None:
    state, params = fresh()
    slow, _ = fresh()
    rng = np.random.default_rng(3)
    for _ in range(100):
        depth, s = float(rng.exponential(4.0)), float(rng.exponential(20.0))
        for side in (0, 1):
            own_resting(state, params, side, depth, s)
            own_resting(slow, params, side, depth, 10.0 * s)
            if s > 30.0:
                own_fill(state, side, depth)
                own_fill(slow, side, depth)
    for side in (0, 1):
        own_refresh(state, params, side, 0.3, 0.05)
        own_refresh(slow, params, side, 0.3, 0.005)
    assert own_kappa(state, 0) == own_kappa(state, 1)
    assert own_kappa(slow, 0) == pytest.approx(own_kappa(state, 0))
    assert own_rate(slow, 0) == pytest.approx(0.1 * own_rate(state, 0))


EVENT = np.dtype([("depth", "<f8"), ("seconds", "<f8"), ("side", "<i8"), ("filled", "<i8"), ("now", "<i8")])


def test_checkpoint_memory_and_nonsense() -> None:
    rng = np.random.default_rng(4)
    events = np.zeros(300, dtype=EVENT)
    events["depth"], events["seconds"] = rng.exponential(4.0, 300), rng.exponential(2.0, 300)
    events["side"], events["filled"] = rng.integers(0, 2, 300), rng.random(300) < 0.1
    events["now"] = S * np.arange(300)
    params = own_intensity_params()

    def run(state: Rec, rows: NDArray[np.void]) -> None:
        for e in rows:
            own_advance(state, params, int(e["now"]))
            own_resting(state, params, int(e["side"]), float(e["depth"]), float(e["seconds"]))
            if e["filled"]:
                own_fill(state, int(e["side"]), float(e["depth"]))
            own_refresh(state, params, int(e["side"]), 0.3, 0.05)

    assert_continues_from_checkpoint(lambda: fresh()[0], run, events)
    assert_flat(OWN_INTENSITY, 3200)
    state = fresh()[0]
    run(state, events)
    for bad in (math.nan, math.inf, -math.inf):
        assert_unchanged(state, lambda s, b=bad: own_resting(s, params, 0, b, 1.0))
        assert_unchanged(state, lambda s, b=bad: own_resting(s, params, 0, 1.0, b))
        assert_unchanged(state, lambda s, b=bad: own_fill(s, 0, b))
        assert_unchanged(state, lambda s, b=bad: own_refresh(s, params, 0, b, 0.1))
        assert_unchanged(state, lambda s, b=bad: own_refresh(s, params, 0, 0.3, b))
    assert_unchanged(state, lambda s: own_resting(s, params, 0, 1.0, 0.0))
    assert_unchanged(state, lambda s: own_advance(s, params, s.last_ns - S))


def test_old_evidence_is_forgotten() -> None:
    state, params = fresh(half_life_s=3600.0)
    own_advance(state, params, 0)
    scattered(np.random.default_rng(5), state, params, 5000, 0.2, 1.0)
    own_advance(state, params, 20 * 3600 * S)
    own_refresh(state, params, 0, 0.3, 0.05)
    assert own_kappa(state, 0)[0] == pytest.approx(0.3, rel=0.05)


def test_parameters_are_checked() -> None:
    for wrong in ({"information": 0.0}, {"information": 1.5}, {"half_life_s": -1.0}, {"prior_fills": 0.0}):
        with pytest.raises(ValueError, match="own_intensity"):
            own_intensity_params(**wrong)
