"""Ladders, exactly: the ergodic problem on inventory alone, and the way there from a passing signal.

An aggressor reaches the lot that lies S lots into a ladder, at depth δ(S), with rate
Λ(δ(S))·e^(−S/L). So with h the relative value, v the value per second, Δ = h′ and u as in
`problem`,

    v = −½γσ²q² + ∫₀ e^(−S/L)·max_δ Λ_b(δ)(δ − c_b + h′(q + S)) dS + the same of the ask,

each lot at its own best depth: h is concave, so those depths increase in S and make a ladder. On a
grid of step d an aggressor takes j elements of d lots; e^(−S/L) is averaged over each, which makes the
error O(d²). One lot per fill is the case d = 1 with the first element alone.

Signals that pass — a drift μe^(−θt), an imbalance φe^(−θ_φ t) in A — make h a function of time. It
is integrated backward from when they are spent, linearly implicit and extrapolated (Deuflhard 1985).
Small drifts need no more than h₁ = (θ − 𝓖)⁻¹q of the optimal policy's generator 𝓖.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from undertow.solver.fills import Array, Fills, Side, best_fills
from undertow.solver.problem import Problem
from undertow.solver.terms import closed_eta, fill_response, sides

MAX_ITERATIONS = 200
SHARE_OF_SCALE = 0.25
"""Step of the grid as a share of L or 1/κη, whichever is less: r within .1 % of η of the limit."""
DEVIATIONS = 8.0
"""Inventory limit in stationary deviations of the closed form."""
MOST_NODES = 1201


class Grid(NamedTuple):
    """Inventories −Q…Q in steps of d (n of them), and how far aggressors reach from each."""

    lots: Array
    step: float
    bids: Array
    """(n, n − 1): chance that an aggressor is large enough for element e of the bids from state i."""
    asks: Array


@dataclass(frozen=True)
class Solution:
    """h(q) of the optimal policy."""

    problem: Problem
    grid: Grid
    value: Array
    utility_rate: float
    iterations: int

    def reservation(self, lots: float) -> float:
        """r(q), the worth of inventory at the margin, bps from mid; a secant of ±1 lot if one fills."""
        return reservation_of(self.grid, self.value, lots)

    def eta(self) -> float:
        """−dr/dq at q = 0, bps/lot: one lot per fill as `drift`, a ladder as the central slope."""
        slopes = np.diff(self.value) / self.grid.step
        flat = len(self.grid.lots) // 2
        first = flat if self.problem.one_lot else flat - 1
        return float(slopes[first] - slopes[first + 1]) / self.grid.step

    def tau_s(self, reversion: float, lots: float = 0.0) -> float:
        """∂r/∂μ for a small drift that decays at `reversion`, s."""
        generator = _linearised(self.grid, self.value, *sides(self.problem))[0]
        response = _solve(reversion * np.eye(len(self.value)) - generator, self.grid.lots)
        return reservation_of(self.grid, response, lots)

    def depths(self, lots: float, sizes: Array) -> tuple[Array, Array]:
        """Best depth of the lot that is `sizes` lots into the bid and into the ask ladder, bps."""
        bid, ask = sides(self.problem)
        middles = self.grid.lots[:-1] + 0.5 * self.grid.step
        slope = np.diff(self.value) / self.grid.step
        near = np.asarray(sizes, dtype=np.float64)
        if self.problem.one_lot:
            near = np.full_like(near, 0.5)
        worth_b = np.interp(lots + near, middles, slope)
        worth_a = np.interp(lots - near, middles, slope)
        return best_fills(bid, worth_b).depth, best_fills(ask, -worth_a).depth


def reservation_of(grid: Grid, value: Array, lots: float) -> float:
    """Slope of `value` at `lots`."""
    slope = np.diff(value) / grid.step
    middles = grid.lots[:-1] + 0.5 * grid.step
    return float(np.interp(lots, middles, slope))


def make_grid(
    problem: Problem, *, limit_lots: float | None = None, step: float | None = None, round_up: bool = False
) -> Grid:
    """The grid for a problem; `round_up` rounds an aggressor's volume up to whole steps instead."""
    eta = closed_eta(problem)
    kappa_eta = problem.kappa * eta
    if problem.one_lot:
        count = math.ceil(limit_lots or max(18.0, DEVIATIONS / math.sqrt(kappa_eta)))
        return _grid(count, 1.0, np.eye(1, 2 * count)[0])
    length = problem.aggressor_lots
    scale = 1.0 / (1.0 / length + kappa_eta)
    limit = limit_lots or max(DEVIATIONS * math.sqrt(scale / kappa_eta), 12.0)
    step = step or max(SHARE_OF_SCALE * scale, 2.0 * limit / (MOST_NODES - 1))
    count = math.ceil(limit / step - 1e-9)
    j = np.arange(2.0 * count)
    reach = np.exp(-j * step / length)
    if not round_up and math.isfinite(length):
        reach *= -math.expm1(-step / length) * length / step
    return _grid(count, step, reach)


