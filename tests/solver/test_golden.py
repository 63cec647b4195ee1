"""The exact solver against numbers of others: `hjb_reservation.json`, ladder η, GLFT 2013, CJP ch. 10.

Conventions found in the numbers: η of the JSON is the fall of the next lot's value from q = 0 to 1;
τ_μ a least-squares slope over |μ| ≤ 1.5 deviations; μ is discretised upwind. The ladder numbers are for
aggressor volumes rounded *up* to quarter lots, ½ lot either side of flat, and a position limit that
differs by market (recovered from the digits; 12 of 16 do not depend on it). In the limit of fine steps
the exact η is nearer the closed form than those numbers suggest: `test_the_limit_of_fine_steps`.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.golden.test_closed_forms import LADDER, MEAN_SIZES, digits

from undertow.solver.drift import solve_with_drift
from undertow.solver.finite import Glft, RunningPenalty
from undertow.solver.inventory import make_grid, solve_inventory
from undertow.solver.problem import Problem

HJB = json.loads((Path(__file__).parent.parent / "golden" / "hjb_reservation.json").read_text())
VARIANTS = {"unfloored": -math.inf, "floored_at_mid": 0.0}
LIMITS = (16.0, 16.0, 24.0, 10.0)
"""Position limit of each market of `LADDER`, lots."""

# σ, A, k, γ → exact bid depth at q = 0, 5, 10, 20
GLFT = {
    (0.3, 0.9, 0.3, 0.01): ("3.31305", "3.65348", "3.99293", "4.66554"),
    (0.4, 0.9, 0.3, 0.01): ("3.32446", "3.77875", "4.23070", "5.11973"),
    (1.0, 0.2, 0.3, 0.01): ("3.52565", "5.91852", "8.02275", "11.24544"),
    (0.6, 0.9, 0.9, 0.01): ("1.14447", "1.53659", "1.91562", "2.60423"),
}


def problem_of(case: dict[str, Any], floor: float) -> Problem:
    i = case["inputs"]
    return Problem(
        i["A_b"],
        i["A_a"],
        i["kappa"],
        i["kappa"],
        i["sigma"],
        i["gamma"],
        i["cost_bps"],
        i["cost_bps"],
        xi=i["xi"],
        floor_bps=floor,
        drift_reversion=i["theta"],
        sigma_mu=i["sigma_mu"],
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", HJB, ids=lambda c: "-".join(str(v) for v in c["inputs"].values()))
def test_hjb_to_the_printed_digits(case: dict[str, Any], variant: str) -> None:
    seen, golden = solve_with_drift(problem_of(case, VARIANTS[variant]), limit_lots=18), case[variant]
    lots = seen.next_lot_bought()
    assert np.round(lots[13:24], 4).tolist() == pytest.approx(
        golden["value_of_next_lot_bought_bps"], abs=1e-9
    )
    assert np.round(lots[12:23], 4).tolist() == pytest.approx(golden["value_of_next_lot_sold_bps"], abs=1e-9)
    assert round(seen.utility_rate, 6) == golden["utility_rate"]
    assert round(seen.eta(), 4) == golden["eta_q0_bps_per_lot"]
    assert round(seen.tau_drift_s(), 3) == golden["tau_mu_s"]
    assert round(seen.reservation(0.0), 4) == pytest.approx(golden["r_shift_q0_mu0_bps"], abs=1e-9)


def ladder_problem(inputs: tuple[float, ...], lots: float) -> Problem:
    rate, kappa, sigma, gamma = inputs
    return Problem(rate, rate, kappa, kappa, sigma, gamma, aggressor_lots=lots, floor_bps=0.0)


@pytest.mark.parametrize("market", range(4))
def test_ladder_eta_to_the_printed_digits(market: int) -> None:
    inputs, _, exact = LADDER[market]
    for lots, golden in zip(MEAN_SIZES, exact, strict=True):
        problem = ladder_problem(inputs, lots)
        grid = make_grid(problem, limit_lots=LIMITS[market], step=0.25, round_up=True)
        value, flat = solve_inventory(problem, grid).value, len(grid.lots) // 2
        assert digits(2 * value[flat] - value[flat - 4] - value[flat + 4], "0.000") == f"{golden:.3f}"


@pytest.mark.parametrize("market", [0, 3])
def test_the_limit_of_fine_steps(market: int) -> None:
    """Continuous volume: closed η is within 3 % of exact for every L (printed as 5 to 10 %)."""
    inputs, printed, _ = LADDER[market]
    for lots, closed in zip(MEAN_SIZES, printed, strict=True):
        problem = ladder_problem(inputs, lots)
        coarse, fine = (solve_inventory(problem, make_grid(problem, step=d)).eta() for d in (0.2, 0.1))
        assert coarse == pytest.approx(fine, rel=2e-3)
        assert float(closed) == pytest.approx(fine, rel=0.03)


def test_two_unequal_sides() -> None:
    """Two conventions: the first line is without drift and centred, the second the JSON's own case."""
    costly = Problem(0.1, 0.1, 0.2, 0.2, 2.0, 0.02, 4.0, 1.0)
    seen = solve_with_drift(costly, limit_lots=18)
    lots = seen.next_lot_bought()
    assert digits(seen.reservation(0.0), "1.500") == "1.500"
    assert digits(lots[17] - lots[18], "3.393") == "3.393"
    uneven = solve_with_drift(
        Problem(0.15, 0.05, 0.2, 0.2, 2.0, 0.02, drift_reversion=0.02, sigma_mu=0.01), limit_lots=18
    )
    assert digits(uneven.reservation(0.0), "-2.747") == "-2.747"
    assert digits(uneven.eta(), "2.640") == "2.640"


