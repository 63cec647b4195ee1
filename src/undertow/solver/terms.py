"""A `Problem` in the terms of the solvers, and the closed forms that start their iterations."""

from __future__ import annotations

from undertow.kernel.eta import balance_point, fill_slope, ladder_eta, one_lot_eta, touch_terms
from undertow.solver.fills import Side
from undertow.solver.problem import Problem


def sides(problem: Problem) -> tuple[Side, Side]:
    """Bid and ask of the problem."""
    bid = Side(problem.rate_bid, problem.kappa_bid, problem.cost_bid, problem.xi, problem.floor_bps)
    ask = Side(problem.rate_ask, problem.kappa_ask, problem.cost_ask, problem.xi, problem.floor_bps)
    return bid, ask


def balance(problem: Problem) -> float:
    """r* of the problem, bps."""
    return balance_point(
        problem.rate_bid,
        problem.rate_ask,
        problem.kappa_bid,
        problem.kappa_ask,
        problem.cost_bid,
        problem.cost_ask,
    )


def fill_response(problem: Problem) -> float:
    """S₂ at r*, 1/(bp·s)."""
    return fill_slope(
        problem.rate_bid,
        problem.rate_ask,
        problem.kappa_bid,
        problem.kappa_ask,
        touch_terms(problem.xi, problem.kappa_bid)[1],
        touch_terms(problem.xi, problem.kappa_ask)[1],
        problem.cost_bid,
        problem.cost_ask,
        balance(problem),
    )


def closed_eta(problem: Problem) -> float:
    """η of the closed form that goes with the problem's fills, bps/lot."""
    s2 = fill_response(problem)
    if problem.one_lot:
        return one_lot_eta(problem.risk, s2)
    return ladder_eta(problem.risk, s2, problem.kappa, problem.aggressor_lots)
