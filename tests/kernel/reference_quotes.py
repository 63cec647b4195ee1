"""The decision of docs/model.md §§2-3, written out slowly and plainly for tests.

Nothing here is shared with the compiled kernel: scalars in, dictionaries out, one formula a line, so
that a mistake would have to be made twice, in two forms, to go unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist


@dataclass
class Market:
    """Inputs of one decision, in bps, lots and seconds."""

    rate_bid: float
    rate_ask: float
    kappa_bid: float
    kappa_ask: float
    sigma: float
    aggressor_lots: float
    cost_bid: float
    """AS at the touch + fee, bps."""
    cost_ask: float
    drift: float = 0.0
    theta: float = 0.02
    flow_rate_bid: float | None = None
    flow_rate_ask: float | None = None
    theta_flow: float = 1 / 120
    funding: list[tuple[float, float]] = field(default_factory=list)
    """(F_n in bps, seconds to the settlement)."""


def loss_at(loss: float, depth: float) -> float:
    """AS of a level at `depth` bps, given that at 0: beyond the mid a smaller surprise will do."""
    if depth >= 0 or loss <= 0:
        return loss
    surprise = NormalDist(0.0, loss / NormalDist().pdf(0.0) / 2)  # E[X | X > 0] = loss
    return surprise.variance * surprise.pdf(depth) / (1 - surprise.cdf(depth))


def kappa_mean(m: Market) -> float:
    return 1 / (0.5 / m.kappa_bid + 0.5 / m.kappa_ask)


def c_factor(xi: float, kappa: float) -> float:
    if xi == 0.0:
        return math.exp(-1.0)
    return (1.0 + xi / kappa) ** (-(kappa / xi + 1.0))


def balance_shift(m: Market, cost_bid: float, cost_ask: float) -> float:
    """r*: where the two sides' fills balance."""
    top = math.log(m.rate_bid / m.rate_ask) - m.kappa_bid * cost_bid + m.kappa_ask * cost_ask
    return -top / (m.kappa_ask + m.kappa_bid)


def s2(m: Market, xi: float, cost_bid: float, cost_ask: float) -> float:
    r = balance_shift(m, cost_bid, cost_ask)
    bid = c_factor(xi, m.kappa_bid) * m.rate_bid * m.kappa_bid * math.exp(-m.kappa_bid * (cost_bid - r))
    ask = c_factor(xi, m.kappa_ask) * m.rate_ask * m.kappa_ask * math.exp(-m.kappa_ask * (cost_ask + r))
    return bid + ask


def eta_ladder(gamma: float, m: Market, s2_value: float) -> float:
    a = gamma * m.sigma**2 * kappa_mean(m)
    return (a + math.sqrt(a * a + 4.0 * s2_value * gamma * m.sigma**2 / m.aggressor_lots)) / (2.0 * s2_value)


def gamma_from_kappa_eta(kappa_eta: float, m: Market, cost_bid: float, cost_ask: float) -> float:
    """γ with γσ² = S₂η²/(κη + 1/L), S₂ at ξ = γ: by bisection on γ."""
    eta = kappa_eta / kappa_mean(m)

    def excess(gamma: float) -> float:
        return gamma * m.sigma**2 - s2(m, gamma, cost_bid, cost_ask) * eta**2 / (
            kappa_eta + 1 / m.aggressor_lots
        )

    low, high = 0.0, 1.0
    while excess(high) < 0:
        high *= 2
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


def reservation(m: Market, gamma: float, q: float, q_max: float, beta: float) -> dict[str, float]:
    s2_value = s2(m, gamma, m.cost_bid, m.cost_ask)
    eta_base = eta_ladder(gamma, m, s2_value)
    rho = gamma * m.sigma**2 / eta_base
    eta_q = eta_ladder(gamma * (1 + beta * (q / q_max) ** 2), m, s2_value)
    flow_bid = m.rate_bid if m.flow_rate_bid is None else m.flow_rate_bid
    flow_ask = m.rate_ask if m.flow_rate_ask is None else m.flow_rate_ask
    kappas = m.kappa_ask + m.kappa_bid
    tau_mu = 1 / (m.theta + rho)
    tau_flow = 1 / (m.theta_flow + rho)
    drift = m.drift * tau_mu
    funding = -sum(f * math.exp(-rho * t) for f, t in m.funding)
    flow = rho * tau_flow * -math.log(flow_bid / flow_ask) / kappas
    lasting = (m.kappa_bid * m.cost_bid - m.kappa_ask * m.cost_ask) / kappas
    inventory = -bent_price(m, eta_q, q)
    size = kappa_mean(m) * eta_base * m.aggressor_lots
    response = size / (size + 3.5) * math.log(m.kappa_bid / m.kappa_ask) / kappas
    return {
        "offset": drift + funding + flow + lasting + response + inventory,
        "response": response,
        "eta": eta_q,
        "eta_base": eta_base,
        "rho": rho,
        "s2": s2_value,
        "drift": drift,
        "funding": funding,
        "flow": flow,
        "lasting": lasting,
    }


