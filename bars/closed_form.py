"""The closed forms against the exact optimum, over a box of markets drawn at random.

The box, in the dimensionless groups on which everything depends (κ: harmonic mean): κη ∈ [.02, .6]
(the closed η, spent market); φ ∈ [−.5, .5], in every other draw as a lasting A_b ≠ A_a, else passing
with θ_φ/ρ ∈ [.1, 10]; κ_a/κ_b ∈ [2/3, 3/2]; κc of each side ∈ [0, 2]; γ/κ ∈ [1e-5, .1]; a drift worth
κ·μτ_μ ∈ [−.5, .5] with θ/ρ ∈ [.1, 10], in every other pair of draws; logarithmic where a ratio.
L = 1, 3, 10, ∞ lots. Quotes unfloored. r(q) is compared at q = −3…3 under a wide position limit, error
in max(η, |r exact|). Ladders (six levels, defaults) are valued as policies in the exact model under
q_max = 12, the default, with lasting φ and no drift, on the grid of the optimum.

`straight` is what the maker computed before it knew the bend (ADR 30): r* − ηq and S = b/(wη).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bars import Figure
from undertow.solver.avellaneda import simulate
from undertow.solver.closed import Closed, Signals
from undertow.solver.inventory import make_grid, pass_signals, reservation_of, solve_inventory
from undertow.solver.policies import policy_value
from undertow.solver.problem import Problem
from undertow.solver.terms import fill_response

TITLE = "Closed forms against the exact optimum; Avellaneda–Stoikov's tables"
SEED = 31
DRAWS, LADDER_DRAWS, PATHS = 200, 100, 400_000
LENGTHS = (1.0, 3.0, 10.0, math.inf)
Q_MAX = 12.0
Q = np.arange(-3.0, 4.0)

# γ → (profit, its deviation, deviation of the final inventory) of the inventory and symmetric strategies
AVELLANEDA = {
    0.1: ((64.91, 6.54, 2.93), (68.29, 13.49, 8.40)),
    0.01: ((68.42, 8.97, 5.22), (68.72, 13.69, 8.71)),
    1.0: ((31.45, 4.83, 1.64), (43.75, 10.73, 5.18)),
}


class Draw(NamedTuple):
    """A market of the box, what passes in it, and where in the box it lies."""

    problem: Problem
    signals: Signals
    kappa_eta: float
    phi: float


def draw(rng: np.random.Generator, length: float, number: int) -> Draw:
    """Draw `number` of the box: even ones have a lasting imbalance; of four, two have a drift."""

    def ratio(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(math.log(low), math.log(high))))

    kappa_bid, kappa_eta, phi = ratio(0.2, 5.0), rng.uniform(0.02, 0.6), rng.uniform(-0.5, 0.5)
    rate, kappa_ask = ratio(0.01, 1.0), kappa_bid * ratio(2 / 3, 3 / 2)
    lasting = phi if number % 2 == 0 else 0.0
    costs = rng.uniform(0.0, 2.0, 2) / np.array([kappa_bid, kappa_ask])
    blank = Problem(
        rate * (1.0 + lasting),
        rate * (1.0 - lasting),
        kappa_bid,
        kappa_ask,
        1.0,
        1.0,
        *costs.tolist(),
        length,
    )
    kappa, gamma = blank.kappa, ratio(1e-5, 0.1) * blank.kappa
    eta = kappa_eta / kappa
    risk = fill_response(blank) * eta**2 / (kappa_eta + 1.0 / length)
    rho = risk / eta
    theta, flow = rho * ratio(0.1, 10.0), rho * ratio(0.1, 10.0)
    drift = rng.uniform(-0.5, 0.5) / kappa * (theta + rho) if number % 4 < 2 else 0.0
    problem = replace(blank, sigma=math.sqrt(risk / gamma), gamma=gamma, drift_reversion=theta)
    return Draw(problem, Signals(drift, phi - lasting, flow), kappa_eta, phi)


def reservation_errors(case: Draw, steps: int = 24) -> NDArray[np.float64]:
    """Error at `Q` in max(η, |r|), bent and straight: (2, 7)."""
    solution = solve_inventory(case.problem)
    value = pass_signals(
        solution,
        drift=case.signals.drift,
        imbalance=case.signals.imbalance,
        flow_reversion=case.signals.flow_reversion,
        steps=steps,
    )
    exact = np.array([reservation_of(solution.grid, value, q) for q in Q])
    closed = Closed(case.problem, case.signals)
    scale = np.maximum(closed.eta, np.abs(exact))
    bent = np.array([closed.reservation(q) for q in Q])
    closed.unbend()
    unbent = np.array([closed.reservation(q) for q in Q])
    return np.abs(np.array([bent, unbent]) - exact) / scale


def ladder_shares(case: Draw) -> tuple[float, float]:
    """Utility of the production ladder over the optimum's: bent, straight."""
    grid = make_grid(case.problem, limit_lots=Q_MAX)
    best, room = solve_inventory(case.problem, grid).utility_rate, float(grid.lots[-1])
    shares = []
    for bent in (True, False):
        closed = Closed(case.problem)
        if not bent:
            closed.unbend()
        ours, _ = policy_value(case.problem, grid, lambda q, c=closed: c.ladder(q, room))  # type: ignore[misc]
        shares.append(ours / best)
    return shares[0], shares[1]


