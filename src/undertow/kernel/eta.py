"""Risk in one unit: what a lot of inventory costs (η), how fast it is worked off (ρ), and γ.

All of docs/model.md §2. γ_base is a property of the maker, not of the moment: it is solved from
κη_base (or a half-life) and follows the market only over hours, so that within a cycle a rise in
volatility or in costs widens and a solved γ does not undo it.

`price_horizon` works before adverse selection is known (fees only) and gives the horizon at which
adverse selection is to be read; `price_risk` then has the full costs. Nothing runs backwards, so
there is no loop to iterate.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.bend import bend_of, inventory_price
from undertow.records import Rec
from undertow.units import seconds_between

RISK: Final = np.dtype(
    [
        ("gamma_base", "<f8"),  # γ_base, 1/(bp·lot); 0 until solved
        ("log_risk", "<f8"),  # short average of ln γσ², as solved
        ("log_variance", "<f8"),  # long average of ln σ²
        ("gamma_seen_s", "<f8"),  # time those averages have seen
        ("gamma_ns", "<i8"),
        ("kappa", "<f8"),  # harmonic mean of both sides, 1/bp
        ("c1_bid", "<f8"),  # (1/ξ)·ln(1 + ξ/κ), bps
        ("c1_ask", "<f8"),
        ("thinning_bid", "<f8"),  # C of docs/model.md §2
        ("thinning_ask", "<f8"),
        ("horizon_s", "<f8"),  # τ_h, the horizon at which adverse selection is read
        ("fill_slope", "<f8"),  # S₂ with full costs, 1/(bp·s)
        ("balance_bps", "<f8"),  # r*, where the two sides' fills balance
        ("eta_base", "<f8"),  # η at γ_base, bps/lot
        ("eta", "<f8"),  # η(q) with σ_effective: prices inventory
        ("eta_spread", "<f8"),  # η(q) with σ_clean: prices the base spread
        ("rho", "<f8"),  # ρ at γ_base, 1/s
        ("bend", "<f8"),  # s and c of `kernel.bend` at η(q), 1/lot and –
        ("tilt", "<f8"),
        ("lot_spread", "<f8"),  # half a lot's price from flat at `eta_spread`, bps
    ],
    align=True,
)

RISK_PARAMS: Final = np.dtype(
    [
        ("gamma", "<f8"),  # given γ_base; 0: solve it
        ("kappa_eta_base", "<f8"),
        ("half_life_s", "<f8"),  # of inventory; 0: use kappa_eta_base
        ("fills_half_life_s", "<f8"),  # over which a solved γ follows fill rates and costs
        ("variance_half_life_s", "<f8"),  # over which it follows the variance
        ("beta", "<f8"),
        ("q_max_lots", "<f8"),
        ("lot_usd", "<f8"),
        ("thin_book", "u1"),  # γ follows the liquidity near the touch
        ("taking", "u1"),
    ],
    align=True,
)

MAX_HORIZON_S: Final = 600.0
MIN_GAMMA: Final = 1e-12
MAX_GAMMA: Final = 1.0
"""Box of a *solved* γ: where fees leave few fills, κη = .2 takes a γ far below what one would type."""

MIN_KAPPA_ETA: Final = 1e-3
MAX_KAPPA_ETA: Final = 0.6
"""Box of κη at γ_base: above, the closed forms no longer hold; below, sizes would not be finite."""

GAMMA_PERIOD_NS: Final = 1_000_000_000
"""A solved γ_base is looked at once a second: it moves over an hour."""

_TINY: Final = 1e-100
_LEAST_VARIANCE: Final = 1e-12


@compiled
def touch_terms(xi: float, kappa: float) -> tuple[float, float]:
    """c₁ = (1/ξ)·ln(1 + ξ/κ) in bps, and C = (1 + ξ/κ)^−(κ/ξ + 1); ξ = 0 gives 1/κ and 1/e.

    c₁ is the markup of a monopolist facing exponential demand, C the share of the touch's flow
    that fills at it (Guéant, Lehalle, Fernandez-Tapia 2013, §4).
    """
    u = xi / kappa
    g = math.log1p(u) / u if u > 1e-12 else 1.0 - 0.5 * u
    return g / kappa, math.exp(-(1.0 + u) * g)


@compiled
def mean_kappa(kappa_bid: float, kappa_ask: float) -> float:
    """κ of both sides: the harmonic mean, so that 1/κ is the mean depth (ADR 30)."""
    return 2.0 * kappa_bid * kappa_ask / (kappa_bid + kappa_ask)


@compiled
def balance_point(
    rate_bid: float, rate_ask: float, kappa_bid: float, kappa_ask: float, cost_bid: float, cost_ask: float
) -> float:
    """r*, the offset from mid (bps) at which bid and ask fill equally often, costs included."""
    log_ratio = math.log(rate_bid / rate_ask)
    return -(log_ratio - kappa_bid * cost_bid + kappa_ask * cost_ask) / (kappa_ask + kappa_bid)


@compiled
def fill_slope(
    rate_bid: float,
    rate_ask: float,
    kappa_bid: float,
    kappa_ask: float,
    thinning_bid: float,
    thinning_ask: float,
    cost_bid: float,
    cost_ask: float,
    r_star: float,
) -> float:
    """S₂: how much the two sides' fill rates respond to a bp of skew, 1/(bp·s). Costs thin it."""
    bid = thinning_bid * rate_bid * kappa_bid * math.exp(-kappa_bid * (cost_bid - r_star))
    ask = thinning_ask * rate_ask * kappa_ask * math.exp(-kappa_ask * (cost_ask + r_star))
    return max(bid + ask, _TINY)


