"""Sweep scores against their definition, and their laws."""

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

from undertow.kernel.sweeps import (
    SWEEPS,
    sweep_score,
    sweep_total,
    sweeps_advance,
    sweeps_order,
    sweeps_params,
)
from undertow.records import Rec, new_record


@nb.njit(cache=True)
def run(state: Rec, params: Rec, events: NDArray[np.void]) -> None:
    for i in range(events.shape[0]):
        e = events[i]
        sweeps_order(state, params, e.index, e.qty, e.levels, e.now_ns)


def after(events: NDArray[np.void], tau_s: float = 3.0) -> Rec:
    state = new_record(SWEEPS)
    run(state, sweeps_params(tau_s=tau_s), events)
    return state


def test_score_is_the_weighted_sum_of_size_times_levels() -> None:
    events = orders(1, n=100, rate_per_s=5.0)
    state = after(events)
    weight = np.exp(-(events["now_ns"][-1] - events["now_ns"]) * 1e-9 / 3.0)
    signed = np.where(events["index"] == 1, 1.0, -1.0) * events["qty"] * events["levels"] * weight
    assert sweep_score(state, 2.0) == pytest.approx(signed.sum() / 2.0)
    assert sweep_total(state, 2.0) == pytest.approx(np.abs(signed).sum() / 2.0)


def test_three_deep_sells_in_three_seconds_stand_out_and_are_bearish() -> None:
    quiet = orders(2, n=500, rate_per_s=0.5)
    quiet["levels"] = 1
    state, params = after(quiet), sweeps_params()
    usual = sweep_total(state, 1.0)
    for k in range(3):
        sweeps_order(state, params, 0, 2.0, 6, int(state.last_ns) + k * S // 2)
    assert sweep_score(state, 1.0) < -20.0
    assert sweep_total(state, 1.0) > 3.0 * max(usual, 1.0)
    sweeps_advance(state, params, int(state.last_ns) + 30 * S)
    assert abs(sweep_score(state, 1.0)) < 0.01


def test_steady_flow_has_the_sum_of_a_flat_window() -> None:
    """E[S] = rate·E[qty·levels]·τ; 20 000 orders at 2/s: s.e. of the time average about 2 %."""
    events = orders(3, n=20_000, rate_per_s=2.0)
    state, params, seen = new_record(SWEEPS), sweeps_params(), []
    for e in events:
        sweeps_advance(state, params, int(e["now_ns"]))
        seen.append(sweep_total(state, 1.0))
        sweeps_order(state, params, int(e["index"]), float(e["qty"]), int(e["levels"]), int(e["now_ns"]))
    expected = 2.0 * float((events["qty"] * events["levels"]).mean()) * 3.0
    assert np.mean(seen[100:]) == pytest.approx(expected, rel=0.05)


def test_mirror_scale_and_permutation() -> None:
    events = orders(4, rate_per_s=3.0)
    events["now_ns"] = events["now_ns"] // (2 * S) * 2 * S
    plain = sweep_score(after(events), 1.0)
    assert sweep_score(after(mirrored(events)), 1.0) == -plain
    scaled = events.copy()
    scaled["qty"] *= 0.125
    assert sweep_score(after(scaled), 0.125) == pytest.approx(plain)
    shuffled = np.concatenate(
        [block[::-1] for block in np.split(events, np.flatnonzero(np.diff(events["now_ns"])) + 1)]
    )
    assert sweep_score(after(shuffled), 1.0) == pytest.approx(plain, rel=1e-12)


def test_checkpoint_memory_and_nonsense() -> None:
    params, events = sweeps_params(), orders(5)
    assert_continues_from_checkpoint(lambda: new_record(SWEEPS), lambda s, e: run(s, params, e), events)
    assert_flat(SWEEPS, 32)
    state = after(events)
    now = int(state.last_ns) + S
    for bad in (0.0, -1.0, math.nan, math.inf):
        assert_unchanged(state, lambda s, b=bad: sweeps_order(s, params, 0, b, 2, now))
    assert_unchanged(state, lambda s: sweeps_order(s, params, 0, 1.0, 0, now))
    assert_unchanged(state, lambda s: sweeps_order(s, params, 0, 1.0, 2, s.last_ns - 1))
    assert math.isnan(sweep_score(new_record(SWEEPS), 1.0))
    for tau_s in (0.9, 5.1, math.nan):
        with pytest.raises(ValueError, match="sweeps"):
            sweeps_params(tau_s=tau_s)
