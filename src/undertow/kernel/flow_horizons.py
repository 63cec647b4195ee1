"""Imbalance of aggressor buys and sells at four horizons, by orders and by volume.

    B_h, S_h = Σ e^(−(t − t_i)/h) over buys, sells           h = 5, 30, 120, 600 s; orders or volume
    imbalance_h = (B − S)/(B + S + 2n₀)                        positive when buyers dominate
    smooth      ← blend(smooth, imbalance by volume at the shortest h), half-life 5 s

By volume the prior is n₀ orders of mean size per side. (φ of the reservation price is minus the
imbalance by orders at the flow horizon, from `flow`, with its own bound.) Toxic selling, a display:
smooth < −.3.

κ multipliers: orders under pressure are swept deeper, so the side that is hit has the *lower* κ and
the wider quote,

    bid × clip(1 + s·imbalance, ½, 2),   ask × clip(1 − s·imbalance, ½, 2)      s = flow_sensitivity, 0–1

which is 1, 1 in neutral flow. Standard error by orders: √((1 − imbalance²)·Σw²)/(Σw + 2n₀).

A size not positive and finite and an order older than the clock change nothing; simultaneous orders
commute. Source: docs/model.md §5 and §8 (the plan's multipliers have the opposite sign).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, clip, irregular_weight
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

N_HORIZONS: Final = 4
FLOW_FAST: Final = 0
FLOW_SLOW: Final = 2
TOXIC: Final = -0.3

FLOW_HORIZONS: Final = np.dtype(
    [
        ("orders", "<f8", (N_HORIZONS, 2)),  # side 0 bid (sells), 1 ask (buys), as of `last_ns`
        ("orders_squared", "<f8", (N_HORIZONS,)),  # Σ of squared weights, both sides
        ("qty", "<f8", (N_HORIZONS, 2)),  # venue units
        ("smooth", "<f8"),
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

FLOW_HORIZONS_PARAMS: Final = np.dtype(
    [("horizon_s", "<f8", (N_HORIZONS,)), ("prior_orders", "<f8"), ("smooth_half_life_s", "<f8")],
    align=True,
)


def flow_horizons_params(
    *,
    horizons_s: tuple[float, float, float, float] = (5.0, 30.0, 120.0, 600.0),
    prior_orders: float = 1.0,
    smooth_half_life_s: float = 5.0,
) -> Rec:
    """Time constants (s, increasing), n₀ per side, half-life of the smoothed imbalance."""
    require("flow_horizons", prior_orders=prior_orders, smooth_half_life_s=smooth_half_life_s)
    for k, horizon_s in enumerate(horizons_s):
        require("flow_horizons", low=horizons_s[k - 1] if k else 0.0, horizon_s=horizon_s)
    rec = new_record(FLOW_HORIZONS_PARAMS)
    rec["horizon_s"], rec["prior_orders"] = horizons_s, prior_orders
    rec["smooth_half_life_s"] = smooth_half_life_s
    return rec


@compiled
def flow_horizons_advance(state: Rec, params: Rec, now_ns: int) -> bool:
    """Bring all sums to `now_ns`; time that runs backwards changes nothing and gives False."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return True
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s < 0.0:
        return False
    if elapsed_s == 0.0:
        return True
    stood = volume_imbalance(state, params, FLOW_FAST)  # what has stood since the last event
    for k in range(N_HORIZONS):
        kept = math.exp(-elapsed_s / params.horizon_s[k])
        for side in range(2):
            state.orders[k, side] *= kept
            state.qty[k, side] *= kept
        state.orders_squared[k] *= kept * kept
    weight = irregular_weight(0.0, elapsed_s, params.smooth_half_life_s)
    state.smooth = blend(state.smooth, stood, weight)
    state.last_ns = now_ns
    return True


@compiled
def flow_horizons_order(state: Rec, params: Rec, index: int, qty: float, now_ns: int) -> None:
    """Count one aggressor order of `qty` that hit side `index` (0 bid, 1 ask)."""
    if not (0.0 < qty < np.inf) or not flow_horizons_advance(state, params, now_ns):
        return
    for k in range(N_HORIZONS):
        state.orders[k, index] += 1.0
        state.orders_squared[k] += 1.0
        state.qty[k, index] += qty


@compiled
def order_imbalance(state: Rec, params: Rec, horizon: int) -> float:
    """(buys − sells)/(buys + sells) of orders at horizon 0–3, shrunk by the prior; 0 without orders."""
    sells, buys = state.orders[horizon, 0], state.orders[horizon, 1]
    return (buys - sells) / (buys + sells + 2.0 * params.prior_orders)


@compiled
def order_imbalance_error(state: Rec, params: Rec, horizon: int) -> float:
    """Standard error of `order_imbalance`."""
    imbalance = order_imbalance(state, params, horizon)
    total = state.orders[horizon, 0] + state.orders[horizon, 1] + 2.0 * params.prior_orders
    # the prior counts as 2n₀ orders of weight 1
    squares = state.orders_squared[horizon] + 2.0 * params.prior_orders
    return math.sqrt((1.0 - imbalance * imbalance) * squares) / total


@compiled
def volume_imbalance(state: Rec, params: Rec, horizon: int) -> float:
    """(buys − sells)/(buys + sells) of volume at horizon 0–3, shrunk by the prior; 0 without orders."""
    longest = N_HORIZONS - 1
    orders = state.orders[longest, 0] + state.orders[longest, 1]
    if orders <= 0.0:
        return 0.0
    usual = (state.qty[longest, 0] + state.qty[longest, 1]) / orders
    sells, buys = state.qty[horizon, 0], state.qty[horizon, 1]
    return (buys - sells) / (buys + sells + 2.0 * params.prior_orders * usual)


@compiled
def smoothed_imbalance(state: Rec) -> float:
    """Volume imbalance of the shortest horizon, smoothed, as of the last advance."""
    return state.smooth


@compiled
def is_toxic_selling(state: Rec) -> bool:
    """Whether the smoothed imbalance is below −.3: a display, never a gate."""
    return state.smooth < TOXIC


@compiled
def kappa_multipliers(state: Rec, params: Rec, horizon: int, sensitivity: float) -> tuple[float, float]:
    """Factors on (κ_bid, κ_ask) within [½, 2]; the side under pressure gets the lower κ."""
    tilt = sensitivity * order_imbalance(state, params, horizon)
    return clip(1.0 + tilt, 0.5, 2.0), clip(1.0 - tilt, 0.5, 2.0)
