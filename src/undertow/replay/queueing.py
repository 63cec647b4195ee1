"""Queue position: how much displayed quantity stands before an own order.

Prints at our price reduce it in full. Size that vanishes without a print left either from before or
from behind us; the models differ in how they share it (the definitions of hftbacktest 2.4,
``RiskAdverseQueueModel``, ``PowerProbQueueFunc3``, ``LogProbQueueFunc``; rigtorp.se, "Estimating
Order Queue Position", 2013):

- risk averse: all of it from behind;
- power: the share from behind is 1 - (front/(front + back))^n;
- logarithmic: ln(1 + back) / (ln(1 + back) + ln(1 + front)).
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec
from undertow.replay.settings import POWER, RISK_AVERSE


@compiled
def share_from_behind(model: int, power: float, front: float, back: float) -> float:
    """Probability that size leaves from behind an order with `front` before and `back` after it."""
    if model == POWER:
        total = front + back
        if total == 0.0:
            return np.nan if front == 0.0 else 1.0
        return 1.0 - (front / total) ** power
    if front <= -1.0 or back <= -1.0:
        return np.nan
    behind, before = np.log(1.0 + back), np.log(1.0 + front)
    if behind + before == 0.0:
        return np.nan if behind == 0.0 else 1.0
    return behind / (behind + before)


@compiled
def level_changed(order: Rec, model: int, power: float, before: float, after: float) -> None:
    """The level of `order` went from `before` to `after`: update what stands ahead of it.

    `before` and `after` are displayed quantities >= 0. Prints since the last update explain part
    of the change (`order.traded`) and have already moved the queue.
    """
    vanished = before - after - order.traded
    order.traded = 0.0
    front = order.ahead
    if vanished >= 0.0 and model != RISK_AVERSE:
        back = before - front
        behind = share_from_behind(model, power, front, back)
        front = front - (1.0 - behind) * vanished + min(back - behind * vanished, 0.0)
    # NaN (an empty level) compares false: nothing displayed is ahead of us.
    order.ahead = front if front < after else after
