"""VPIN: its definition, pure noise, a planted imbalance, laws.

Golden: "VPIN on pure noise with bulk classification averages 0.50" (golden/README.md of the
project's model documents), the mean of |2Φ(Z) − 1| for standard normal Z.
"""

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

from undertow.kernel.vpin import (
    N_BUCKETS,
    VPIN,
    init_vpin,
    vpin,
    vpin_advance,
    vpin_order,
    vpin_params,
    vpin_signed,
)
from undertow.records import Rec, new_record


@nb.njit(cache=True)
def run(state: Rec, params: Rec, events: NDArray[np.void], prices: NDArray[np.float64]) -> None:
    for i in range(events.shape[0]):
        e = events[i]
        vpin_order(state, params, e.index, e.qty, prices[i], e.now_ns)


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params, state = vpin_params(**changes), new_record(VPIN)  # type: ignore[arg-type]
    init_vpin(state, params)
    return state, params


def after(events: NDArray[np.void], **changes: float) -> Rec:
    state, params = fresh(**changes)
    run(state, params, events, np.full(len(events), 100.0))
    return state


def test_buckets_of_whole_orders_by_hand() -> None:
    """Orders of 1 each second for a minute set V = 20; then buckets of 20, 15 and 10 buys of 20."""
    state, params = fresh(min_buckets=3)
    now = S
    for k in range(61):
        vpin_order(state, params, k % 2, 1.0, 1.0, now)
        now += S
    assert state.buckets == 0
    state.bucket_qty, state.bought, state.sold = 20.0, 0.0, 0.0  # open a fresh bucket of known size
    for buys in (20, 15, 10):
        for k in range(20):
            vpin_order(state, params, int(k < buys), 1.0, 1.0, now)
        state.bucket_qty = 20.0
    assert vpin(state) == pytest.approx((20 + 10 + 0) / 60)
    assert vpin_signed(state) == pytest.approx(0.5 * 30 / 60)


@pytest.mark.parametrize("per_bucket", [5.0, 20.0, 80.0])
def test_noise_with_known_sides(per_bucket: float) -> None:
    """Fair coins of one size, n per bucket: |imbalance| is half-normal, VPIN = √(2/(πn))."""
    events = orders(1, n=60_000, rate_per_s=per_bucket / 20.0)
    events["qty"] = 1.0
    state, params = fresh()
    values = []
    for block in np.array_split(events, 60):
        run(state, params, block, np.ones(len(block)))
        values.append(vpin(state))
    expected = math.sqrt(2.0 / (math.pi * per_bucket))
    assert np.nanmean(values[5:]) == pytest.approx(expected, rel=0.12)
    assert state.bucket_qty == pytest.approx(per_bucket, rel=0.2)


def test_bulk_classification_of_noise_gives_one_half() -> None:
    """20 000 buckets of one order each; VPIN of 50 has deviation .29/√50, its mean over time .002."""
    rng = np.random.default_rng(2)
    events = orders(2, n=40_000, rate_per_s=1.0)
    events["qty"] = 1.0
    prices = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, len(events))))
    state, params = fresh(bucket_s=2.0, bulk=True)
    values = []
    for k in range(0, len(events), 100):
        run(state, params, events[k : k + 100], prices[k : k + 100])
        values.append(vpin(state))
    assert np.nanmean(values) == pytest.approx(0.50, abs=0.015)


def test_planted_imbalance_is_seen_and_signed() -> None:
    balanced, selling = orders(3, n=4000), orders(4, n=4000, ask_share=0.2)
    selling["now_ns"] += balanced["now_ns"][-1] - 1_000 * S
    state, params = fresh()
    run(state, params, balanced, np.ones(4000))
    usual = vpin(state)
    signed = []
    for block in np.array_split(selling, 80):
        run(state, params, block, np.ones(len(block)))
        signed.append(vpin_signed(state))
    assert vpin(state) > usual + 0.1
    assert vpin(state) == pytest.approx(0.6, abs=0.15)  # E|imbalance| ≥ |.8 − .2|
    assert np.mean(signed[40:]) == pytest.approx(-0.36, abs=0.08)  # VPIN × −.6


def test_mirror_scale_and_bounds() -> None:
    events = orders(5, n=3000, ask_share=0.6)
    plain, other = after(events), after(mirrored(events))
    assert vpin(other) == vpin(plain)
    assert vpin_signed(other) == -vpin_signed(plain)
    coins = events.copy()
    coins["qty"] *= 2.0**-20
    assert vpin(after(coins)) == vpin(plain)
    assert vpin_signed(after(coins)) == vpin_signed(plain)
    for events in (orders(6, n=2000, ask_share=1.0), orders(6, n=2000, ask_share=0.0)):
        state = after(events)
        assert vpin(state) == pytest.approx(1.0)
        assert abs(vpin_signed(state)) == pytest.approx(1.0)


def test_bulk_mirror() -> None:
    events = orders(7, n=3000)
    rng = np.random.default_rng(7)
    steps = np.cumsum(rng.normal(0.0, 1e-4, len(events)))
    found = []
    for sign in (1.0, -1.0):
        state, params = fresh(bulk=True)
        run(state, params, events, np.exp(sign * steps))
        found.append((vpin(state), vpin_signed(state)))
    assert found[1] == pytest.approx((found[0][0], -found[0][1]), abs=1e-9)


def test_simultaneous_orders_within_a_bucket_commute() -> None:
    events = orders(8, n=300)
    state, params = fresh()
    run(state, params, events, np.ones(300))
    now, room = int(state.last_ns), float(state.bucket_qty - state.bought - state.sold)
    block = orders(9, n=4)
    block["now_ns"], block["qty"] = now, room * np.array([0.1, 0.2, 0.3, 0.1])
    ends = []
    for rows in (block, block[::-1].copy()):
        again = after(events)
        run(again, params, rows, np.ones(4))
        ends.append((float(again.bought), float(again.sold), vpin(again)))
    assert ends[0] == pytest.approx(ends[1])


def test_a_giant_fills_all_buckets_and_ends() -> None:
    state, params = after(orders(10, n=2000)), vpin_params()
    vpin_order(state, params, 0, 1e12, 1.0, int(state.last_ns))
    assert vpin(state) == pytest.approx(1.0, abs=0.02)
    assert vpin_signed(state) == pytest.approx(-1.0, abs=0.05)
    assert state.buckets >= N_BUCKETS


def test_silent_at_first_checkpoint_memory_and_nonsense() -> None:
    state, params = fresh()
    assert math.isnan(vpin(state))
    assert math.isnan(vpin_signed(state))
    events = orders(11, n=2000)
    assert_continues_from_checkpoint(
        lambda: fresh()[0], lambda s, e: run(s, params, e, np.ones(len(e))), events
    )
    assert_flat(VPIN, 1000)
    state = after(events)
    now = int(state.last_ns) + S
    for bad in (0.0, -1.0, math.nan, math.inf):
        assert_unchanged(state, lambda s, b=bad: vpin_order(s, params, 0, b, 1.0, now))
        bulk = vpin_params(bulk=True)
        assert_unchanged(state, lambda s, b=bad, p=bulk: vpin_order(s, p, 0, 1.0, b, now))
    assert_unchanged(state, lambda s: vpin_order(s, params, 0, 1.0, 1.0, s.last_ns - 1))
    assert_unchanged(state, lambda s: vpin_advance(s, params, s.last_ns - S))
    with pytest.raises(ValueError, match="min_buckets"):
        vpin_params(min_buckets=N_BUCKETS + 1)
