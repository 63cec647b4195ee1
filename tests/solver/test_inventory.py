"""Ladders: an independent value of the optimum, monotone policies, passing signals, symmetry, refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from undertow.solver.closed import Closed, Levels, Signals
from undertow.solver.inventory import Solution, make_grid, pass_signals, reservation_of, solve_inventory
from undertow.solver.policies import Policy, policy_value
from undertow.solver.problem import Problem

MARKET = Problem(0.1, 0.08, 0.4, 0.5, 1.5, 0.004, 1.0, 2.0, 3.0)


def optimal(solution: Solution) -> Policy:
    """The optimal ladder, a level per element of the grid."""
    lots, step = solution.grid.lots, solution.grid.step

    def ladder(q: float) -> tuple[Levels, Levels]:
        sides = []
        for side, room in ((0, lots[-1] - q), (1, lots[-1] + q)):
            middles = (np.arange(round(room / step)) + 0.5) * step
            sides.append(Levels(solution.depths(q, middles)[side], middles + 0.5 * step))
        return sides[0], sides[1]

    return ladder


@pytest.mark.parametrize("lots", [1.0, 3.0, math.inf])
def test_the_optimal_ladder_has_the_optimal_value_and_no_other_has_more(lots: float) -> None:
    problem = replace(MARKET, aggressor_lots=lots)
    grid = make_grid(problem, limit_lots=6.0, step=0.2)
    best = solve_inventory(problem, grid)
    rate, value = policy_value(problem, grid, optimal(best))
    assert rate == pytest.approx(best.utility_rate, rel=1e-9)
    assert value == pytest.approx(best.value, abs=1e-6)
    rng = np.random.default_rng(1)
    for _ in range(5):
        shift, scale = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 1.5)

        def other(q: float, shift: float = shift, scale: float = scale) -> tuple[Levels, Levels]:
            bids, asks = optimal(best)(q)
            return Levels(bids.depth + shift, bids.cumulative * scale), asks

        assert policy_value(problem, grid, other)[0] < best.utility_rate


def test_depths_of_the_optimal_ladder_increase() -> None:
    best = solve_inventory(MARKET)
    bids, asks = best.depths(2.0, np.linspace(0.0, 10.0, 30))
    assert np.all(np.diff(bids) > 0.0)
    assert np.all(np.diff(asks) > 0.0)


def test_endless_aggressors_are_solved_in_closed_form() -> None:
    """γσ²q = F₀(e^(κ_a·P) − e^(−κ_b·P)) for L = ∞, F₀ the income at balance."""
    problem = replace(MARKET, aggressor_lots=math.inf)
    best = solve_inventory(problem, make_grid(problem, step=0.05, limit_lots=12.0))
    r0 = best.reservation(0.0)
    earns_b = (
        problem.rate_bid / problem.kappa_bid * math.exp(-1.0 + problem.kappa_bid * (r0 - problem.cost_bid))
    )
    earns_a = (
        problem.rate_ask / problem.kappa_ask * math.exp(-1.0 - problem.kappa_ask * (r0 + problem.cost_ask))
    )
    assert earns_b == pytest.approx(earns_a, rel=1e-3)
    for q in (-3.0, 1.0, 5.0):
        p = r0 - best.reservation(q)
        moved = earns_a * math.exp(problem.kappa_ask * p) - earns_b * math.exp(-problem.kappa_bid * p)
        assert moved == pytest.approx(problem.risk * q, rel=5e-3)


def test_a_mirrored_market_has_the_mirrored_solution() -> None:
    mirrored = Problem(0.08, 0.1, 0.5, 0.4, 1.5, 0.004, 2.0, 1.0, 3.0)
    here, there = solve_inventory(MARKET), solve_inventory(mirrored)
    assert here.utility_rate == pytest.approx(there.utility_rate, rel=1e-9)
    for q in (-2.5, 0.0, 4.0):
        assert here.reservation(q) == pytest.approx(-there.reservation(-q), abs=1e-7)


def test_a_small_drift_passes_as_its_linear_response_says() -> None:
    problem = replace(MARKET, rate_ask=0.1)
    best = solve_inventory(problem)
    value = pass_signals(best, drift=1e-3, steps=48)
    for q in (0.0, 3.0):
        moved = (reservation_of(best.grid, value, q) - best.reservation(q)) / 1e-3
        assert moved == pytest.approx(best.tau_s(problem.drift_reversion, q), rel=5e-3)


def test_an_imbalance_that_hardly_passes_is_a_lasting_one() -> None:
    problem = replace(MARKET, rate_ask=0.1)
    slow = pass_signals(solve_inventory(problem), imbalance=0.3, flow_reversion=1e-5, steps=24)
    lasting = solve_inventory(replace(problem, rate_bid=0.13, rate_ask=0.07), make_grid(problem))
    grid = lasting.grid
    for q in (-2.0, 0.0, 2.0):
        assert reservation_of(grid, slow, q) == pytest.approx(lasting.reservation(q), abs=0.01)


def test_nothing_passing_changes_nothing() -> None:
    best = solve_inventory(MARKET)
    assert np.array_equal(pass_signals(best), best.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate_bid": 0.0}, "rate_bid = 0.0 must be positive"),
        ({"sigma": math.nan}, "sigma = nan must be positive"),
        ({"aggressor_lots": -1.0}, "aggressor_lots = -1.0 must not be negative"),
        ({"xi": 0.1}, "needs one lot per fill"),
        ({"cost_ask": math.inf}, "cost_ask = inf must be finite"),
    ],
)
def test_nonsense_is_refused_by_name(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(MARKET, **change)


def test_closed_forms_refuse_two_imbalances() -> None:
    with pytest.raises(ValueError, match="equal rates"):
        Closed(MARKET, Signals(imbalance=0.2))