def bend(m: Market, eta: float) -> tuple[float, float]:
    """s and c of r(0) − r(q) = (η/s)·Y, sinh(Y)·e^(cY) = s·q."""
    a = kappa_mean(m) * eta
    size = a * m.aggressor_lots
    s = 0.5 * a * math.sqrt(1 + 3 * size / (1 + size))
    skew = (m.kappa_ask - m.kappa_bid) / (m.kappa_ask + m.kappa_bid)
    skew = max(-1 / 3, min(1 / 3, skew))
    return s, skew * a / s * (1 + size) / (3 + size)


def bent_price(m: Market, eta: float, lots: float, tilted: bool = True) -> float:
    """How far `lots` lower r: Y by bisection."""
    s, c = bend(m, eta)
    c = c if tilted else 0.0
    low, high = -60.0, 60.0
    for _ in range(200):
        y = 0.5 * (low + high)
        low, high = (y, high) if math.sinh(y) * math.exp(c * y) < s * lots else (low, y)
    return eta / s * 0.5 * (low + high)


def half_spread(m: Market, gamma: float, eta_q: float, side: int) -> float:
    """c₁ + price of half a lot + AS + fee of one side, bps."""
    kappa, cost = (m.kappa_bid, m.cost_bid) if side > 0 else (m.kappa_ask, m.cost_ask)
    return math.log(1 + gamma / kappa) / gamma + bent_price(m, eta_q, 0.5, tilted=False) + cost


def move(m: Market, eta: float, side: int, q: float, lots: float) -> float:
    """How far r moves away from a side while it fills `lots`, bps."""
    return side * (bent_price(m, eta, q + side * lots) - bent_price(m, eta, q))


def joint_sizes(
    m: Market, margins: list[float], rates: list[float], eta: float, side: int, q: float, cap: float
) -> list[float]:
    """Cumulative sizes that maximise Σ Λ_k∫(m_k − move(S))dS over S_{k-1}…S_k, 0 ≤ S₁ ≤ … ≤ S_n ≤ cap."""
    n = len(margins)
    weight = [rates[k] - (rates[k + 1] if k + 1 < n else 0.0) for k in range(n)]
    value = [rates[k] * margins[k] - (rates[k + 1] * margins[k + 1] if k + 1 < n else 0.0) for k in range(n)]
    # Σ_k value_k·S_k - weight_k·∫move: separable but for the order; pool violators.
    blocks: list[list[float]] = []
    for k in range(n):
        blocks.append([value[k], weight[k], 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            v, w, c = blocks.pop()
            blocks[-1] = [blocks[-1][0] + v, blocks[-1][1] + w, blocks[-1][2] + c]
    sizes: list[float] = []
    for v, w, c in blocks:
        low, high = 0.0, cap
        for _ in range(60):  # the S at which weight·move(S) = value
            best = 0.5 * (low + high)
            low, high = (best, high) if w * move(m, eta, side, q, best) < v else (low, best)
        sizes += [0.5 * (low + high)] * int(c)
    return sizes


def expected_pnl(
    m: Market, margin: float, rate: float, eta: float, side: int, q: float, below: float, through: float
) -> float:
    """Λ∫e^(-S/L)(m − move(S))dS over below…through by Simpson's rule, `move` straight in between."""
    lots = m.aggressor_lots
    first, last = move(m, eta, side, q, below), move(m, eta, side, q, through)
    n = 2000
    h = (through - below) / n
    total = 0.0
    for i in range(n + 1):
        s = below + i * h
        weight = 1 if i in (0, n) else 4 if i % 2 else 2
        total += weight * math.exp(-s / lots) * (margin - first - (last - first) * i / n)
    return rate * total * h / 3
