"""How far inventory moves the reservation price: straight near zero, bent beyond.

A lot costs η at q = 0. Further out quotes lean harder, fills come faster, and the exact r(q) falls
ever more slowly: with u = κηL/(1 + κηL) and ε = (κ_a − κ_b)/(κ_a + κ_b),

    P(q) = (η/s)·Y,   sinh(Y)·e^(cY) = s·q,   s = ½κη·√(1 + 3u),   c = ε·(κη/s)·(1 + κηL)/(3 + κηL)

so r(q) = r(0) − P(q). For L = ∞ and equal κ this is the exact solution, γσ²q = (2A/κe)·sinh(κP); for
one lot per fill s = ½κη is the leading order of the exact one in κη; between, s and c are
interpolated. What one aggressor of L lots does to the balance at q = 0 where κ differ,

    Δ = w·ln(κ_b/κ_a)/(κ_a + κ_b),   w = κηL/(κηL + 3.5),

goes from 0 (both sides fill equally *often*) to 1 (they *earn* equally, Λ_b/κ_b = Λ_a/κ_a). Derivation
and errors: docs/decisions/0030-inventory-bends.md.
"""

from __future__ import annotations

import math

from undertow.compiled import compiled

MAX_SKEW = 1.0 / 3.0
"""Bound on ε, κ one twice the other: beyond, with a steep γ(q), a longer position could raise an ask."""

_STRAIGHT = 1e-7


@compiled
def bend_of(
    eta: float, kappa: float, kappa_bid: float, kappa_ask: float, aggressor_lots: float
) -> tuple[float, float]:
    """s in 1/lot and c; ε is held within ±`MAX_SKEW`."""
    a = kappa * eta
    v = 1.0 / (a * aggressor_lots)  # 0 for L = ∞
    s = 0.5 * a * math.sqrt(1.0 + 3.0 / (1.0 + v))
    skew = (kappa_ask - kappa_bid) / (kappa_ask + kappa_bid)
    skew = min(max(skew, -MAX_SKEW), MAX_SKEW)
    return s, skew * a / s * (1.0 + v) / (1.0 + 3.0 * v)


@compiled
def response_shift(
    eta: float, kappa: float, kappa_bid: float, kappa_ask: float, aggressor_lots: float
) -> float:
    """Δ, bps: with large aggressors the side that is swept deeper (lower κ) draws r towards it."""
    v = 1.0 / (kappa * eta * aggressor_lots)
    return math.log(kappa_bid / kappa_ask) / ((kappa_ask + kappa_bid) * (1.0 + 3.5 * v))


@compiled
def inventory_price(eta: float, bend: float, tilt: float, lots: float) -> float:
    """P(q), bps: how far inventory of `lots` lowers r. Straight, ηq, where |s·q| is tiny."""
    x = bend * lots
    if abs(x) < _STRAIGHT:
        return eta * lots
    y = math.asinh(x)
    if tilt != 0.0:
        for _ in range(6):  # Newton on Y − asinh(x·e^(−cY)), whose slope lies in 1 ± c
            z = x * math.exp(-tilt * y)
            step = (y - math.asinh(z)) / (1.0 + tilt * z / math.sqrt(1.0 + z * z))
            y -= step
            if abs(step) < 1e-9:  # the next would be of its square
                break
    return eta / bend * y


@compiled
def inventory_lots(eta: float, bend: float, tilt: float, price: float) -> float:
    """The inventory q with P(q) = `price`; beyond 1e130/s it stops growing."""
    y = min(max(price * bend / eta, -300.0), 300.0)
    if abs(y) < _STRAIGHT:
        return price / eta
    return math.sinh(y) * math.exp(tilt * y) / bend
