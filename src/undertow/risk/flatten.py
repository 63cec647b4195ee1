"""Closing a position: reduce-only orders that trade at once or not at all, one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.events import NEW
from undertow.instrument import Instrument, round_price, round_size
from undertow.kernel.desk import ACTION, IOC
from undertow.trading.restraint import OWN_IDS
from undertow.units import NS_PER_S

_NOTHING: Final = np.zeros(0, dtype=ACTION)


@dataclass
class Flatten:
    """One coin. `slip_bps`: how much worse than the mid it may trade; `every_s`: between two orders,
    none of which is worth more than `most_usd`."""

    instrument: Instrument
    slip_bps: float
    every_s: float
    most_usd: float = math.inf
    next_ns: int = 0
    _ids: count[int] = field(default_factory=lambda: count(OWN_IDS))

    def number_from(self, first: int) -> None:
        """Ids below `first` have been used by an earlier process of the session."""
        self._ids = count(max(first, OWN_IDS))

    def order(self, position: float, mid_px: float, now_ns: int) -> NDArray[np.void]:
        """The order (ACTION, an array of one or none) that closes `position` if the book can take it."""
        if now_ns < self.next_ns or not mid_px > 0.0:
            return _NOTHING
        inst = self.instrument.record()
        qty = min(abs(position) + 0.25 * self.instrument.size_step, 0.99 * self.most_usd / mid_px)
        qty = float(round_size(inst, qty))
        if not qty > 0.0:
            return _NOTHING
        self.next_ns = now_ns + round(self.every_s * NS_PER_S)
        side = -1 if position > 0.0 else 1
        action = np.zeros(1, dtype=ACTION)
        action["id"], action["target"], action["kind"] = next(self._ids), -1, NEW
        # Rounded away from the mid: a coarse step must not make it unable to trade.
        action["tick"] = round_price(inst, mid_px * (1.0 + side * self.slip_bps * 1e-4), -side)
        action["qty"], action["side"], action["tif"], action["reduce_only"] = qty, side, IOC, 1
        action["level"] = -1
        return action
