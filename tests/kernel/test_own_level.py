"""Λ by depth: what own fills say beyond one exponential."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.kernel.keeping import standing_rate
from undertow.kernel.ladder import RUNGS, bare_rate, reached_rate
from undertow.kernel.own_level import (
    AT_TOUCH,
    BEHIND,
    N_NODES,
    NODES_BPS,
    add_at,
    excess_at,
    refresh_excess,
)
from undertow.records import new_record

TOUCH, THROUGH = (2.0, 4.0), (0.15, 0.25)
"""A (1/s) and κ (1/bp) of the crowd that takes the touch, and of the one that goes through."""
FIT = (0.5, 0.45)
depths = st.floats(0.0, 80.0)


def tables(n: int) -> list[NDArray[np.float64]]:
    return [np.zeros((2, N_NODES)) for _ in range(n)]


def truth(depth: float) -> float:
    return sum(rate * math.exp(-kappa * depth) for rate, kappa in (TOUCH, THROUGH))


def fit(depth: float) -> float:
    return FIT[0] * math.exp(-FIT[1] * depth)


def learned(orders: int, seed: int) -> NDArray[np.float64]:
    """`orders` of 1–60 s at depths of 0–10 bps, filled at the true rate, forecast by the fit."""
    rng = np.random.default_rng(seed)
    fills, predicted, excess = tables(3)
    for _ in range(orders):
        depth, seconds = float(10.0 * rng.random() ** 2), float(rng.uniform(1.0, 60.0))
        wait = rng.exponential(1.0 / truth(depth))
        add_at(predicted, depth, 0.0, fit(depth) * min(wait, seconds))
        if wait < seconds:
            add_at(fills, depth, 0.0, 1.0)
    refresh_excess(excess, fills, predicted, 10.0, 1.0)
    return excess


def test_two_crowds_are_told_from_one_exponential() -> None:
    excess = np.mean([learned(6000, seed) for seed in range(4)], axis=0)
    for depth in (0.1, 0.4, 0.8, 1.6, 3.2, 6.4):
        wrong = abs(math.log(fit(depth) / truth(depth)))
        left = abs(math.log(fit(depth) * (1.0 + excess_at(excess, depth, 0.0)) / truth(depth)))
        assert left < 0.15, depth
        assert left < wrong or wrong < 0.1, depth


def test_depths_where_no_order_stood_keep_the_exponential_and_neighbours_help_out() -> None:
    fills, predicted, excess = tables(3)
    add_at(fills, 3.7, 0.0, 50.0)
    add_at(predicted, 3.7, 0.0, 10.0)
    refresh_excess(excess, fills, predicted, 10.0, 1.0)
    around = 60.0 / 20.0
    assert excess_at(excess, 3.7, 0.0) == pytest.approx((10.0 * around + 50.0) / 20.0 - 1.0)
    assert excess_at(excess, 4.4, 0.0) == pytest.approx(around - 1.0)
    assert excess_at(excess, 1.0, 0.0) == excess_at(excess, 13.0, 0.0) == 0.0


def test_the_touch_says_nothing_of_what_lies_behind_it() -> None:
    fills, predicted, excess = tables(3)
    add_at(fills, 0.85, 0.9, 90.0)
    add_at(predicted, 0.85, 0.9, 10.0)
    assert fills[BEHIND].sum() == 0.0
    refresh_excess(excess, fills, predicted, 10.0, 1.0)
    assert excess[AT_TOUCH].max() > 3.0
    assert not excess[BEHIND].any()
    assert excess_at(excess, 0.85, 0.9) > 3.0
    assert excess_at(excess, 0.85, 0.8) == 0.0


def test_a_fill_worth_less_corrects_less() -> None:
    fills, predicted, whole, half = tables(4)
    add_at(fills, 1.85, 0.0, 30.0)
    refresh_excess(whole, fills, predicted, 10.0, 1.0)
    refresh_excess(half, fills, predicted, 10.0, 0.5)
    assert 0.0 < half.max() < whole.max() == pytest.approx(6.0)


@given(depth=depths, weight=st.floats(1e-6, 1e6), touch=st.floats(0.0, 5.0))
def test_what_is_shared_out_keeps_its_weight_and_its_depth(depth: float, weight: float, touch: float) -> None:
    (nodes,) = tables(1)
    add_at(nodes, depth, touch, weight)
    assert nodes.sum() == pytest.approx(weight)
    held = min(max(depth, NODES_BPS[0]), NODES_BPS[-1])
    assert (nodes * NODES_BPS).sum() == pytest.approx(weight * held, abs=1e-9 * weight)


@given(a=depths, b=depths)
def test_between_nodes_it_is_straight_and_never_leaves_them(a: float, b: float) -> None:
    excess = np.tile(np.linspace(3.0, -0.5, N_NODES), (2, 1))
    assert -0.5 <= excess_at(excess, a, 0.0) <= 3.0
    assert (excess_at(excess, a, 0.0) - excess_at(excess, b, 0.0)) * (a - b) <= 1e-12


def test_levels_and_standing_orders_are_forecast_alike() -> None:
    rungs = new_record(RUNGS)
    rungs.rate, rungs.kappa = 0.4, 0.5
    order = new_record(np.dtype([("reach_bps", "<f8")]))
    order.reach_bps = 1.85
    bare, j = bare_rate(rungs, 1.85), NODES_BPS.index(1.85)
    assert standing_rate(rungs, order) == bare
    rungs.fill_excess[BEHIND, j] = 0.5
    assert standing_rate(rungs, order) == reached_rate(rungs, 1.85) == pytest.approx(1.5 * bare)
    rungs.touch_bps, rungs.fill_excess[AT_TOUCH, j] = 1.85, 2.0
    assert standing_rate(rungs, order) == pytest.approx(3.0 * bare)
