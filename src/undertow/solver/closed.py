"""What the maker would compute: the production functions of `kernel`, fed a `Problem`.

Inputs are exact (no estimator), AS + fee is the problem's cost, σ_clean = σ_effective = σ, ξ = γ as
always in production, and inventory_beta is 0: γ(q) is a preference beyond the problem's constant γ.
For one lot per fill η is `one_lot_eta`; a running maker always uses the ladder's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from undertow.kernel.bend import bend_of
from undertow.kernel.eta import RISK, RISK_PARAMS, ladder_eta, one_lot_eta, price_horizon, price_risk
from undertow.kernel.inputs import INPUTS
from undertow.kernel.ladder import RUNGS, price_levels, solve_sizes
from undertow.kernel.quoting import half_spreads_bps
from undertow.kernel.reservation import RESERVATION, price_reservation
from undertow.records import new_record
from undertow.solver.fills import Array
from undertow.solver.problem import Problem

LEVELS = 6
FIRST_GAP = 0.3
SPACING_RATIO = 1.35
"""The ladder's defaults (docs/model.md §9)."""


class Signals(NamedTuple):
    """What passes: a drift now (bps/s) and an imbalance now that reverts at θ_φ (1/s)."""

    drift: float = 0.0
    imbalance: float = 0.0
    flow_reversion: float = 1 / 120


NO_SIGNALS = Signals()


class Levels(NamedTuple):
    """One side of a ladder, nearest level first: depth from mid (bps), cumulative size (lots)."""

    depth: Array
    cumulative: Array


def one_lot_slope(gamma_sigma2: float, s2: float, kappa: float) -> float:
    """η of one lot per fill, corrected for its size: σ√(γ/S₂)·√(e^(κη/2)/(1 + κη/8)).

    From the q² and q⁴ terms of v + ½γσ²q² = 2f·e^(E(q))·cosh(O(q)), docs/decisions/0030.
    """
    eta = one_lot_eta(gamma_sigma2, s2)
    a = kappa * eta
    return eta * math.sqrt(math.exp(0.5 * a) / (1.0 + 0.125 * a))


