"""Where the market is, from the rows passing by: what an order's price is compared with before it leaves."""

from __future__ import annotations

import math
from typing import Final

from undertow.events import BBO, MARK, ORACLE, SNAPSHOT
from undertow.trading.seams import Received

_TELLING: Final = frozenset({BBO, SNAPSHOT, MARK, ORACLE})


class Mids:
    """The last mid of each coin (best bid and offer, or the touch of a snapshot); else its mark or oracle."""

    def __init__(self) -> None:
        self._touch: dict[str, list[float]] = {}
        self._mark: dict[str, float] = {}

    def see(self, received: Received) -> None:
        """Take in market rows."""
        rows = received.rows
        touch = self._touch.get(received.coin)
        if touch is None:
            touch = self._touch[received.coin] = [math.nan, math.nan]
        for at, kind in enumerate(rows["kind"].tolist()):
            if kind not in _TELLING:
                continue
            if kind == SNAPSHOT:
                table = received.snapshots[rows["ref"][at]]
                touch[0], touch[1] = float(table[0, 0]), float(table[2, 0])
                continue
            px = float(rows["px"][at])
            if kind == BBO:
                touch[0 if rows["side"][at] > 0 else 1] = px if rows["qty"][at] > 0 else math.nan
            else:
                self._mark[received.coin] = px

    def of(self, coin: str) -> float:
        """The mid of `coin`; NaN where nothing is known."""
        bid, ask = self._touch.get(coin, (math.nan, math.nan))
        mid = 0.5 * (bid + ask)
        if mid > 0.0:
            return mid
        return self._mark.get(coin, math.nan)