@pytest.mark.parametrize("row", GLFT, ids=lambda r: f"sigma{r[0]}-A{r[1]}-kappa{r[2]}")
def test_glft_to_the_printed_digits(row: tuple[float, ...]) -> None:
    depths = Glft(*row).bid_depths()
    for q, printed in zip((0, 5, 10, 20), GLFT[row], strict=True):
        assert digits(depths[30 + q], printed) == printed
    asks = Glft(*row).ask_depths()
    assert asks[29 - 10] == pytest.approx(depths[30 + 10])


def test_glft_with_trend_and_with_impact() -> None:
    trend = Glft(0.3, 0.9, 0.3, 0.01, trend=0.0003)
    assert digits(trend.bid_depths()[30], "3.29034") == "3.29034"
    assert digits(trend.ask_depths()[29], "3.33575") == "3.33575"
    assert digits(Glft(0.3, 0.9, 0.3, 0.01, impact=0.5).bid_depths()[30], "3.56435") == "3.56435"


def test_running_penalty_to_the_printed_digits() -> None:
    seen = RunningPenalty(140.0, 1.5, 0.01, 0.001)
    assert digits(seen.value()[100], "68.255835") == "68.255835"
    for q, printed in zip((0, 1, 5), (".672137", ".661196", ".617442"), strict=True):
        assert digits(seen.ask_depths()[99 + q], f"0{printed}") == f"0{printed}"


def test_a_long_horizon_is_the_ergodic_problem() -> None:
    """GLFT far from its end quotes as the ergodic solver does with ξ = γ."""
    finite = Glft(1.0, 0.2, 0.3, 0.01, limit_lots=18).bid_depths()
    problem = Problem(0.2, 0.2, 0.3, 0.3, 1.0, 0.01, xi=0.01)
    ergodic = solve_inventory(problem, make_grid(problem, limit_lots=18))
    for q in (-10.0, 0.0, 7.0):
        assert ergodic.depths(q, np.array([0.0]))[0][0] == pytest.approx(finite[18 + int(q)], abs=1e-5)
    with_drift = solve_with_drift(replace(problem, sigma_mu=1e-6), limit_lots=18)
    assert with_drift.reservation(3.0) == pytest.approx(ergodic.reservation(3.0), abs=1e-6)