class Closed:
    """The closed forms for one problem; `problem` is the market once its signals are spent.

    With an imbalance φ now, A_b·(1 + φ) and A_a·(1 − φ) enter S₂ and the shift, as in production.
    Of the problem's own imbalance nothing passes: its share of r is the whole of r*_A (θ_φ = 0).
    Passing and lasting imbalance together are not the maker's model; ValueError.
    """

    def __init__(self, problem: Problem, signals: Signals = NO_SIGNALS) -> None:
        if signals.imbalance and problem.rate_bid != problem.rate_ask:
            raise ValueError("an imbalance that passes needs equal rates once it is spent")
        self.problem = problem
        self._x, self._out = new_record(INPUTS), new_record(RESERVATION)
        self._risk, self._rungs = new_record(RISK), new_record(RUNGS)
        self._straight = False
        self._fill_inputs(signals)
        params, risk = new_record(RISK_PARAMS), self._risk
        params.beta, params.q_max_lots = 0.0, 1.0
        risk.gamma_base = problem.gamma
        price_horizon(risk, self._x, 0.0)
        price_risk(risk, params, self._x, 0.0)
        if problem.one_lot:
            risk.eta = risk.eta_base = risk.eta_spread = one_lot_slope(
                problem.risk, risk.fill_slope, risk.kappa
            )
            risk.rho = problem.risk / risk.eta
            # one lot is the limit L → 0 of the bend
            risk.bend, risk.tilt = bend_of(risk.eta, risk.kappa, problem.kappa_bid, problem.kappa_ask, 1e-9)
            risk.lot_spread = 0.5 * risk.eta
            self._x.aggressor_lots = 1e-9

    def _fill_inputs(self, signals: Signals) -> None:
        x, problem = self._x, self.problem
        x.rate_bid = problem.rate_bid * (1.0 + signals.imbalance)
        x.rate_ask = problem.rate_ask * (1.0 - signals.imbalance)
        x.flow_rate_bid, x.flow_rate_ask = x.rate_bid, x.rate_ask
        x.kappa_bid, x.kappa_ask = problem.kappa_bid, problem.kappa_ask
        x.as_touch_bid, x.as_touch_ask = problem.cost_bid, problem.cost_ask
        x.drift, x.drift_reversion = signals.drift, problem.drift_reversion
        x.flow_reversion = signals.flow_reversion if signals.imbalance else 0.0
        x.sigma_clean = x.sigma_effective = problem.sigma
        x.aggressor_lots = 1.0 if problem.one_lot else problem.aggressor_lots

    def unbend(self) -> None:
        """Forget the bend and what large aggressors do to unequal κ: r and sizes straight in η."""
        self._risk.bend = self._risk.tilt = 0.0
        self._straight = True

    @property
    def eta(self) -> float:
        """η, bps/lot."""
        return float(self._risk.eta)

    @property
    def rho(self) -> float:
        """ρ, 1/s."""
        return float(self._risk.rho)

    @property
    def tau_drift_s(self) -> float:
        """τ_μ, s."""
        return 1.0 / (self.problem.drift_reversion + self.rho)

    @property
    def kappa_eta(self) -> float:
        """κη before production clips it at .6; the closed forms want no more than that."""
        kappa, risk = float(self._risk.kappa), self.problem.risk
        if self.problem.one_lot:
            return kappa * self.eta
        return kappa * ladder_eta(risk, self._risk.fill_slope, kappa, self.problem.aggressor_lots)

    def reservation(self, lots: float) -> float:
        """r(q), bps from mid."""
        self._x.position_lots = lots
        price_reservation(self._out, self._x, self._risk, 0.0)
        if self._straight:
            return float(self._out.offset_bps - self._out.response_bps)
        return float(self._out.offset_bps)

    def touch_depths(self, lots: float) -> tuple[float, float]:
        """Depth of the touch quotes of both sides at inventory `lots`, bps, floored as the problem."""
        half_bid, half_ask = half_spreads_bps(self._risk, self._x, 0.0)
        r = self.reservation(lots)
        return max(half_bid - r, self.problem.floor_bps), max(half_ask + r, self.problem.floor_bps)

    def ladder(self, lots: float, room: float, *, levels: int = LEVELS) -> tuple[Levels, Levels]:
        """Both ladders at inventory `lots`, neither taking the position beyond ±`room` lots."""
        touch = self.touch_depths(lots)
        r = self.reservation(lots)
        return self._side(1, touch[0], r, room - lots, levels), self._side(
            -1, touch[1], r, room + lots, levels
        )

    def _side(self, sign: int, touch: float, r: float, room: float, levels: int) -> Levels:
        rungs, x, floor = self._rungs, self._x, self.problem.floor_bps
        rungs.sign, rungs.levels, rungs.room_lots = sign, levels, max(room, 0.0)
        rungs.held_lots, rungs.held_bps = sign * x.position_lots, -sign * self._out.inventory_bps
        rungs.bend, rungs.tilt = self._risk.bend, sign * self._risk.tilt
        rungs.kappa = x.kappa_bid if sign > 0 else x.kappa_ask
        rungs.rate = x.rate_bid if sign > 0 else x.rate_ask
        gaps = FIRST_GAP * np.concatenate([[0.0], np.cumsum(SPACING_RATIO ** np.arange(levels - 1.0))])
        rungs.tick[:levels] = np.arange(levels)  # every level has a price of its own
        rungs.depth_bps[:levels] = touch + gaps / float(rungs.kappa)
        price_levels(rungs, x, r, 0.0, 0.0, floor if math.isfinite(floor) else -1e9)
        solve_sizes(rungs, self._risk.eta)
        return Levels(rungs.depth_bps[:levels].copy(), rungs.cumulative_lots[:levels].copy())
