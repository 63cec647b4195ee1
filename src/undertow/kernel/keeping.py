"""Whether an order is worth moving: its profit where it stands against that where it is wanted.

    gain = (Λ_new·v_new − Λ_old·v_old)·life,   move while gain > shadow price of a request

v is `kernel.ladder.lots_value` of an order's lots behind the lots that stand nearer. An order's margin
shifts one for one with its price, AS as at the wanted level. Λ_old has its own place in the queue
(`kernel.queue_place`), Λ_new the back of it: the difference is what the queue place is worth. An
order that would lose while the wanted one would not is always moved. docs/model.md §7.
"""

from __future__ import annotations

import math

from undertow.compiled import compiled
from undertow.kernel.ladder import lots_value
from undertow.records import Rec


@compiled
def standing_rate(rungs: Rec, order: Rec) -> float:
    """Λ of a live order at its own depth and queue place, 1/s."""
    return rungs.rate * math.exp(-rungs.kappa * max(order.reach_bps + rungs.soon_bps, rungs.touch_bps))


@compiled
def standing_shift(rungs: Rec, order: Rec, k: int) -> float:
    """How much deeper (bps) than wanted level `k` an order stands, and more it earns per fill."""
    return order.depth_bps - rungs.depth_bps[k]


@compiled
def worth_moving(rungs: Rec, order: Rec, x: Rec, eta: float, k: int, placed: float, price: float) -> bool:
    """Whether moving `order` to level `k` of the ladder, `placed` lots nearer than it, earns `price`."""
    margin = rungs.margin_bps[k] + standing_shift(rungs, order, k)
    if margin < 0.0 <= rungs.margin_bps[k]:
        return True
    lots = order.leaves / x.lot_qty
    worth = lots_value(rungs, eta, x.aggressor_lots, margin, placed, placed + lots)
    gain = rungs.expected_pnl[k] - standing_rate(rungs, order) * worth
    return gain * x.resting_life_s > price
