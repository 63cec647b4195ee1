"""Size shift: null distribution, a planted shift, laws."""

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

from undertow.kernel.size_shift import (
    SIZE_SHIFT,
    size_deviation,
    size_shift,
    size_shift_advance,
    size_shift_order,
    size_shift_params,
    size_z,
)
from undertow.records import Rec, new_record


@nb.njit(cache=True)
def run(state: Rec, params: Rec, events: NDArray[np.void]) -> None:
    for i in range(events.shape[0]):
        size_shift_order(state, params, events[i].index, events[i].qty, events[i].now_ns)


def after(events: NDArray[np.void], **changes: float) -> tuple[Rec, Rec]:
    state, params = new_record(SIZE_SHIFT), size_shift_params(**changes)  # type: ignore[arg-type]
    run(state, params, events)
    return state, params


def z_path(events: NDArray[np.void]) -> NDArray[np.float64]:
    state, params, out = new_record(SIZE_SHIFT), size_shift_params(), []
    for e in events:
        size_shift_order(state, params, int(e["index"]), float(e["qty"]), int(e["now_ns"]))
        out.append((size_z(state, 0), size_z(state, 1)))
    return np.array(out)


def test_unchanged_sizes_give_a_standard_normal_score() -> None:
    """At 2 orders/s a side has Q ≈ 14 behind z: deviation √(14/15) = .97, mean 0."""
    z = np.concatenate([z_path(orders(seed, n=2000, rate_per_s=2.0))[500::25] for seed in range(8)])
    assert z.mean() == pytest.approx(0.0, abs=0.15)  # 480 pairs, half of them correlated
    assert z.std() == pytest.approx(0.97, abs=0.12)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_habit_of_each_side_is_found(share: float) -> None:
    events = orders(1, n=6000, ask_share=share)
    events["qty"][events["index"] == 1] *= 4.0
    state, params = after(events)
    for side, level in ((0, 0.0), (1, math.log(4.0))):
        assert state.level[side] == pytest.approx(level, abs=0.2)  # s.e. 1.2/√865 = .04
        assert size_deviation(state, params, side) == pytest.approx(1.2, rel=0.1)
    assert abs(size_shift(state, params)) < 4.0  # lasting inequality is habit, not news


def test_suddenly_large_sells_are_bearish_and_fade() -> None:
    state, params = after(orders(2, n=2000))
    now = int(state.last_ns)
    before = size_shift(state, params)
    for k in range(1, 8):
        size_shift_order(state, params, 0, 12.0, now + k * S)
    assert size_shift(state, params) < before - 3.0
    assert size_z(state, 0) > 2.5
    size_shift_advance(state, params, now + 200 * S)
    assert abs(size_shift(state, params)) < 0.1


def test_one_giant_is_not_a_shift() -> None:
    state, params = after(orders(3, n=2000))
    before, level = size_z(state, 0), float(state.level[0])
    size_shift_order(state, params, 0, 1e12, int(state.last_ns))
    assert size_z(state, 0) < before + 3.0
    assert state.level[0] == pytest.approx(level, abs=0.02)


def test_mirror_and_denomination() -> None:
    events = orders(4)
    plain, params = after(events)
    other, _ = after(mirrored(events))
    assert size_shift(other, params) == -size_shift(plain, params)
    coins = events.copy()
    coins["qty"] *= 1e-6
    assert size_shift(after(coins)[0], params) == pytest.approx(size_shift(plain, params), abs=1e-9)


def test_simultaneous_orders_of_two_sides_commute() -> None:
    events = orders(5, n=400)
    events["index"] = np.arange(400) % 2
    events["now_ns"] = np.repeat(events["now_ns"][::2], 2)
    swapped = events.reshape(-1, 2)[:, ::-1].ravel().copy()
    assert after(swapped)[0].tobytes() == after(events)[0].tobytes()


def test_silent_until_both_sides_are_known() -> None:
    events = orders(6, n=200)
    events["index"] = 0
    state, params = after(events)
    assert math.isnan(size_shift(state, params))
    for k in range(10):
        assert math.isnan(size_shift(state, params))
        size_shift_order(state, params, 1, 1.0 + k, int(state.last_ns) + S)
    assert math.isfinite(size_shift(state, params))


def test_checkpoint_memory_and_nonsense() -> None:
    events = orders(7)
    state, params = after(events)
    assert_continues_from_checkpoint(lambda: new_record(SIZE_SHIFT), lambda s, e: run(s, params, e), events)
    assert_flat(SIZE_SHIFT, 160)
    now = int(state.last_ns) + S
    for bad in (0.0, -1.0, math.nan, math.inf):
        assert_unchanged(state, lambda s, b=bad: size_shift_order(s, params, 0, b, now))
    assert_unchanged(state, lambda s: size_shift_order(s, params, 0, 1.0, s.last_ns - 1))
    with pytest.raises(ValueError, match="size_shift"):
        size_shift_params(prior_deviation=0.0)
