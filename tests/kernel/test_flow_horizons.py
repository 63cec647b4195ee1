"""Imbalance at four horizons, toxic selling, κ multipliers: definitions, truth, signs, laws."""

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

from undertow.kernel.flow_horizons import (
    FLOW_FAST,
    FLOW_HORIZONS,
    FLOW_SLOW,
    N_HORIZONS,
    flow_horizons_advance,
    flow_horizons_order,
    flow_horizons_params,
    is_toxic_selling,
    kappa_multipliers,
    order_imbalance,
    order_imbalance_error,
    smoothed_imbalance,
    volume_imbalance,
)
from undertow.records import Rec, new_record


@nb.njit(cache=True)
def run(state: Rec, params: Rec, events: NDArray[np.void]) -> None:
    for i in range(events.shape[0]):
        flow_horizons_order(state, params, events[i].index, events[i].qty, events[i].now_ns)


def after(events: NDArray[np.void]) -> tuple[Rec, Rec]:
    state, params = new_record(FLOW_HORIZONS), flow_horizons_params()
    run(state, params, events)
    return state, params


def everything(state: Rec, params: Rec) -> list[float]:
    found = [smoothed_imbalance(state)]
    for k in range(N_HORIZONS):
        found += [order_imbalance(state, params, k), volume_imbalance(state, params, k)]
    return found


@pytest.mark.parametrize("k", range(N_HORIZONS))
def test_imbalance_is_the_weighted_share(k: int) -> None:
    events = orders(1, n=300)
    state, params = after(events)
    age = (events["now_ns"][-1] - events["now_ns"]) * 1e-9
    sign = np.where(events["index"] == 1, 1.0, -1.0)
    w = np.exp(-age / (5.0, 30.0, 120.0, 600.0)[k])
    slow = np.exp(-age / 600.0)
    assert order_imbalance(state, params, k) == pytest.approx(float((sign * w).sum() / (w.sum() + 2.0)))
    usual = (slow * events["qty"]).sum() / slow.sum()
    q = w * events["qty"]
    assert volume_imbalance(state, params, k) == pytest.approx(
        float((sign * q).sum() / (q.sum() + 2.0 * usual))
    )


def test_error_covers_the_truth() -> None:
    """120 s horizon, 70 % buys at 1/s: the truth less the prior's pull within 2 errors 95 % of the time."""
    inside = 0
    for seed in range(150):
        state, params = after(orders(seed, n=500, ask_share=0.7))
        n = state.orders[FLOW_SLOW].sum()
        shrunk = 0.4 * n / (n + 2.0)
        error = order_imbalance_error(state, params, FLOW_SLOW)
        inside += abs(order_imbalance(state, params, FLOW_SLOW) - shrunk) < 1.96 * error
    assert inside / 150 == pytest.approx(0.95, abs=0.055)


def test_sell_pressure_lowers_kappa_bid_and_widens() -> None:
    state, params = after(orders(2, n=500, ask_share=0.1))
    bid, ask = kappa_multipliers(state, params, FLOW_SLOW, 0.5)
    assert 0.5 < bid < 0.75
    assert 1.25 < ask < 2.0
    assert 1.0 / (0.3 * bid) > 1.0 / 0.3 > 1.0 / (0.3 * ask)  # the quote's distance is about 1/κ
    assert order_imbalance(state, params, FLOW_SLOW) < 0.0  # and the feature is bearish


def test_multipliers_are_neutral_bounded_and_switched_off() -> None:
    state, params = new_record(FLOW_HORIZONS), flow_horizons_params()
    assert kappa_multipliers(state, params, FLOW_FAST, 0.5) == (1.0, 1.0)
    for index in (0, 1):
        flow_horizons_order(state, params, index, 1.0, S)
    assert kappa_multipliers(state, params, FLOW_FAST, 0.5) == (1.0, 1.0)
    one_sided, _ = after(orders(3, n=3000, ask_share=1.0))
    for k in range(N_HORIZONS):
        for sensitivity in (0.5, 1.0, 5.0):
            bid, ask = kappa_multipliers(one_sided, params, k, sensitivity)
            assert 0.5 <= ask <= 1.0 <= bid <= 2.0
        assert kappa_multipliers(one_sided, params, k, 0.0) == (1.0, 1.0)


def test_toxic_selling_shows_in_seconds_and_passes() -> None:
    state, params = after(orders(4, n=500))
    now = int(state.last_ns)
    for k in range(1, 40):
        flow_horizons_order(state, params, 0, 2.0, now + k * S // 2)
    assert is_toxic_selling(state)
    assert smoothed_imbalance(state) < -0.5
    run(state, params, orders(5, n=200, ask_share=0.7, start_ns=int(state.last_ns)))
    assert not is_toxic_selling(state)


def test_smooth_imbalance_does_not_depend_on_when_one_looks_more_often() -> None:
    """Between events the smoothing sees what stood at its beginning: looks every 50 ms differ little."""
    events = orders(6, n=300)
    plain, params = after(events)
    often = new_record(FLOW_HORIZONS)
    for e in events:
        now = int(e["now_ns"])
        while often.started and often.last_ns + S // 20 < now:
            flow_horizons_advance(often, params, int(often.last_ns) + S // 20)
        flow_horizons_order(often, params, int(e["index"]), float(e["qty"]), now)
    assert smoothed_imbalance(often) == pytest.approx(smoothed_imbalance(plain), abs=0.1)
    assert everything(often, params)[1:] == pytest.approx(everything(plain, params)[1:], abs=1e-9)


def test_mirror_scale_permutation() -> None:
    events = orders(7)
    events["now_ns"] = events["now_ns"] // (5 * S) * 5 * S
    plain, params = after(events)
    other, _ = after(mirrored(events))
    assert everything(other, params) == [-x for x in everything(plain, params)]
    assert kappa_multipliers(other, params, 1, 0.5) == kappa_multipliers(plain, params, 1, 0.5)[::-1]
    coins = events.copy()
    coins["qty"] *= 2.0**-10
    assert everything(after(coins)[0], params) == everything(plain, params)
    shuffled = np.concatenate(
        [block[::-1] for block in np.split(events, np.flatnonzero(np.diff(events["now_ns"])) + 1)]
    )
    assert everything(after(shuffled)[0], params) == pytest.approx(everything(plain, params), abs=1e-12)


def test_checkpoint_memory_and_nonsense() -> None:
    events = orders(8)
    state, params = after(events)
    assert_continues_from_checkpoint(
        lambda: new_record(FLOW_HORIZONS), lambda s, e: run(s, params, e), events
    )
    assert_flat(FLOW_HORIZONS, 200)
    now = int(state.last_ns) + S
    for bad in (0.0, -1.0, math.nan, math.inf):
        assert_unchanged(state, lambda s, b=bad: flow_horizons_order(s, params, 0, b, now))
    assert_unchanged(state, lambda s: flow_horizons_order(s, params, 0, 1.0, s.last_ns - 1))
    assert_unchanged(state, lambda s: flow_horizons_advance(s, params, s.last_ns - 1))
    with pytest.raises(ValueError, match="horizon_s"):
        flow_horizons_params(horizons_s=(5.0, 5.0, 120.0, 600.0))
