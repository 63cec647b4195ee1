"""Exact against closed form for one market, and where the closed form is not to be trusted.

A reservation price is trusted while it lies within 10 % of max(η, |r|) of the exact one and the market
lies in the box the closed forms were measured over (docs/solver.md): κη ≤ .6, |φ| ≤ .5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from undertow.kernel.eta import gamma_sigma2_of_eta
from undertow.solver.closed import Closed, Signals
from undertow.solver.drift import DriftSolution, solve_with_drift
from undertow.solver.fills import Array
from undertow.solver.inventory import (
    Solution,
    make_grid,
    pass_signals,
    reservation_of,
    solve_inventory,
)
from undertow.solver.policies import policy_value
from undertow.solver.problem import Problem
from undertow.solver.terms import fill_response

TOLERANCE = 0.1
MAX_KAPPA_ETA = 0.6
MAX_IMBALANCE = 0.5
LOTS = tuple(range(-5, 6))


@dataclass(frozen=True)
class Row:
    """One inventory: reservation price and touch depths, exact and closed, bps."""

    lots: float
    exact: float
    closed: float
    error: float
    """|closed − exact| as a share of max(η, |exact|)."""
    trusted: bool
    exact_bid: float
    closed_bid: float
    exact_ask: float
    closed_ask: float


@dataclass(frozen=True)
class Size:
    """One level of the maker's bid ladder at q = 0, and the exact ladder half-way to the next."""

    depth: float
    closed_lots: float
    at_depth: float
    exact_lots: float


@dataclass(frozen=True)
class Comparison:
    """Everything `undertow solve` prints."""

    problem: Problem
    signals: Signals
    eta: tuple[float, float]
    """Exact, closed; bps/lot."""
    tau_drift_s: tuple[float, float]
    kappa_eta: float
    imbalance: float
    rows: tuple[Row, ...]
    sizes: tuple[Size, ...]
    utility: tuple[float, float] | None
    """Value per second of the optimum and of the maker's ladder once no signal is left, bps·lots/s;
    None for one lot per fill."""
    doubts: tuple[str, ...]
    """Why nothing here is to be trusted; empty inside the box."""


def gamma_of(problem: Problem, kappa_eta: float) -> float:
    """γ that gives κη = `kappa_eta` in this market (its own γ is not read)."""
    gamma = 0.0
    length = 1.0 if problem.one_lot else problem.aggressor_lots
    for _ in range(60):
        s2 = fill_response(replace(problem, xi=gamma, aggressor_lots=0.0))
        eta = kappa_eta / problem.kappa
        risk = s2 * eta**2 if problem.one_lot else gamma_sigma2_of_eta(eta, s2, problem.kappa, length)
        last, gamma = gamma, risk / problem.sigma**2
        if abs(gamma - last) <= 1e-12 * gamma:
            break
    return gamma


def compare(problem: Problem, signals: Signals, *, limit_lots: float = 12.0) -> Comparison:
    """Solve exactly, price in closed form, set side by side.

    `limit_lots` is the position limit under which ladders are valued; r is that of a wide limit.
    """
    closed = Closed(problem, signals)
    solution = solve_inventory(problem)
    value = pass_signals(
        solution,
        drift=signals.drift,
        imbalance=signals.imbalance,
        flow_reversion=signals.flow_reversion,
    )
    now = replace(solution, value=value)
    chain = solve_with_drift(problem) if problem.one_lot and problem.sigma_mu > 0.0 else None
    imbalance = signals.imbalance or problem.imbalance
    kappa_eta = closed.kappa_eta
    doubts = _doubts(kappa_eta, imbalance)
    rows = tuple(
        _row(float(q), now, closed, signals, None if signals.imbalance else chain, not doubts) for q in LOTS
    )
    tau = (chain.tau_drift_s() if chain else solution.tau_s(problem.drift_reversion), closed.tau_drift_s)
    return Comparison(
        problem,
        signals,
        (chain.eta() if chain and not signals.imbalance else now.eta(), closed.eta),
        tau,
        kappa_eta,
        imbalance,
        rows,
        () if problem.one_lot else _sizes(now, closed, limit_lots),
        None if problem.one_lot else ladder_utility(problem, limit_lots),
        doubts,
    )


def _doubts(kappa_eta: float, imbalance: float) -> tuple[str, ...]:
    doubts = []
    if kappa_eta > MAX_KAPPA_ETA * (1.0 + 1e-9):
        doubts.append(f"κη = {kappa_eta:.3g} is above {MAX_KAPPA_ETA}: lower --gamma or --kappa-eta")
    if abs(imbalance) > MAX_IMBALANCE * (1.0 + 1e-9):
        doubts.append(f"|φ| = {abs(imbalance):.3g} is above {MAX_IMBALANCE}")
    return tuple(doubts)


def _row(
    lots: float, now: Solution, closed: Closed, signals: Signals, chain: DriftSolution | None, inside: bool
) -> Row:
    if chain is None:
        exact = reservation_of(now.grid, now.value, lots)
    else:
        exact = chain.reservation(lots, signals.drift)
    ours = closed.reservation(lots)
    error = abs(ours - exact) / max(closed.eta, abs(exact))
    half: Array = np.full(1, 0.5)
    bid, ask = now.depths(lots, half)
    our_bid, our_ask = closed.touch_depths(lots)
    return Row(
        lots,
        exact,
        ours,
        error,
        inside and error <= TOLERANCE,
        float(bid[0]),
        our_bid,
        float(ask[0]),
        our_ask,
    )


def exact_sizes(now: Solution, lots: float, depths: Array) -> Array:
    """Cumulative size of the exact bid ladder down to each depth, lots, to the end of the grid."""
    count = int((now.grid.lots[-1] - lots) / now.grid.step)
    sizes: Array = np.asarray((np.arange(count) + 0.5) * now.grid.step, dtype=np.float64)
    stands, _ = now.depths(lots, sizes)
    return np.asarray(np.interp(depths, stands, sizes, left=0.0))


def _sizes(now: Solution, closed: Closed, limit_lots: float) -> tuple[Size, ...]:
    bids, _ = closed.ladder(0.0, limit_lots)
    between: Array = np.append(0.5 * (bids.depth[1:] + bids.depth[:-1]), np.nan)
    exact = np.minimum(exact_sizes(now, 0.0, between), limit_lots)
    return tuple(
        Size(float(d), float(s), float(m), float(e))
        for d, s, m, e in zip(bids.depth, bids.cumulative, between, exact, strict=True)
    )


def ladder_utility(problem: Problem, limit_lots: float) -> tuple[float, float]:
    """Value per second of the exact optimum and of the production ladder, |q| ≤ `limit_lots`."""
    grid = make_grid(problem, limit_lots=limit_lots)
    closed = Closed(problem)
    room = float(grid.lots[-1])
    ours, _ = policy_value(problem, grid, lambda lots: closed.ladder(lots, room))
    return solve_inventory(problem, grid).utility_rate, ours
