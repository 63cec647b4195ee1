"""Two-sided exponential Hawkes intensity of aggressor orders, and its excess over the slow average.

    e_s(t) = Σ_{i on s} e^(−β(t − t_i))
    λ_s(t) = μ_s + α_same·e_s + α_cross·e_o,     α = β·branching,   same + cross < 1
    Λ_s    = (N_s + n₀)/(W + n₀/r₀)              rate by a slow average with exposure (as in `flow`)
    μ_s    = max((1 − same)·Λ_s − cross·Λ_o, 5 % of Λ_s)

so the intensity averages Λ whatever the market's level, and "excess" is λ − Λ. The feature is
dimensionless: [(λ_a − Λ_a) − (λ_b − Λ_b)]/(Λ_a + Λ_b), positive when buyers come in a burst.

same, cross and β come from maximum likelihood offline (`undertow.research.hawkes`). Simultaneous
orders do not excite each other before they have all come, so their order does not matter. Time in
a gap of the feed lets excitation decay and is no exposure; an order older than the clock is ignored.

Source: docs/model.md §5; Hawkes, Biometrika 58 (1971) 83–90; Ogata, IEEE Trans. Inf. Theory 27 (1981) 23–31.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

MIN_EXOGENOUS: Final = 0.05
"""Share of a side's rate that is exogenous at least, however lopsided the flow."""

HAWKES: Final = np.dtype(
    [
        ("excitation", "<f8", (2,)),  # e, orders; side 0 bid (sellers), 1 ask (buyers)
        ("orders", "<f8", (2,)),  # N, as of `last_ns`
        ("exposure_s", "<f8"),  # W
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

HAWKES_PARAMS: Final = np.dtype(
    [
        ("decay_per_s", "<f8"),
        ("same_per_s", "<f8"),  # α_same
        ("cross_per_s", "<f8"),
        ("base_s", "<f8"),
        ("prior_orders", "<f8"),
        ("prior_rate", "<f8"),
        ("gap_s", "<f8"),
    ],
    align=True,
)


def hawkes_params(
    *,
    decay_per_s: float = 0.5,
    branching_same: float = 0.5,
    branching_cross: float = 0.1,
    base_s: float = 600.0,
    prior_orders: float = 2.0,
    prior_rate_per_s: float = 0.1,
    gap_s: float = 60.0,
) -> Rec:
    """β (.05–10/s), children per order on the same and the other side (sum < 1), the slow average.

    `base_s` is its time constant; the prior is `prior_orders` per side at `prior_rate_per_s`.
    """
    if not 0.05 <= decay_per_s <= 10.0:
        raise ValueError(f"hawkes: decay_per_s = {decay_per_s} must lie within .05 and 10")
    require_not_negative("hawkes", branching_same=branching_same, branching_cross=branching_cross)
    if not branching_same + branching_cross < 1.0:
        raise ValueError(
            f"hawkes: branching_same + branching_cross = {branching_same + branching_cross} must be below 1"
        )
    require("hawkes", base_s=base_s, prior_orders=prior_orders, prior_rate_per_s=prior_rate_per_s)
    require("hawkes", gap_s=gap_s)
    rec = new_record(HAWKES_PARAMS)
    rec["decay_per_s"], rec["base_s"], rec["gap_s"] = decay_per_s, base_s, gap_s
    rec["same_per_s"] = decay_per_s * branching_same
    rec["cross_per_s"] = decay_per_s * branching_cross
    rec["prior_orders"], rec["prior_rate"] = prior_orders, prior_rate_per_s
    return rec


@compiled
def hawkes_advance(state: Rec, params: Rec, now_ns: int) -> bool:
    """Bring the sums to `now_ns`; time that runs backwards changes nothing and gives False."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return True
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s < 0.0:
        return False
    if elapsed_s == 0.0:
        return True
    fading = math.exp(-params.decay_per_s * elapsed_s)
    kept = math.exp(-elapsed_s / params.base_s)
    for side in range(2):
        state.excitation[side] *= fading
        state.orders[side] *= kept
    state.exposure_s *= kept
    if elapsed_s <= params.gap_s:
        state.exposure_s += (1.0 - kept) * params.base_s
    state.last_ns = now_ns
    return True


@compiled
def hawkes_order(state: Rec, params: Rec, index: int, now_ns: int) -> None:
    """Count one aggressor order that hit side `index` (0 bid, 1 ask)."""
    if not hawkes_advance(state, params, now_ns):
        return
    state.excitation[index] += 1.0
    state.orders[index] += 1.0


@compiled
def hawkes_base(state: Rec, params: Rec) -> tuple[float, float]:
    """(Λ_b, Λ_a): slow rates in orders/s as of the last advance; both positive."""
    n = params.prior_orders
    seconds = state.exposure_s + n / params.prior_rate
    return (state.orders[0] + n) / seconds, (state.orders[1] + n) / seconds


@compiled
def hawkes_exogenous(state: Rec, params: Rec) -> tuple[float, float]:
    """(μ_b, μ_a): the part of the slow rates that no order has called forth, orders/s."""
    bid, ask = hawkes_base(state, params)
    same = params.same_per_s / params.decay_per_s
    cross = params.cross_per_s / params.decay_per_s
    return (
        max((1.0 - same) * bid - cross * ask, MIN_EXOGENOUS * bid),
        max((1.0 - same) * ask - cross * bid, MIN_EXOGENOUS * ask),
    )


@compiled
def hawkes_intensity(state: Rec, params: Rec) -> tuple[float, float]:
    """(λ_b, λ_a) in orders/s just after the last advance."""
    mu_bid, mu_ask = hawkes_exogenous(state, params)
    bid, ask = state.excitation[0], state.excitation[1]
    return (
        mu_bid + params.same_per_s * bid + params.cross_per_s * ask,
        mu_ask + params.same_per_s * ask + params.cross_per_s * bid,
    )


@compiled
def hawkes_excess(state: Rec, params: Rec) -> float:
    """Excess intensity of buyers − that of sellers, over both base rates; NaN before the start."""
    if not state.started:
        return np.nan
    intensity_bid, intensity_ask = hawkes_intensity(state, params)
    bid, ask = hawkes_base(state, params)
    return ((intensity_ask - ask) - (intensity_bid - bid)) / (ask + bid)