@compiled
def ladder_eta(gamma_sigma2: float, s2: float, kappa: float, aggressor_lots: float) -> float:
    """η of a ladder, bps/lot: the positive root of S₂η² = γσ²·(κη + 1/L)."""
    b = gamma_sigma2 * kappa
    return (b + math.sqrt(b * b + 4.0 * s2 * gamma_sigma2 / aggressor_lots)) / (2.0 * s2)


@compiled
def one_lot_eta(gamma_sigma2: float, s2: float) -> float:
    """η of a maker who fills one lot at a time, bps/lot: σ·√(γ/S₂)."""
    return math.sqrt(gamma_sigma2 / s2)


@compiled
def gamma_sigma2_of_eta(eta: float, s2: float, kappa: float, aggressor_lots: float) -> float:
    """γσ² that makes `ladder_eta` equal to `eta`."""
    return s2 * eta * eta / (kappa * eta + 1.0 / aggressor_lots)


@compiled
def gamma_sigma2_of_half_life(half_life_s: float, s2: float, kappa: float, aggressor_lots: float) -> float:
    """γσ² for which inventory halves in `half_life_s`; NaN where no γ can (ρ ≥ S₂/κ)."""
    rho = math.log(2.0) / half_life_s
    room = s2 - rho * kappa
    if room <= 0.0:
        return np.nan
    return rho * rho / (aggressor_lots * room)


@compiled
def shortest_half_life_s(s2: float, kappa: float) -> float:
    """The half-life no risk aversion can undercut, ln2·κ/S₂."""
    return math.log(2.0) * kappa / s2


@compiled
def boxed_gamma_sigma2(gamma_sigma2: float, s2: float, kappa: float, aggressor_lots: float) -> float:
    """γσ² kept where κη lies in [`MIN_KAPPA_ETA`, `MAX_KAPPA_ETA`]; continuous."""
    low = gamma_sigma2_of_eta(MIN_KAPPA_ETA / kappa, s2, kappa, aggressor_lots)
    high = gamma_sigma2_of_eta(MAX_KAPPA_ETA / kappa, s2, kappa, aggressor_lots)
    return min(max(gamma_sigma2, low), high)


@compiled
def _slope(
    x: Rec, thinning_bid: float, thinning_ask: float, cost_bid: float, cost_ask: float
) -> tuple[float, float]:
    """S₂ at r*, and r*, for the inputs `x`."""
    r_star = balance_point(x.rate_bid, x.rate_ask, x.kappa_bid, x.kappa_ask, cost_bid, cost_ask)
    s2 = fill_slope(
        x.rate_bid,
        x.rate_ask,
        x.kappa_bid,
        x.kappa_ask,
        thinning_bid,
        thinning_ask,
        cost_bid,
        cost_ask,
        r_star,
    )
    return s2, r_star


@compiled
def price_horizon(risk: Rec, x: Rec, fee_bps: float) -> None:
    """What does not need adverse selection: κ, c₁, C, and τ_h = min(1/ρ, 600 s) with fees only.

    `risk` a `RISK` record with γ_base set, `x` an `INPUTS` record; `as_*` of `x` are not read.
    """
    risk.kappa = mean_kappa(x.kappa_bid, x.kappa_ask)
    risk.c1_bid, risk.thinning_bid = touch_terms(risk.gamma_base, x.kappa_bid)
    risk.c1_ask, risk.thinning_ask = touch_terms(risk.gamma_base, x.kappa_ask)
    s2, _ = _slope(x, risk.thinning_bid, risk.thinning_ask, fee_bps, fee_bps)
    variance = x.sigma_effective * x.sigma_effective
    gs2 = boxed_gamma_sigma2(risk.gamma_base * variance, s2, risk.kappa, x.aggressor_lots)
    eta = ladder_eta(gs2, s2, risk.kappa, x.aggressor_lots)
    risk.horizon_s = min(eta / gs2, MAX_HORIZON_S)


