"""Finite-horizon problems whose solution is a matrix exponential.

*Guéant, Lehalle, Fernandez-Tapia (2013)*, "Dealing with the inventory risk" (arXiv 1105.3115), theorem
1 with a trend (§5.1) and a market impact on own fills (§5.2): −v′ = −Mv, v(T) = 1 on q = −Q…Q, M with
½kγσ²q² − kμq on its diagonal and −A(1 + γ/k)^−(1 + k/γ)·e^(−kξ/2) beside it.

*Cartea, Jaimungal, Penalva (2015)*, "Algorithmic and High-Frequency Trading", §10.2: running penalty
φq², terminal αq²; ω = e^{A(T − t)}z, h = (1/κ)·ln ω.

Off their diagonals both matrices are positive: shifted to be so everywhere, their Taylor series and its
repeated squares (Moler and Van Loan 2003, method 3) add positive numbers only, so even the smallest
entries of the exponential keep their digits. An eigendecomposition loses them at large |q|.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from undertow.solver.fills import Array, markup


def _grow(diagonal: Array, beside: float, horizon_s: float, start: Array) -> Array:
    """ln of e^{matrix·horizon}·start for the tridiagonal matrix, however large."""
    n = len(diagonal)
    shift = float(diagonal.min())
    matrix = np.diag(diagonal - shift) + beside * (np.eye(n, k=1) + np.eye(n, k=-1))
    halvings = max(math.ceil(math.log2(float(matrix.sum(axis=1).max()) * horizon_s)) + 1, 0)
    part = matrix * (horizon_s / 2.0**halvings)
    term, power = np.eye(n), np.eye(n)
    for k in range(1, 25):
        term = term @ part / k
        power += term
    scale = 0.0
    for _ in range(halvings):
        power = power @ power
        largest = float(power.max())
        power /= largest
        scale = 2.0 * scale + math.log(largest)
    return np.asarray(np.log(power @ start) + scale + shift * horizon_s)


@dataclass(frozen=True)
class Glft:
    """GLFT's problem; ticks (or bps), seconds, one lot per fill."""

    sigma: float
    rate: float
    kappa: float
    gamma: float
    horizon_s: float = 600.0
    limit_lots: int = 30
    trend: float = 0.0
    """μ, ticks/s."""
    impact: float = 0.0
    """ξ of §5.2: what the mid moves against an own fill, ticks."""

    def bid_depths(self) -> Array:
        """Optimal bid depth at t = 0 for q = −Q…Q − 1, from the mid, ticks."""
        q = np.arange(-self.limit_lots, self.limit_lots + 1.0)
        power = -(1.0 + self.kappa / self.gamma)
        beside = self.rate * math.exp(power * math.log1p(self.gamma / self.kappa))
        beside *= math.exp(-0.5 * self.kappa * self.impact)
        diagonal = self.kappa * (self.trend * q - 0.5 * self.gamma * self.sigma**2 * q**2)
        log_v = _grow(diagonal, beside, self.horizon_s, np.ones(len(q)))
        return np.asarray(-np.diff(log_v) / self.kappa + markup(self.gamma, self.kappa) + 0.5 * self.impact)

    def ask_depths(self) -> Array:
        """Optimal ask depth for q = −Q + 1…Q: the bid of the mirrored problem at −q."""
        mirrored = Glft(
            self.sigma,
            self.rate,
            self.kappa,
            self.gamma,
            self.horizon_s,
            self.limit_lots,
            -self.trend,
            self.impact,
        )
        return mirrored.bid_depths()[::-1]


@dataclass(frozen=True)
class RunningPenalty:
    """Cartea, Jaimungal and Penalva's market maker with a running penalty."""

    rate: float
    kappa: float
    running: float
    """φ."""
    terminal: float
    """α."""
    horizon: float = 1.0
    limit_lots: int = 100

    def value(self) -> Array:
        """h(0, q) for q = −Q…Q."""
        q = np.arange(-self.limit_lots, self.limit_lots + 1.0)
        start = np.exp(-self.terminal * self.kappa * q**2)
        diagonal = -self.running * self.kappa * q**2
        return _grow(diagonal, self.rate * math.exp(-1.0), self.horizon, start) / self.kappa

    def ask_depths(self) -> Array:
        """Optimal ask depth at t = 0 for q = −Q + 1…Q."""
        return np.diff(self.value()) + 1.0 / self.kappa
