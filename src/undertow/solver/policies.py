"""What any ladder is worth in the exact problem: one linear solve, no optimisation.

A policy is a ladder of levels per side at every inventory of the grid. Level k holds the lots from
S_{k−1} to S_k at depth δ_k; a lot S deep is reached with rate Λ(δ_k)·e^(−S/L). Levels that end inside
an element of the grid take their share of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from undertow.solver.closed import Levels
from undertow.solver.fills import Array, Side
from undertow.solver.inventory import Grid, generator_of, stationary
from undertow.solver.problem import Problem
from undertow.solver.terms import sides

Policy = Callable[[float], tuple[Levels, Levels]]
"""Inventory in lots → ladder of bids, ladder of asks."""


def policy_value(problem: Problem, grid: Grid, policy: Policy) -> tuple[float, Array]:
    """(v, h) of a policy: its value per second, bps·lots/s, and the relative value, bps·lots."""
    n = len(grid.lots)
    bids, asks = np.zeros((n, n - 1)), np.zeros((n, n - 1))
    income = -0.5 * problem.risk * grid.lots**2
    bid, ask = sides(problem)
    length = problem.aggressor_lots
    for i, lots in enumerate(grid.lots):
        near, far = policy(float(lots))
        bids[i, i:], earned = _rates(near, bid, length, grid.step, n - 1 - i)
        rates, sold = _rates(far, ask, length, grid.step, i)
        asks[i, :i] = rates[::-1]
        income[i] += earned + sold
    value, rate = stationary(generator_of(bids, asks), income)
    return rate, value


def _rates(levels: Levels, side: Side, length: float, step: float, elements: int) -> tuple[Array, float]:
    """Rate at which each element outward fills, and income per second."""
    edges = np.arange(elements + 1) * step
    ends = np.minimum(levels.cumulative, edges[-1])
    starts = np.concatenate([[0.0], ends[:-1]])
    cuts = np.clip(edges[:, None], starts, ends)
    reached = cuts if math.isinf(length) else -length * np.expm1(-cuts / length)
    filled = np.diff(reached, axis=0) * (side.rate * np.exp(-side.kappa * levels.depth))
    return filled.sum(axis=1) / step, float((filled * (levels.depth - side.cost)).sum())