@compiled
def price_risk(risk: Rec, params: Rec, x: Rec, fee_bps: float) -> None:
    """η, ρ and r* with full costs, after `price_horizon`.

    γ(q) = γ_base·(1 + β(q/q_max)²) acts in η only. σ_clean prices the base spread, σ_effective the
    inventory; σ_clean counts no further than σ_effective, so that a longer position always lowers
    both quotes.
    """
    cost_bid, cost_ask = x.as_touch_bid + fee_bps, x.as_touch_ask + fee_bps
    s2, risk.balance_bps = _slope(x, risk.thinning_bid, risk.thinning_ask, cost_bid, cost_ask)
    kappa, lots = risk.kappa, x.aggressor_lots
    sigma = x.sigma_effective
    clean = min(x.sigma_clean, sigma)
    gamma = risk.gamma_base * max(x.thin_book, 1.0)
    gs2 = boxed_gamma_sigma2(gamma * sigma * sigma, s2, kappa, lots)
    gs2_clean = boxed_gamma_sigma2(gamma * clean * clean, s2, kappa, lots)
    share = x.position_lots / params.q_max_lots
    growth = 1.0 + params.beta * share * share
    risk.fill_slope = s2
    risk.eta_base = ladder_eta(gs2, s2, kappa, lots)
    risk.eta = ladder_eta(gs2 * growth, s2, kappa, lots)
    risk.eta_spread = ladder_eta(gs2_clean * growth, s2, kappa, lots)
    risk.rho = gs2 / risk.eta_base
    risk.bend, risk.tilt = bend_of(risk.eta, kappa, x.kappa_bid, x.kappa_ask, lots)
    bend, _ = bend_of(risk.eta_spread, kappa, x.kappa_bid, x.kappa_ask, lots)
    risk.lot_spread = inventory_price(risk.eta_spread, bend, 0.0, 0.5)


@compiled
def solve_risk(risk: Rec, params: Rec, x: Rec, fee_bps: float) -> float:
    """γσ² that gives κη_base, or the half-life asked for, at the inputs `x`; NaN if unreachable.

    C depends on ξ = γ_base, weakly: it is iterated from the last γ until it stands still.
    """
    cost_bid, cost_ask = x.as_touch_bid + fee_bps, x.as_touch_ask + fee_bps
    kappa = mean_kappa(x.kappa_bid, x.kappa_ask)
    variance = max(x.sigma_effective * x.sigma_effective, _LEAST_VARIANCE)
    gamma, gs2 = risk.gamma_base, 0.0
    for _ in range(60):
        _, thinning_bid = touch_terms(gamma, x.kappa_bid)
        _, thinning_ask = touch_terms(gamma, x.kappa_ask)
        s2, _ = _slope(x, thinning_bid, thinning_ask, cost_bid, cost_ask)
        if params.half_life_s > 0.0:
            gs2 = gamma_sigma2_of_half_life(params.half_life_s, s2, kappa, x.aggressor_lots)
        else:
            gs2 = gamma_sigma2_of_eta(params.kappa_eta_base / kappa, s2, kappa, x.aggressor_lots)
        if math.isnan(gs2):
            risk.fill_slope = s2
            return np.nan
        last, gamma = gamma, boxed_gamma(gs2 / variance)
        if abs(gamma - last) <= 1e-9 * gamma:
            break
    return gs2


@compiled
def boxed_gamma(gamma: float) -> float:
    """A solved γ kept in its box."""
    return min(max(gamma, MIN_GAMMA), MAX_GAMMA)


@compiled
def _weight(dt_s: float, seen_s: float, half_life_s: float) -> float:
    """Weight of what is seen now: an even mean of all at first, then forgetting by half-life."""
    if dt_s <= 0.0:
        return 0.0
    return max(1.0 - math.exp(-dt_s * math.log(2.0) / half_life_s), dt_s / seen_s)


@compiled
def update_gamma(risk: Rec, params: Rec, x: Rec, fee_bps: float, now_ns: int) -> None:
    """Let γ_base = γσ²/σ² follow its solution, numerator and denominator each at its own pace.

    Fill rates and costs enter S₂ through e^(−κc): what is measured of them is noisy, and a γσ² that
    answered them slowly would send η to the edge of its box. Volatility is measured well, and its
    bursts must *not* be solved away. So ln γσ² is averaged over minutes and ln σ² over an hour, both
    from the start. A half-life that no γ reaches at these inputs changes nothing; if none was ever
    reached γ_base stays 0 and only the reducing side quotes (docs/model.md §2).
    """
    if params.gamma > 0.0:
        risk.gamma_base = params.gamma
        return
    if risk.gamma_base > 0.0 and now_ns - risk.gamma_ns < GAMMA_PERIOD_NS:
        return
    gs2 = solve_risk(risk, params, x, fee_bps)
    if math.isnan(gs2):
        return
    log_risk = math.log(max(gs2, _TINY))
    log_variance = math.log(max(x.sigma_effective * x.sigma_effective, _LEAST_VARIANCE))
    if risk.gamma_base == 0.0:
        risk.log_risk, risk.log_variance, risk.gamma_seen_s = log_risk, log_variance, 0.0
    else:
        dt = min(max(seconds_between(risk.gamma_ns, now_ns), 0.0), params.fills_half_life_s)
        risk.gamma_seen_s += dt
        weight = _weight(dt, risk.gamma_seen_s, params.fills_half_life_s)
        risk.log_risk += weight * (log_risk - risk.log_risk)
        weight = _weight(dt, risk.gamma_seen_s, params.variance_half_life_s)
        risk.log_variance += weight * (log_variance - risk.log_variance)
    risk.gamma_ns = now_ns
    risk.gamma_base = boxed_gamma(math.exp(risk.log_risk - risk.log_variance))
