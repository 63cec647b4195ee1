"""The online Hawkes intensity: laws, and known truth on simulated orders."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.kernel.streaming_laws import (
    S,
    assert_continues_from_checkpoint,
    assert_flat,
    assert_unchanged,
    mirrored,
    orders,
)

from undertow.kernel.hawkes import (
    HAWKES,
    hawkes_advance,
    hawkes_base,
    hawkes_excess,
    hawkes_exogenous,
    hawkes_intensity,
    hawkes_order,
    hawkes_params,
)
from undertow.records import Rec, new_record


@nb.njit(cache=True)
def run(state: Rec, params: Rec, events: NDArray[np.void]) -> None:
    for i in range(events.shape[0]):
        hawkes_order(state, params, events[i].index, events[i].now_ns)


def after(events: NDArray[np.void], **changes: float) -> tuple[Rec, Rec]:
    state, params = new_record(HAWKES), hawkes_params(**changes)
    run(state, params, events)
    return state, params


def test_intensity_is_the_sum_over_past_orders() -> None:
    events = orders(1, n=200)
    state, params = after(events, decay_per_s=0.7, branching_same=0.4, branching_cross=0.2)
    now = int(events["now_ns"][-1]) + S // 2
    hawkes_advance(state, params, now)
    age = (now - events["now_ns"]) * 1e-9
    e = [float(np.exp(-0.7 * age[events["index"] == side]).sum()) for side in (0, 1)]
    mu = hawkes_exogenous(state, params)
    expected = (mu[0] + 0.28 * e[0] + 0.14 * e[1], mu[1] + 0.28 * e[1] + 0.14 * e[0])
    assert hawkes_intensity(state, params) == pytest.approx(expected)


def test_base_finds_the_rates_and_excess_averages_nought() -> None:
    """10 000 Poisson orders, .7/s on the ask: Λ averages over ± 600 s, s.e. √(.7/1200) = 3.5 %."""
    events = orders(2, n=10_000, ask_share=0.7)
    state, params = new_record(HAWKES), hawkes_params()
    excess = []
    for event in events:
        hawkes_advance(state, params, int(event["now_ns"]))
        excess.append(hawkes_excess(state, params))
        hawkes_order(state, params, int(event["index"]), int(event["now_ns"]))
    assert hawkes_base(state, params) == pytest.approx((0.3, 0.7), rel=0.2)
    # λ is seen just before each order: of Poisson orders that is a fair sample of time.
    assert np.mean(excess[2000:]) == pytest.approx(0.0, abs=0.05)


def test_a_burst_of_sellers_is_bearish_and_passes() -> None:
    state, params = after(orders(3, n=600))
    now = state.last_ns
    calm = hawkes_excess(state, params)
    for k in range(1, 9):
        hawkes_order(state, params, 0, now + k * S // 20)
    assert hawkes_excess(state, params) < calm - 0.5
    hawkes_advance(state, params, now + 40 * S)
    assert abs(hawkes_excess(state, params)) < 0.3


def test_mirror() -> None:
    events = orders(4, ask_share=0.6)
    plain, params = after(events)
    other, _ = after(mirrored(events))
    assert hawkes_excess(other, params) == -hawkes_excess(plain, params)
    assert hawkes_intensity(other, params) == hawkes_intensity(plain, params)[::-1]


def test_time_scale() -> None:
    """A market played at a third of the speed with all times × 3 has the same excess."""
    events = orders(5)
    slow = events.copy()
    slow["now_ns"] = 3 * slow["now_ns"]
    plain, params = after(events)
    other, slow_params = after(slow, decay_per_s=0.5 / 3, base_s=1800.0, prior_rate_per_s=0.1 / 3)
    assert hawkes_excess(other, slow_params) == pytest.approx(hawkes_excess(plain, params), rel=1e-9)
    assert hawkes_intensity(other, slow_params) == pytest.approx(
        [x / 3 for x in hawkes_intensity(plain, params)]
    )


def test_simultaneous_orders_commute() -> None:
    events = orders(6)
    events["now_ns"] = events["now_ns"] // (5 * S) * 5 * S
    shuffled = events.copy()
    rng = np.random.default_rng(1)
    for at in np.unique(events["now_ns"]):
        block = np.flatnonzero(events["now_ns"] == at)
        shuffled[block] = events[rng.permutation(block)]
    assert after(shuffled)[0].tobytes() == after(events)[0].tobytes()


def test_checkpoint_memory_and_backward_time() -> None:
    events = orders(7)
    state, params = after(events)
    assert_continues_from_checkpoint(lambda: new_record(HAWKES), lambda s, e: run(s, params, e), events)
    assert_flat(HAWKES, 64)
    assert_unchanged(state, lambda s: hawkes_order(s, params, 0, s.last_ns - 1))
    assert_unchanged(state, lambda s: hawkes_advance(s, params, s.last_ns - S))


def test_silent_before_the_start_and_a_gap_is_not_silence() -> None:
    state, params = new_record(HAWKES), hawkes_params()
    assert math.isnan(hawkes_excess(state, params))
    state, params = after(orders(8, n=2000))
    before = hawkes_base(state, params)
    hawkes_advance(state, params, state.last_ns + 300 * S)
    assert hawkes_base(state, params) == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"branching_same": 0.8, "branching_cross": 0.2},
        {"branching_same": -0.1},
        {"decay_per_s": 0.01},
        {"decay_per_s": 11.0},
        {"base_s": 0.0},
    ],
)
def test_parameters_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="hawkes"):
        hawkes_params(**wrong)
