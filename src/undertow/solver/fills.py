"""The best depth of one order and what it is worth, for one side.

Maximise Λ(δ)·u(δ − c + Δ) over δ ≥ floor, Λ = A·e^(−κδ), u(m) = (1 − e^(−ξm))/ξ, where Δ is what one
more lot of that side adds to the value. δ* = c − Δ + (1/ξ)·ln(1 + ξ/κ) (Guéant, Lehalle,
Fernandez-Tapia 2013, §3). Arrays of any shape throughout.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Side(NamedTuple):
    """One side of the market: A, κ, c, and the terms of the maker."""

    rate: float
    kappa: float
    cost: float
    xi: float
    floor: float


class Fills(NamedTuple):
    """Linearised at the best depth: the value is `earns` + `moves`·Δ; both are rates."""

    depth: Array
    moves: Array
    earns: Array


def markup(xi: float, kappa: float) -> float:
    """(1/ξ)·ln(1 + ξ/κ), bps; 1/κ at ξ = 0."""
    return math.log1p(xi / kappa) / xi if xi > 0.0 else 1.0 / kappa


def best_fills(side: Side, gain: Array) -> Fills:
    """Best depths given Δ = `gain`, and the supporting line of the value at that Δ.

    With ξ = 0 `moves` is the fill rate and `earns` the income; else the line is the tangent of the
    convex value in Δ, which makes policy iteration a Newton iteration.
    """
    depth = np.maximum(side.cost - gain + markup(side.xi, side.kappa), side.floor)
    rate = side.rate * np.exp(-side.kappa * depth)
    margin = depth - side.cost
    if side.xi == 0.0:
        return Fills(depth, rate, rate * margin)
    decay = np.exp(-side.xi * (margin + gain))
    worth, slope = rate * (1.0 - decay) / side.xi, rate * decay
    return Fills(depth, slope, worth - slope * gain)
