"""Whether an order is worth moving or canceling: what it earns where it stands against what a request costs.

    move while Λ_new·v_new − Λ_old·v_old > G,   cancel an unwanted order while −Λ_old·v_old > max(G − f, 0)

v is `kernel.ladder.lots_value` of an order's lots behind the lots that stand nearer. An order's margin
shifts one for one with its price, AS as at the wanted level. Λ_old has its own place in the queue
(`kernel.queue_place`), Λ_new the back of it: the difference is what the queue place is worth.

G is where moving pays, not where it breaks even: the market will wander, so a move made now may not have
been needed, or be needed again at once. With y its distance from the best depth in 1/κ, an order earns
f·(1 + y)·e^(−y), f = Λ·lots/κ, and y diffuses at (κσ)². Moving costs p, and the optimal impulse control
(V''·(κσ)²/2 + f − f·(1 + y)·e^(−y) = g, smooth fit at both ends) depends on π = p(κσ)²/f alone. With
ρ = √(3π), exact for cheap requests and within a tenth of the solution for π up to 1,

    nearer than wanted   G = f·ρ·min(1 + ½ρ/(1 + ½ρ), 1.35)   it is filled where it loses: no bound to that
    deeper than wanted   G = f·ρ/(1 + 0.7ρ), at least p(κσ)²/14   it can miss f at most

from π ≈ 14 on no order earns what following the market costs. docs/model.md §7.
"""

from __future__ import annotations

import math
from typing import Final

from undertow.compiled import compiled
from undertow.kernel.ladder import lots_value, reached_rate
from undertow.records import Rec

DEAREST: Final = 14.0
"""π from which an order is not worth following the market."""


@compiled
def gain_needed(price: float, pace: float, scale: float, nearer: bool) -> float:
    """G, bps·lots/s, for a request at `price` (bps·lots), `pace` (κσ)² (1/s), `scale` f (bps·lots/s).

    `nearer`: the order stands nearer the mid than wanted.
    """
    cost = price * pace
    if not 0.0 < cost < math.inf:
        return cost
    ratio = math.sqrt(3.0 * cost / scale) if scale > 0.0 else math.inf
    if ratio == math.inf:
        return cost
    if nearer:
        return scale * ratio * min(1.0 + 0.5 * ratio / (1.0 + 0.5 * ratio), 1.35)
    return max(scale * ratio / (1.0 + 0.7 * ratio), cost / DEAREST)


@compiled
def standing_rate(rungs: Rec, order: Rec) -> float:
    """Λ of a live order at its own depth and queue place, 1/s."""
    return reached_rate(rungs, max(order.reach_bps + rungs.soon_bps, rungs.touch_bps))


@compiled
def standing_shift(rungs: Rec, order: Rec, k: int) -> float:
    """How much deeper (bps) than wanted level `k` an order stands, and more it earns per fill."""
    return order.depth_bps - rungs.depth_bps[k]


@compiled
def _pace(rungs: Rec, x: Rec) -> float:
    """(κσ)², 1/s: its inverse is the time in which the market wanders by 1/κ."""
    return (rungs.kappa * x.sigma_effective) ** 2


@compiled
def _reached_lots(x: Rec, begin: float, end: float) -> float:
    """∫e^(−S/L)dS: lots of `begin` to `end` that an arriving aggressor takes."""
    size = x.aggressor_lots
    return size * (math.exp(-begin / size) - math.exp(-end / size))


@compiled
def worth_moving(rungs: Rec, order: Rec, x: Rec, eta: float, k: int, placed: float, price: float) -> bool:
    """Whether moving `order` to level `k` of the ladder, `placed` lots nearer than it, earns `price`."""
    shift = standing_shift(rungs, order, k)
    lots, wanted = order.leaves / x.lot_qty, rungs.qty[k] / x.lot_qty
    worth = lots_value(rungs, eta, x.aggressor_lots, rungs.margin_bps[k] + shift, placed, placed + lots)
    gain = rungs.expected_pnl[k] - standing_rate(rungs, order) * worth
    scale = rungs.reach_rate[k] * _reached_lots(x, placed, placed + wanted) / rungs.kappa
    return gain > gain_needed(price, _pace(rungs, x), scale, shift < 0.0)


@compiled
def worth_canceling(rungs: Rec, order: Rec, x: Rec, eta: float, price: float) -> bool:
    """Whether an order that no level wants loses more than canceling it costs.

    Its margin is that of the level nearest it, shifted. Where no level is priced, where requests are
    free, and where none are left but the venue's own allowance of cancels, it is always canceled.
    """
    if rungs.distinct == 0 or not 0.0 < price < math.inf or math.isnan(order.depth_bps):
        return True
    near, placed = 0, 0.0
    for k in range(rungs.levels):
        shift = standing_shift(rungs, order, k)
        if abs(shift) < abs(standing_shift(rungs, order, near)):
            near = k
        if shift >= 0.0:
            placed += rungs.qty[k] / x.lot_qty
    lots, rate = order.leaves / x.lot_qty, standing_rate(rungs, order)
    margin = rungs.margin_bps[near] + standing_shift(rungs, order, near)
    value = rate * lots_value(rungs, eta, x.aggressor_lots, margin, placed, placed + lots)
    scale = rate * _reached_lots(x, placed, placed + lots) / rungs.kappa
    return -value > max(gain_needed(price, _pace(rungs, x), scale, True) - scale, 0.0)
