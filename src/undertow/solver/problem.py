"""The problem: maximise E[PnL] − ½γσ²∫q²dt per unit of time (docs/model.md §2).

A fill at depth δ (from the mid) earns δ − c. Orders at depth δ of a side are reached at rate
Λ(δ) = A·e^(−κδ) by aggressor orders whose volume is exponential with mean L lots; `one_lot` instead
lets every aggressor take exactly one lot. With ξ > 0 a fill that earns m bps counts for
(1 − e^(−ξm))/ξ, the exponential utility of Guéant, Lehalle and Fernandez-Tapia.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ONE_LOT = 0.0
"""Value of `Problem.aggressor_lots` that means: every fill is one lot."""


@dataclass(frozen=True)
class Problem:
    """One market and one maker; bps, lots, seconds. Raises ValueError naming the field at fault."""

    rate_bid: float
    """A_b: aggressor sells per second reaching the mid."""
    rate_ask: float
    kappa_bid: float
    """1/bp."""
    kappa_ask: float
    sigma: float
    """bps/√s."""
    gamma: float
    """1/(bp·lot)."""
    cost_bid: float = 0.0
    """c = AS + fee, bps."""
    cost_ask: float = 0.0
    aggressor_lots: float = ONE_LOT
    """L, mean volume of an aggressor, lots; `ONE_LOT` or inf are allowed."""
    xi: float = 0.0
    """ξ of the fill utility, 1/bp; with one lot per fill only."""
    floor_bps: float = -math.inf
    """Least depth allowed: 0 floors the quotes at the mid."""
    drift_reversion: float = 0.02
    """θ, 1/s."""
    sigma_mu: float = 0.0
    """σ_μ, (bps/s)/√s."""

    def __post_init__(self) -> None:
        for name in ("rate_bid", "rate_ask", "kappa_bid", "kappa_ask", "sigma", "gamma", "drift_reversion"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name} = {value} must be positive and finite")
        for name in ("aggressor_lots", "xi", "sigma_mu"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} = {getattr(self, name)} must not be negative")
        for name in ("cost_bid", "cost_ask", "xi", "sigma_mu"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} = {getattr(self, name)} must be finite")
        if self.xi > 0.0 and not self.one_lot:
            raise ValueError(f"xi = {self.xi} needs one lot per fill: a sweep's utility is not a sum")

    @property
    def one_lot(self) -> bool:
        """Whether every fill is one lot."""
        return self.aggressor_lots == ONE_LOT

    @property
    def risk(self) -> float:
        """γσ², bps/(lot·s)."""
        return self.gamma * self.sigma**2

    @property
    def kappa(self) -> float:
        """Harmonic mean κ of the sides."""
        return 2.0 * self.kappa_bid * self.kappa_ask / (self.kappa_bid + self.kappa_ask)

    @property
    def imbalance(self) -> float:
        """φ = (A_b − A_a)/(A_b + A_a); positive when sellers dominate."""
        return (self.rate_bid - self.rate_ask) / (self.rate_bid + self.rate_ask)
