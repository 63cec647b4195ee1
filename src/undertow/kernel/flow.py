"""Directional flow: aggressor orders per second on each side, at the flow horizon.

    N_side(t) = Σ e^(−λ(t − t_i)),   W(t) = (1 − e^(−λ·seen))/λ            A_side → N_side/W
    φ = (N_b − N_a)/(N_b + N_a + 2n₀), held within ±bound;   A_b, A_a = A·(1 ± φ)/2

W is the exposure behind N, so the rates are right from the first minute. The prior count n₀ is
shared by both sides: it shrinks φ and leaves the sum A_b + A_a as measured. The sum has a prior of
half an order at `prior_rate` per side, which keeps it positive. φ > 0 when sellers dominate (they
hit bids). Time of a gap in the feed counts neither as exposure nor as silence.

Source: docs/model.md §2 and §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

FLOW: Final = np.dtype(
    [
        ("orders", "<f8", (2,)),  # N, as of `last_ns`
        ("exposure_s", "<f8"),  # W, as of `last_ns`
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

FLOW_PARAMS: Final = np.dtype(
    [
        ("decay_per_s", "<f8"),
        ("prior_orders", "<f8"),
        ("prior_rate", "<f8"),
        ("bound", "<f8"),
        ("gap_s", "<f8"),
    ],
    align=True,
)


def flow_params(
    *,
    decay_per_s: float = 1.0 / 120.0,
    prior_orders: float = 2.0,
    prior_rate_per_s: float = 0.1,
    bound: float = 0.8,
    gap_s: float = 60.0,
) -> Rec:
    """λ (1/s), n₀ (orders per side), the prior rate per side (1/s) and the bound of |φ|."""
    require("flow", decay_per_s=decay_per_s, prior_orders=prior_orders, prior_rate_per_s=prior_rate_per_s)
    require("flow", high=0.95, bound=bound)
    require("flow", gap_s=gap_s)
    rec = new_record(FLOW_PARAMS)
    rec["decay_per_s"], rec["prior_orders"] = decay_per_s, prior_orders
    rec["prior_rate"], rec["bound"], rec["gap_s"] = prior_rate_per_s, bound, gap_s
    return rec


@compiled
def flow_advance(state: Rec, params: Rec, now_ns: int) -> None:
    """Bring the sums to `now_ns`; time that runs backwards changes nothing."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s <= 0.0:
        return
    kept = math.exp(-params.decay_per_s * elapsed_s)
    state.orders[0] *= kept
    state.orders[1] *= kept
    state.exposure_s *= kept
    if elapsed_s <= params.gap_s:
        state.exposure_s += (1.0 - kept) / params.decay_per_s
    state.last_ns = now_ns


@compiled
def flow_order(state: Rec, params: Rec, index: int, now_ns: int) -> None:
    """Count one aggressor order that hit side `index` (0 bid, 1 ask)."""
    flow_advance(state, params, now_ns)
    state.orders[index] += 1.0


@compiled
def flow_imbalance(state: Rec, params: Rec) -> float:
    """φ in ±bound as of the last advance; positive when sellers dominate."""
    bid, ask = state.orders[0], state.orders[1]
    return clip((bid - ask) / (bid + ask + 2.0 * params.prior_orders), -params.bound, params.bound)


@compiled
def flow_rates(state: Rec, params: Rec) -> tuple[float, float]:
    """(A_b, A_a) in orders per second as of the last advance; both positive."""
    n = state.orders[0] + state.orders[1]
    total = (n + 0.5) / (state.exposure_s + 0.25 / params.prior_rate)
    phi = flow_imbalance(state, params)
    return 0.5 * total * (1.0 + phi), 0.5 * total * (1.0 - phi)