def reservations(
    length: float, draws: int, seed: int = SEED, steps: int = 24
) -> tuple[list[Draw], NDArray[np.float64]]:
    """The cases and their errors, (draws, 2, 7)."""
    rng = np.random.default_rng(seed)
    cases = [draw(rng, length, n) for n in range(draws)]
    return cases, np.array([reservation_errors(case, steps) for case in cases])


def shares(length: float, draws: int, seed: int = SEED) -> NDArray[np.float64]:
    """Shares of the optimum, (draws, 2)."""
    rng = np.random.default_rng(seed)
    return np.array([ladder_shares(draw(rng, length, 2 * n)) for n in range(draws)])


def _name(length: float) -> str:
    return "L=∞" if math.isinf(length) else f"L={length:g}"


def _figures_of_reservations(length: float, draws: int) -> list[Figure]:
    cases, errors = reservations(length, draws)
    figures = []
    lasting = np.array([not (c.signals.drift or c.signals.imbalance) for c in cases])
    for label, pick in (("nothing passes", lasting), ("signals pass", ~lasting)):
        worst = errors[pick, 0].max(axis=1)
        points, before = errors[pick, 0], errors[pick, 1]
        detail = {
            "draws": int(pick.sum()),
            "worst": round(float(worst.max()), 3),
            "p95": round(float(np.quantile(worst, 0.95)), 3),
            "draws_within": round(float((worst <= 0.1).mean()), 3),
            "worst_by_lots": points.max(axis=0).round(3).tolist(),
            "straight_worst": round(float(before.max()), 3),
            "straight_p95": round(float(np.quantile(before.max(axis=1), 0.95)), 3),
            "straight_draws_within": round(float((before.max(axis=1) <= 0.1).mean()), 3),
        }
        name = f"r(q), {_name(length)}, {label}: worst error in max(eta, |r|)"
        value = detail["worst"]
        figures.append(Figure(name, value, "<= 0.1", bool(value <= 0.1), [SEED], detail))
        share = round(float((points <= 0.1).mean()), 4)
        name = f"r(q), {_name(length)}, {label}: share of (draw, q) within 10 %"
        figures.append(Figure(name, share, ">= 0.95", share >= 0.95, [SEED]))
    return figures


def _figure_of_ladders(length: float, draws: int) -> Figure:
    seen = shares(length, draws)
    worst = round(float(seen[:, 0].min()), 4)
    detail = {
        "draws": draws,
        "p5": round(float(np.quantile(seen[:, 0], 0.05)), 4),
        "median": round(float(np.median(seen[:, 0])), 4),
        "straight_worst": round(float(seen[:, 1].min()), 4),
        "straight_p5": round(float(np.quantile(seen[:, 1], 0.05)), 4),
        "straight_median": round(float(np.median(seen[:, 1])), 4),
    }
    name = f"joint ladder, {_name(length)}: least share of the optimum's utility"
    return Figure(name, worst, ">= 0.95", worst >= 0.95, [SEED], detail)


def avellaneda_scores(gamma: float, paths: int, seed: int = SEED) -> list[tuple[str, float, float, float]]:
    """(name, ours, golden, standard error of the difference) for one table; golden has 100 000 paths."""
    scores = []
    for inventory, golden in zip((True, False), AVELLANEDA[gamma], strict=True):
        seen = simulate(gamma, inventory=inventory, paths=paths, seed=seed)
        both = math.sqrt(1.0 / paths + 1.0 / 100_000)
        errors = (seen.profit_std * both, seen.profit_std * both / 2**0.5, seen.final_std * both / 2**0.5)
        which = "inventory" if inventory else "symmetric"
        for name, ours, theirs, error in zip(
            ("profit", "its deviation", "final inventory's"), seen[:3], golden, errors, strict=True
        ):
            # half a unit of the last printed digit is not an error of the simulation
            scores.append((f"{which}: {name}", ours, theirs, error + 0.0025))
    return scores


def measure() -> list[Figure]:
    """r(q) and ladders over the box; the three tables of Avellaneda and Stoikov."""
    figures = []
    for length in LENGTHS:
        figures += _figures_of_reservations(length, DRAWS)
    figures += [_figure_of_ladders(length, LADDER_DRAWS) for length in LENGTHS]
    return [*figures, _figure_of_avellaneda()]


def _figure_of_avellaneda() -> Figure:
    """Of 18 right numbers one or two fall outside two standard errors by chance."""
    off = {
        f"gamma={gamma:g}, {name}": round((ours - theirs) / error, 2)
        for gamma in AVELLANEDA
        for name, ours, theirs, error in avellaneda_scores(gamma, PATHS)
    }
    inside = sum(abs(z) <= 2.0 for z in off.values())
    name = "Avellaneda–Stoikov: of 18 table entries, within two standard errors"
    return Figure(name, inside, ">= 16", inside >= 16, [SEED], off)
