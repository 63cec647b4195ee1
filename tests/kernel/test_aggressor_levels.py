"""How many levels an aggressor order crossed: distinct prices, whatever the order of its prints."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.kernel.aggressor import AGGRESSOR, N_LEVELS, add_print, take_order
from undertow.records import Rec, new_record


def gather(prices: list[float], side: int, state: Rec | None = None) -> Rec:
    state = new_record(AGGRESSOR) if state is None else state
    for px in prices:
        add_print(state, side, 5, 6, px, 1.0, 100.0)
    return state


@settings(deadline=None)  # the first example compiles
@given(
    prices=st.lists(st.integers(9_900, 10_100).map(lambda t: t / 100), min_size=1, max_size=60),
    side=st.sampled_from([1, -1]),
    seed=st.integers(0, 1000),
)
def test_levels_are_distinct_prices_in_any_order(prices: list[float], side: int, seed: int) -> None:
    index = 0 if side < 0 else 1
    state = gather(prices, side)
    assert state.levels[index] == min(len(set(prices)), N_LEVELS)
    held = state.level_px[index, : state.levels[index]]
    assert held.tolist() == sorted(set(prices))[:N_LEVELS]
    shuffled = list(np.random.default_rng(seed).permutation(prices))
    assert gather(shuffled, side).tobytes() == state.tobytes()


def test_the_next_order_counts_anew_and_sides_do_not_mix() -> None:
    state = gather([99.9, 99.8, 99.9], -1)
    gather([100.1], 1, state)
    assert state.levels.tolist() == [2, 1]
    take_order(state, 0)
    gather([99.7], -1, state)
    assert state.levels.tolist() == [1, 1]