def _grid(count: int, step: float, reach: Array) -> Grid:
    """A grid of 2·`count` elements of which the j-th of a ladder is reached with chance `reach[j]`."""
    n = 2 * count + 1
    ahead = np.arange(n - 1)[None, :] - np.arange(n)[:, None]
    bids = np.where(ahead >= 0, reach[np.clip(ahead, 0, n - 2)], 0.0)
    asks = np.where(ahead < 0, reach[np.clip(-1 - ahead, 0, n - 2)], 0.0)
    return Grid(np.arange(-count, count + 1.0) * step, step, bids, asks)


def generator_of(bids: Array, asks: Array) -> Array:
    """Generator of inventory from the rates at which each element fills, both (n, n − 1)."""
    n = bids.shape[0]
    out = np.zeros((n, n))
    out[:, 1:] += bids - asks
    out[:, :-1] += asks - bids
    return out


def _linearised(grid: Grid, value: Array, bid: Side, ask: Side) -> tuple[Array, Array]:
    """Generator and income (without running terms) of the best policy against `value`."""
    slope = np.diff(value) / grid.step
    bought: Fills = best_fills(bid, slope)
    sold: Fills = best_fills(ask, -slope)
    income = grid.step * (grid.bids @ bought.earns + grid.asks @ sold.earns)
    return generator_of(grid.bids * bought.moves, grid.asks * sold.moves), income


def _solve(matrix: Array, right: Array) -> Array:
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def stationary(generator: Array, income: Array) -> tuple[Array, float]:
    """h (0 at flat) and v of a fixed policy: 𝓖h + income = v."""
    flat = len(income) // 2
    matrix = generator.copy()
    matrix[:, flat] = -1.0
    value = _solve(matrix, -income)
    rate = float(value[flat])
    value[flat] = 0.0
    return value, rate


def solve_inventory(problem: Problem, grid: Grid | None = None) -> Solution:
    """The optimum at zero drift. Raises ArithmeticError if policy iteration does not converge."""
    grid = grid or make_grid(problem)
    bid, ask = sides(problem)
    running = -0.5 * problem.risk * grid.lots**2
    value: Array = -0.5 * closed_eta(problem) * grid.lots**2
    last = math.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        generator, income = _linearised(grid, value, bid, ask)
        value, rate = stationary(generator, running + income)
        if not math.isfinite(rate):
            break
        if abs(rate - last) <= 1e-12 * max(abs(rate), fill_response(problem) / problem.kappa**2):
            return Solution(problem, grid, value, rate, iteration)
        last = rate
    raise ArithmeticError(f"policy iteration did not converge for {problem}")


def pass_signals(
    solution: Solution,
    *,
    drift: float = 0.0,
    imbalance: float = 0.0,
    flow_reversion: float = 1 / 120,
    steps: int = 24,
) -> Array:
    """h(q) now, given a drift (bps/s, decays at the problem's θ) and an imbalance φ (decays at θ_φ).

    `solution` is that of the market once they are spent; now A_b = A(1 + φ), A_a = A(1 − φ).
    """
    coarse = _march(solution, drift, imbalance, flow_reversion, steps)
    fine = _march(solution, drift, imbalance, flow_reversion, 2 * steps)
    return 2.0 * fine - coarse


def _times(reversions: list[float], steps: int) -> Array:
    """From when the slowest signal is spent down to 0, geometric, the fastest resolved."""
    last, first = 9.0 / min(reversions), 1.2 / (max(reversions) * steps)
    return np.append(np.geomspace(last, first, steps), 0.0)


def _lasting(reversion: float, now: float, before: float) -> float:
    """Mean of e^(−θt) over a step."""
    return (
        -math.exp(-reversion * now) * math.expm1(-reversion * (before - now)) / (reversion * (before - now))
    )


def _march(solution: Solution, drift: float, imbalance: float, flow_reversion: float, steps: int) -> Array:
    """Backward in time by linearly implicit Euler steps, signals at their mean over each."""
    problem, grid = solution.problem, solution.grid
    passing = [problem.drift_reversion] * bool(drift) + [flow_reversion] * bool(imbalance)
    if not passing:
        return solution.value
    bid, ask = sides(problem)
    value = solution.value
    identity = np.eye(len(value))
    for before, now in pairwise(_times(passing, steps).tolist()):
        share = imbalance * _lasting(flow_reversion, now, before)
        mu = drift * _lasting(problem.drift_reversion, now, before)
        generator, income = _linearised(
            grid,
            value,
            bid._replace(rate=bid.rate * (1.0 + share)),
            ask._replace(rate=ask.rate * (1.0 - share)),
        )
        income += mu * grid.lots - 0.5 * problem.risk * grid.lots**2 - solution.utility_rate
        dt = before - now
        value = _solve(identity / dt - generator, value / dt + income)
    return value
