"""Golden numbers, reproduced through the production functions to the digits they were printed with.

The tables stand in ``tests/golden`` with their sources; the suite checks every digit of them. Here
they are counted, and two more claims are measured: that one pass of the AS-η chain is
its fixed point, and that the joint sizes reach the optimum.
"""

from __future__ import annotations

import numpy as np
from tests.golden import test_closed_forms as tables
from tests.kernel import test_ladder as ladders

from bars import Figure
from bars.signs import INSTRUMENTS, Desk
from undertow.kernel.eta import (
    balance_point,
    fill_slope,
    ladder_eta,
    one_lot_eta,
    price_horizon,
    touch_terms,
)
from undertow.kernel.ladder import interpolate, solve_sizes
from undertow.kernel.reservation import passing_shift, signal_time_s

TITLE = "Golden numbers: GLFT, HJB closed values, ladder eta"
SEED = 11


def _glft() -> tuple[int, int]:
    right = total = 0
    for sigma, rate, kappa, gamma, c1_printed, slope_printed, depths, _ in tables.GLFT:
        c1, thinning = touch_terms(gamma, kappa)
        slope = one_lot_eta(gamma * sigma**2, 2.0 * thinning * rate * kappa)
        pairs = [(c1, c1_printed), (slope, slope_printed)]
        pairs += [(tables.glft_depth(c1, slope, q), p) for q, p in zip((0, 10, 20), depths, strict=True)]
        right += sum(tables.digits(value, printed) == printed for value, printed in pairs)
        total += len(pairs)
    return right, total


def _hjb() -> tuple[int, int]:
    right = total = 0
    for case in tables.HJB:
        i, closed = case["inputs"], case["closed"]
        _, thinning = touch_terms(i["xi"], i["kappa"])
        kappa, cost, gs2 = i["kappa"], i["cost_bps"], i["gamma"] * i["sigma"] ** 2
        s2 = fill_slope(i["A_b"], i["A_a"], kappa, kappa, thinning, thinning, cost, cost, 0.0)
        eta = one_lot_eta(gs2, s2)
        rho = gs2 / eta
        shift = rho * signal_time_s(0.0, rho) * passing_shift(i["A_b"], i["A_a"], kappa, kappa)
        ours = (round(eta, 4), round(rho, 6), round(signal_time_s(i["theta"], rho), 3), round(shift, 4))
        golden = (closed["eta"], closed["rho"], closed["tau_mu_s"], closed["flow_shift_bps"])
        right += sum(a == b for a, b in zip(ours, golden, strict=True))
        total += 4
    return right, total


def _ladder_eta() -> tuple[int, int]:
    right = total = 0
    for (rate, kappa, sigma, gamma), printed, _ in tables.LADDER:
        _, thinning = touch_terms(0.0, kappa)
        r_star = balance_point(rate, rate, kappa, kappa, 0.0, 0.0)
        s2 = fill_slope(rate, rate, kappa, kappa, thinning, thinning, 0.0, 0.0, r_star)
        for lots, digits in zip(tables.MEAN_SIZES, printed, strict=True):
            eta = ladder_eta(gamma * sigma**2, s2, kappa, lots)
            right += tables.digits(eta, digits) == digits
            total += 1
    return right, total


def _chain_residual(cases: int) -> float:
    """Largest relative change of η and τ_h when the AS-η chain is run a second and third time.

    AS here depends on the horizon as measured curves do (it grows, then falls), so a loop between
    η and AS, were there one, would show.
    """
    rng = np.random.default_rng(SEED)
    horizons, losses = np.array([0.5, 5.0, 60.0, 600.0]), np.array([0.2, 1.0, 0.8, 0.4])
    worst = 0.0
    for i in range(cases):
        desk = Desk(*INSTRUMENTS[i % len(INSTRUMENTS)])
        desk.randomise(rng)
        seen = []
        for _ in range(3):
            price_horizon(desk.state.risk, desk.x, desk.inst.maker_fee_bps)
            loss = interpolate(horizons, losses, 4, float(desk.state.risk.horizon_s), 0.0)
            desk.x.as_touch_bid = desk.x.as_touch_ask = loss
            desk.quote()
            seen.append((float(desk.state.risk.eta), float(desk.state.risk.horizon_s)))
        worst = max(worst, *(abs(b / a - 1.0) for a, b in zip(seen[0], seen[2], strict=True)))
    return worst


def _share_of_optimum(cases: int) -> float:
    """Least share of the brute-force optimum of V that the joint sizes reach."""
    rng = np.random.default_rng(SEED)
    worst = 1.0
    for _ in range(cases):
        n, kappa = int(rng.integers(2, 8)), float(rng.uniform(0.1, 2.0))
        eta, room = float(rng.uniform(0.02, 0.6)) / kappa, float(rng.uniform(1.0, 15.0))
        depths = np.cumsum(rng.uniform(0.05, 1.0, n)) / kappa
        margins = list(depths + (1.0 + rng.normal(0.0, 0.3, n)) / kappa)
        rates = list(np.exp(-kappa * depths))
        rungs = ladders.rungs_of(margins, rates, room)
        solve_sizes(rungs, eta)
        best = ladders.best_by_force(margins, rates, eta, room)
        worst = min(worst, ladders.value(rungs.cumulative_lots[:n], margins, rates, eta) / best)
    return worst


def measure() -> list[Figure]:
    """Printed digits reproduced, the chain's residual, the share of the optimum."""
    figures = []
    for name, (right, total) in (
        ("GLFT 2013 c1, slope and closed-form depths", _glft()),
        ("HJB closed eta, rho, tau, flow shift", _hjb()),
        ("ladder eta", _ladder_eta()),
    ):
        figures.append(Figure(f"{name}: printed values reproduced", right, f"{total}", right == total))
    residual = _chain_residual(600)
    figures.append(
        Figure("AS-eta chain: change on a second and third pass", residual, "0", residual == 0.0, [SEED])
    )
    share = _share_of_optimum(300)
    name = "joint sizes: least share of the brute-force optimum"
    figures.append(Figure(name, round(share, 6), ">= 0.97", share >= 0.97, [SEED]))
    return figures
