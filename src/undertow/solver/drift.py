"""One lot per fill on inventory × drift: the ergodic problem in full, by policy iteration.

With h(q, μ) the relative value and v the value per second,

    v = qμ − ½γσ²q² + 𝓛h + Σ_side max_δ Λ(δ)·u(δ − c + Δh),   dμ = −θμ dt + σ_μ dW

on q = −Q…Q (no fill beyond) and nodes of μ over ±`width` stationary deviations, the mean reversion
upwind (Kushner and Dupuis 2001, ch. 5: rates of a chain, all ≥ 0). Each iteration is one block
tridiagonal solve. Nodes, width, limit and upwinding are those of the golden numbers in
``tests/golden/hjb_reservation.json``, which this reproduces to the printed digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from undertow.kernel.eta import one_lot_eta
from undertow.solver.fills import Array, Fills, best_fills
from undertow.solver.problem import Problem
from undertow.solver.terms import fill_response, sides

LIMIT_LOTS = 18
NODES = 31
WIDTH = 4.0
MAX_ITERATIONS = 200


@dataclass(frozen=True)
class DriftSolution:
    """h(q, μ) and what a maker reads off it."""

    problem: Problem
    lots: Array
    """q, (2Q + 1,)."""
    drift: Array
    """μ, bps/s, (nodes,); node `nodes // 2` is 0."""
    value: Array
    """h, (2Q + 1, nodes), bps·lots."""
    utility_rate: float
    """v, bps·lots/s."""
    iterations: int

    def next_lot_bought(self) -> Array:
        """h(q + 1) − h(q) at zero drift for q = −Q…Q − 1, bps: what the next bid fill is worth."""
        return np.diff(self.value[:, len(self.drift) // 2])

    def reservation(self, lots: float, drift: float = 0.0) -> float:
        """½(h(q + 1, μ) − h(q − 1, μ)), bps: between the next lot bought and the next sold."""
        mid = 0.5 * (self.value[2:] - self.value[:-2])
        at_drift = np.array([np.interp(drift, self.drift, row) for row in mid])
        return float(np.interp(lots, self.lots[1:-1], at_drift))

    def eta(self) -> float:
        """Fall of the next lot's value from q = 0 to q = 1, bps/lot."""
        bought, flat = self.next_lot_bought(), len(self.lots) // 2
        return float(bought[flat] - bought[flat + 1])

    def tau_drift_s(self) -> float:
        """Slope of r(0, μ) fitted by least squares over |μ| ≤ 1.5 stationary deviations, s."""
        flat = len(self.lots) // 2
        near = np.abs(self.drift) <= 1.5 * float(self.drift[-1]) / WIDTH
        r = 0.5 * (self.value[flat + 1] - self.value[flat - 1])
        return float(np.polyfit(self.drift[near], r[near], 1)[0])


def drift_chain(problem: Problem, nodes: int, width: float) -> tuple[Array, Array]:
    """Nodes of μ and the generator of the chain that stands for its diffusion."""
    if problem.sigma_mu == 0.0 or nodes == 1:
        return np.zeros(1), np.zeros((1, 1))
    theta = problem.drift_reversion
    reach = width * problem.sigma_mu / math.sqrt(2.0 * theta)
    mu = np.linspace(-reach, reach, nodes)
    step = float(mu[1] - mu[0])
    spread = 0.5 * problem.sigma_mu**2 / step**2
    up = spread + np.maximum(-theta * mu, 0.0) / step
    down = spread + np.maximum(theta * mu, 0.0) / step
    up[-1] = down[0] = 0.0
    return mu, np.diag(up[:-1], 1) + np.diag(down[1:], -1) - np.diag(up + down)


def solve_with_drift(
    problem: Problem, *, limit_lots: int | None = None, nodes: int = NODES, width: float = WIDTH
) -> DriftSolution:
    """The exact solution for one lot per fill. Raises ArithmeticError if it does not converge.

    The limit is 18 lots, or seven deviations of the inventory, (κη)^−½ each, if that is more.
    """
    if not problem.one_lot:
        raise ValueError("on inventory × drift every fill is one lot: use solve_inventory for a ladder")
    eta = one_lot_eta(problem.risk, fill_response(problem))
    if limit_lots is None:
        limit_lots = max(LIMIT_LOTS, math.ceil(7.0 / math.sqrt(problem.kappa * eta)))
    if limit_lots < 7 or nodes % 2 == 0:
        raise ValueError(f"limit_lots = {limit_lots} must be at least 7, nodes = {nodes} odd")
    mu, chain = drift_chain(problem, nodes, width)
    q = np.arange(-limit_lots, limit_lots + 1, dtype=np.float64)
    running = q[:, None] * mu - 0.5 * problem.risk * q[:, None] ** 2
    bid, ask = sides(problem)
    value: Array = -0.5 * eta * q[:, None] ** 2 * np.ones(len(mu))
    last = math.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        gain = np.diff(value, axis=0)
        bought, sold = best_fills(bid, gain), best_fills(ask, -gain)
        value, rate = _evaluate(chain, running, bought, sold)
        if not math.isfinite(rate):
            break
        if abs(rate - last) <= 1e-12 * max(1.0, abs(rate)):
            return DriftSolution(problem, q, mu, value, rate, iteration)
        last = rate
    raise ArithmeticError(f"policy iteration did not converge for {problem}")


def _evaluate(chain: Array, running: Array, bought: Fills, sold: Fills) -> tuple[Array, float]:
    """h and v of a fixed policy: block Thomas elimination over q with the reference state pinned.

    The reference row (q = 0, μ = 0) is replaced by h = 0; h is then linear in v, and the replaced
    row gives v.
    """
    n, m = running.shape
    flat, still = n // 2, m // 2
    income = running.copy()
    income[:-1] += bought.earns
    income[1:] += sold.earns
    leave = np.zeros((n, m))
    leave[:-1] += bought.moves
    leave[1:] += sold.moves
    up = np.vstack([bought.moves, np.zeros((1, m))])
    down = np.vstack([np.zeros((1, m)), sold.moves])
    row = np.array([down[flat, still], up[flat, still]])
    up[flat, still] = down[flat, still] = 0.0
    right = np.stack([-income, np.ones((n, m))], axis=2)
    right[flat, still] = 0.0
    couple, known = np.zeros((n, m, m)), np.zeros((n, m, 2))
    for k in range(n):
        block, side = chain - np.diag(leave[k]), right[k]
        if k == flat:
            block[still] = 0.0
            block[still, still] = 1.0
        if k > 0:
            block = block - down[k][:, None] * couple[k - 1]
            side = side - down[k][:, None] * known[k - 1]
        solved = np.linalg.solve(block, np.concatenate([np.diag(up[k]), side], axis=1))
        couple[k], known[k] = solved[:, :m], solved[:, m:]
    for k in range(n - 2, -1, -1):
        known[k] -= couple[k] @ known[k + 1]
    at_rest = chain[still] @ known[flat] + row[0] * known[flat - 1, still] + row[1] * known[flat + 1, still]
    rate = -(income[flat, still] + at_rest[0]) / (at_rest[1] - 1.0)
    return known[:, :, 0] + rate * known[:, :, 1], float(rate)
