"""The closed form of Guéant, Lehalle and Fernandez-Tapia (2013), for grids and as a yardstick.

    δ_bid(q) = c₁ + (q + ½ − μ/(γσ²))·slope,   δ_ask(q) = c₁ − (q − ½ − μ/(γσ²))·slope
    c₁ = (1/γ)·ln(1 + γ/κ),   slope = σ·√( (γ/(2κA))·(1 + γ/κ)^(1 + κ/γ) )

One lot per fill, both sides alike, no costs (arXiv 1105.3115, §4 and §5.1). Any unit of price will
do, as long as all arguments share it. The slope is `kernel.eta.one_lot_eta` with ξ = γ.
"""

from __future__ import annotations

import numba as nb

from undertow.kernel.eta import one_lot_eta, touch_terms


@nb.njit(cache=True)
def glft_terms(sigma: float, rate: float, kappa: float, gamma: float) -> tuple[float, float]:
    """(c₁, slope per lot) for volatility `sigma` per √s and fill rate ``rate``·e^(−κδ) a side."""
    c1, thinning = touch_terms(gamma, kappa)
    return c1, one_lot_eta(gamma * sigma * sigma, 2.0 * thinning * rate * kappa)


@nb.njit(cache=True)
def glft_depths(
    c1: float, slope: float, position: float, trend_over_risk: float = 0.0
) -> tuple[float, float]:
    """Bid and ask depth from mid at `position` lots; `trend_over_risk` is μ/(γσ²), in lots."""
    bid = c1 + (position + 0.5 - trend_over_risk) * slope
    ask = c1 - (position - 0.5 - trend_over_risk) * slope
    return bid, ask
