"""Size shift: are aggressors of a side trading unusual sizes, against that side's own habit?

With x = ln size of an order, and (m, v) the habit of its side *before* it (slow mean, variance),

    u = clip( (x − m) / √(v·(1 + 1/n)), ±3 )       n orders behind m; unit variance under no news
    U ← U·2^(−Δt/h) + u,   Q ← Q·4^(−Δt/h) + 1,   z = U/√(Q + 1)       h = 20 s
    m ← m + a(x' − m),   v by the same weights of u²·v, x' = x held within the clip

Logs, because sizes span orders of magnitude (log-normal or Pareto): mean and deviation of raw sizes
belong to the largest order, a z-score of them to whether it is in the window; and in logs the coin's
denomination drops out exactly. The clip keeps one giant from being a shift; the 1 under the root is
a pseudo-order of no news, so z fades to 0 when a side falls silent. The habit has a prior deviation
of ln-sizes worth a few orders; its mean starts at the first order, which is no news.

Feature: z of buys − z of sells; silent (NaN) until both sides have shown `min_orders`. A size not
positive and finite and an order older than the clock change nothing. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip, decay, step_weight
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

CLIP: Final = 3.0

SIZE_SHIFT: Final = np.dtype(
    [
        ("level", "<f8", (2,)),  # m, ln of venue units; side 0 bid (sellers), 1 ask
        ("weight", "<f8", (2,)),  # orders behind m
        ("weight_squared", "<f8", (2,)),
        ("square", "<f8", (2,)),  # weighted Σ of squared deviations
        ("recent", "<f8", (2,)),  # U
        ("recent_orders", "<f8", (2,)),  # Q
        ("orders", "<i8", (2,)),
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

SIZE_SHIFT_PARAMS: Final = np.dtype(
    [
        ("kept", "<f8"),
        ("recent_half_life_s", "<f8"),
        ("prior_deviation", "<f8"),
        ("prior_orders", "<f8"),
        ("min_orders", "<i8"),
    ],
    align=True,
)


def size_shift_params(
    *,
    habit_half_life_orders: float = 300.0,
    recent_half_life_s: float = 20.0,
    prior_deviation: float = 1.5,
    prior_orders: float = 5.0,
    min_orders: int = 10,
) -> Rec:
    """Half-lives of habit (orders of the side) and of what is recent (s); prior deviation of ln size."""
    require("size_shift", habit_half_life_orders=habit_half_life_orders)
    require("size_shift", recent_half_life_s=recent_half_life_s, prior_deviation=prior_deviation)
    require("size_shift", prior_orders=prior_orders, min_orders=min_orders)
    rec = new_record(SIZE_SHIFT_PARAMS)
    rec["kept"] = 1.0 - step_weight(habit_half_life_orders)
    rec["recent_half_life_s"], rec["prior_deviation"] = recent_half_life_s, prior_deviation
    rec["prior_orders"], rec["min_orders"] = prior_orders, min_orders
    return rec


@compiled
def size_shift_advance(state: Rec, params: Rec, now_ns: int) -> bool:
    """Let what is recent fade to `now_ns`; time that runs backwards changes nothing and gives False."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return True
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s < 0.0:
        return False
    kept = decay(elapsed_s, params.recent_half_life_s)
    for side in range(2):
        state.recent[side] *= kept
        state.recent_orders[side] *= kept * kept
    state.last_ns = now_ns
    return True


@compiled
def size_deviation(state: Rec, params: Rec, index: int) -> float:
    """√v of side `index`: how much its ln sizes vary, with the prior."""
    n = params.prior_orders
    square = n * params.prior_deviation**2 + state.square[index]
    return math.sqrt(square / (n + state.weight[index]))


@compiled
def size_shift_order(state: Rec, params: Rec, index: int, qty: float, now_ns: int) -> None:
    """Learn the size of an aggressor order that hit side `index`."""
    if not (0.0 < qty < np.inf) or not size_shift_advance(state, params, now_ns):
        return
    x = math.log(qty)
    if state.orders[index] == 0:
        state.level[index] = x
    weight, deviation = state.weight[index], size_deviation(state, params, index)
    if weight > 0.0:
        spread = deviation * math.sqrt(1.0 + state.weight_squared[index] / (weight * weight))
        u = clip((x - state.level[index]) / spread, -CLIP, CLIP)
        state.recent[index] += u
        state.recent_orders[index] += 1.0
        state.square[index] = params.kept * state.square[index] + (u * deviation) ** 2
        x = state.level[index] + u * spread
    weight = params.kept * weight + 1.0
    state.level[index] += (x - state.level[index]) / weight
    state.weight[index] = weight
    state.weight_squared[index] = params.kept**2 * state.weight_squared[index] + 1.0
    state.orders[index] += 1


@compiled
def size_z(state: Rec, index: int) -> float:
    """z-score of the recent sizes on side `index`: positive when larger than its habit."""
    return state.recent[index] / math.sqrt(state.recent_orders[index] + 1.0)


@compiled
def size_shift(state: Rec, params: Rec) -> float:
    """z of buys − z of sells as of the last advance; NaN until both sides are known."""
    if min(state.orders[0], state.orders[1]) < params.min_orders:
        return np.nan
    return size_z(state, 1) - size_z(state, 0)
