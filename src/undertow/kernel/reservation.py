"""The reservation price: one equation, every term an offset from the mid in bps.

    r(q) = μ̂·τ_μ − Σ_n F_n·e^(−ρ·t_n) + ρτ_φ·r*_A + r*_c + Δ − P(q),   τ_x = 1/(θ_x + ρ)

docs/model.md §2. ρ and Δ are taken at γ_base, so that a longer position moves the last term only: P(q),
which is η(q)·q for few lots and bends beyond (`kernel.bend`).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.bend import inventory_price, response_shift
from undertow.records import Rec

RESERVATION: Final = np.dtype(
    [
        ("offset_bps", "<f8"),  # r(q), the sum of the seven terms
        ("drift_bps", "<f8"),
        ("alpha_bps", "<f8"),
        ("funding_bps", "<f8"),
        ("flow_bps", "<f8"),  # the passing imbalance
        ("cost_bps", "<f8"),  # the lasting one: unequal costs
        ("response_bps", "<f8"),  # unequal κ under large aggressors
        ("inventory_bps", "<f8"),
        ("tau_drift_s", "<f8"),
        ("tau_flow_s", "<f8"),
    ],
    align=True,
)


@compiled
def signal_time_s(reversion: float, rho: float) -> float:
    """τ: how long a signal decaying at `reversion` (1/s) is worth acting on, s."""
    return 1.0 / (reversion + rho)


@compiled
def funding_shift(x: Rec, rho: float) -> float:
    """Cost to a long of the coming settlements, each discounted by the chance to be out by then.

    Funding is a drift of the holder: it does not multiply the position (docs/model.md §2).
    """
    shift = 0.0
    for n in range(x.settlements):
        shift += x.funding_bps[n] * math.exp(-rho * x.funding_in_s[n])
    return shift


@compiled
def passing_shift(rate_bid: float, rate_ask: float, kappa_bid: float, kappa_ask: float) -> float:
    """r*_A = −ln(A_b/A_a)/(κ_a + κ_b), bps: sellers dominate, the balance lies lower."""
    return -math.log(rate_bid / rate_ask) / (kappa_ask + kappa_bid)


@compiled
def lasting_shift(kappa_bid: float, kappa_ask: float, cost_bid: float, cost_ask: float) -> float:
    """r*_c = (κ_b·c_b − κ_a·c_a)/(κ_a + κ_b), bps: the costlier side is leaned away from."""
    return (kappa_bid * cost_bid - kappa_ask * cost_ask) / (kappa_ask + kappa_bid)


@compiled
def price_reservation(out: Rec, x: Rec, risk: Rec, fee_bps: float) -> None:
    """Fill the `RESERVATION` record `out` for the `INPUTS` record `x` and a priced `RISK` record."""
    rho = risk.rho
    out.tau_drift_s = signal_time_s(x.drift_reversion, rho)
    out.tau_flow_s = signal_time_s(x.flow_reversion, rho)
    out.drift_bps = x.drift * out.tau_drift_s
    out.alpha_bps = x.alpha_bps
    out.funding_bps = -funding_shift(x, rho)
    flow = passing_shift(x.flow_rate_bid, x.flow_rate_ask, x.kappa_bid, x.kappa_ask)
    out.flow_bps = rho * out.tau_flow_s * flow
    cost_bid, cost_ask = x.as_touch_bid + fee_bps, x.as_touch_ask + fee_bps
    out.cost_bps = lasting_shift(x.kappa_bid, x.kappa_ask, cost_bid, cost_ask)
    out.response_bps = response_shift(risk.eta_base, risk.kappa, x.kappa_bid, x.kappa_ask, x.aggressor_lots)
    out.inventory_bps = -inventory_price(risk.eta, risk.bend, risk.tilt, x.position_lots)
    signals = out.drift_bps + out.alpha_bps + out.funding_bps + out.flow_bps
    out.offset_bps = signals + out.cost_bps + out.response_bps + out.inventory_bps
