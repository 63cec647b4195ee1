"""Sizes against a brute-force optimum, expected PnL against quadrature, and who may be empty."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import LinearConstraint, minimize

from undertow.instrument import Instrument
from undertow.kernel.inputs import INPUTS
from undertow.kernel.ladder import (
    LIMIT,
    MARGIN,
    MINIMUM,
    QUOTED,
    RUNGS,
    VALUE,
    loss_beyond,
    minimum_qty,
    settle_sizes,
    solve_sizes,
    sweep_value,
)
from undertow.records import Rec, new_record

COIN = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=10.0).record()


def rungs_of(margins: list[float], rates: list[float], room: float = 1e9) -> Rec:
    rungs = new_record(RUNGS)
    n = len(margins)
    rungs.sign, rungs.levels, rungs.distinct, rungs.room_lots = 1, n, n, room
    rungs.margin_bps[:n], rungs.reach_rate[:n] = margins, rates
    rungs.level_of[:n] = np.arange(n)
    rungs.tick[:n] = 10_000 - np.arange(n)
    return rungs


def value(cumulative: NDArray[np.float64], margins: list[float], rates: list[float], eta: float) -> float:
    """V of docs/model.md §3."""
    before = np.concatenate([[0.0], cumulative[:-1]])
    gain = np.asarray(margins) * (cumulative - before) - 0.5 * eta * (cumulative**2 - before**2)
    return float(np.sum(np.asarray(rates) * gain))


def best_by_force(margins: list[float], rates: list[float], eta: float, room: float) -> float:
    n = len(margins)
    rows = np.eye(n) - np.diag(np.ones(n - 1), -1)
    fit = minimize(
        lambda s: -value(s, margins, rates, eta),
        np.linspace(0.1, 0.5, n) * room,
        method="SLSQP",
        bounds=[(0.0, room)] * n,
        constraints=LinearConstraint(rows, 0.0, np.inf),  # type: ignore[arg-type]
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return -float(fit.fun)


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
@pytest.mark.parametrize("seed", range(40))
def test_joint_sizes_reach_the_optimum_found_by_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    eta, room = float(rng.uniform(0.05, 0.5)), float(rng.uniform(1.0, 15.0))
    depths = np.cumsum(rng.uniform(0.05, 1.5, n))
    # margins mostly rise with depth, some do not; some levels share a rate (inside the touch)
    margins = list(depths + rng.normal(0.0, 0.4, n) + rng.uniform(-1.0, 1.0))
    rates = list(np.exp(-rng.uniform(0.1, 2.0) * np.maximum(depths, rng.choice([0.0, depths[n // 2]]))))
    rungs = rungs_of(margins, rates, room)
    solve_sizes(rungs, eta)
    ours = rungs.cumulative_lots[:n].copy()
    assert np.all(np.diff(ours, prepend=0.0) >= 0.0)
    assert ours[-1] <= room
    best = best_by_force(margins, rates, eta, room)
    assert value(ours, margins, rates, eta) >= best - 1e-6 * max(1.0, abs(best))


def test_joint_sizes_beat_levels_sized_one_by_one() -> None:
    """Level by level m/η with the one-lot η reaches 61-91 % of the optimum (docs/model.md §3)."""
    kappa, eta, one_lot = 0.2, 1.087, 1.087 * 1.6
    depths = 5.0 + np.cumsum([0.0, 1.5, 2.0, 2.7, 3.7, 5.0])
    margins, rates = list(depths), list(np.exp(-kappa * depths))
    rungs = rungs_of(margins, rates)
    solve_sizes(rungs, eta)
    joint = value(rungs.cumulative_lots[:6], margins, rates, eta)
    single = value(np.cumsum(np.asarray(margins) / one_lot), margins, rates, eta)
    assert single < 0.91 * joint


def test_a_fine_ladder_has_the_sizes_of_the_continuum() -> None:
    """S = (m − 1/κ)/η."""
    kappa, eta = 0.4, 0.3
    depths = np.linspace(3.0, 6.0, 20)
    rungs = rungs_of(list(depths), list(np.exp(-kappa * depths)))
    solve_sizes(rungs, eta)
    middle = 0.5 * (depths[:-1] + depths[1:])
    assert rungs.cumulative_lots[:19] == pytest.approx((middle - 1.0 / kappa) / eta, abs=0.02)
    assert rungs.cumulative_lots[19] == pytest.approx(depths[-1] / eta)


@settings(max_examples=200, deadline=None)
@given(
    margin=st.floats(-5, 20),
    eta=st.floats(1e-4, 2),
    lots=st.floats(0.2, 1e5),
    begin=st.floats(0, 20),
    span=st.floats(1e-9, 20),
)
def test_expected_pnl_is_the_integral(
    margin: float, eta: float, lots: float, begin: float, span: float
) -> None:
    exact, _ = quad(lambda s: math.exp(-s / lots) * (margin - eta * s), begin, begin + span)
    scale = (abs(margin) + eta * (begin + span)) * span
    assert sweep_value(margin, eta, lots, begin, begin + span) == pytest.approx(exact, abs=1e-7 * scale)


def inputs(lots: float = 100.0) -> Rec:
    x = new_record(INPUTS)
    x.mid, x.lot_qty, x.aggressor_lots, x.resting_life_s = 100.0, 1.0, lots, 30.0
    return x


def settle(rungs: Rec, *, eta: float = 0.5, price: float = 0.01, reducing: bool = False) -> Rec:
    solve_sizes(rungs, eta)
    settle_sizes(rungs, inputs(), COIN, eta, price, 12.0, reducing)
    return rungs


def test_sizes_are_whole_steps_worth_the_minimum_and_sum_to_the_optimum() -> None:
    rungs = settle(rungs_of([3.0, 4.0, 6.0], [0.1, 0.05, 0.01]))
    placed = rungs.qty[:3]
    assert np.all(rungs.reason[:3] == QUOTED)
    assert np.allclose(placed, np.round(placed, 3), atol=1e-12)
    assert np.all(placed >= minimum_qty(COIN, 99.98))
    assert placed.sum() == pytest.approx(rungs.cumulative_lots[2], abs=0.001)


def test_what_a_level_cannot_take_is_carried_outward() -> None:
    margins = [3.0, 3.02, 3.08]
    rungs = rungs_of(margins, [math.exp(-0.4 * m) for m in margins])
    solve_sizes(rungs, 0.5)
    middle = rungs.cumulative_lots[1] - rungs.cumulative_lots[0]
    assert 0.0 < middle < 0.1
    settle(rungs)
    assert rungs.reason[1] == MINIMUM
    assert rungs.reason_value[1] == pytest.approx(middle * 100.0, abs=0.2)
    assert rungs.qty[2] == pytest.approx(rungs.cumulative_lots[2] - rungs.qty[0], abs=0.0011)


def test_every_empty_level_has_its_reason() -> None:
    losing = settle(rungs_of([-1.3, -0.2], [0.1, 0.05]))
    assert list(losing.reason[:2]) == [MARGIN, MARGIN]
    assert losing.reason_value[0] == pytest.approx(-1.3)
    worthless = settle(rungs_of([3.0, 4.0], [1e-7, 5e-8]))
    assert list(worthless.reason[:2]) == [VALUE, VALUE]
    assert 0.0 < worthless.reason_value[0] < 0.01
    full = settle(rungs_of([3.0, 4.0], [0.1, 0.05], room=0.05))
    assert list(full.reason[:2]) == [LIMIT, LIMIT]
    assert full.reason_value[0] == 12.0
    dust = settle(rungs_of([0.02], [0.1]))
    assert dust.reason[0] == MINIMUM
    assert dust.reason_value[0] == pytest.approx(4.0)
    assert dust.qty[0] == full.qty[0] == worthless.qty[0] == losing.qty[0] == 0.0


@pytest.mark.parametrize("margins", [[-1.3, -0.2], [3.0, 4.0], [0.02, 0.03]])
@pytest.mark.parametrize("rates", [[0.1, 0.05], [1e-9, 1e-10]])
def test_the_reducing_side_always_quotes(margins: list[float], rates: list[float]) -> None:
    rungs = settle(rungs_of(margins, rates), reducing=True)
    assert rungs.qty[0] >= minimum_qty(COIN, 99.98)
    assert rungs.reason[0] == QUOTED


def test_the_touch_level_holds_the_minimum_when_its_size_is_pooled_deeper() -> None:
    rungs = settle(rungs_of([3.0, 4.0], [0.1, 0.1]))
    assert rungs.cumulative_lots[0] == 0.0
    assert rungs.qty[0] == minimum_qty(COIN, 99.98)
    assert rungs.qty[0] + rungs.qty[1] == pytest.approx(8.0, abs=0.001)


def test_loss_beyond_the_foreseen_mid_is_that_of_a_smaller_surprise() -> None:
    """E[X | X > d] of a normal X, by quadrature; continuous at 0, falling to nothing, never negative."""
    deviation = 3.0 * math.sqrt(0.5 * math.pi)

    def density(x: float) -> float:
        return math.exp(-0.5 * (x / deviation) ** 2)

    for d in (0.0, -0.5, -2.0, -6.0):
        above = quad(lambda x: x * density(x), d, 60.0)[0] / quad(density, d, 60.0)[0]
        assert loss_beyond(3.0, d) == pytest.approx(above, rel=1e-6)
    assert loss_beyond(3.0, 2.0) == 3.0
    assert loss_beyond(-1.0, -2.0) == -1.0
    losses = [loss_beyond(3.0, d) for d in np.linspace(-200.0, 0.0, 101)]
    assert all(0.0 <= a <= b + 1e-12 for a, b in pairwise(losses))
