"""What a coin's rows say of its market: touch, mark, oracle, how far prints have gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, MARK, ORACLE, REFERENCE, SNAPSHOT, TRADE

BOOK = "book"
CONTEXT = "context"


@dataclass
class MarketWatch:
    """One coin's market. Prices are NaN while not known.

    ``low_px`` and ``high_px``: lowest sale and highest purchase of the last message (NaN: none).
    ``heard``: sources the last message came from: book, context, ref:1, ...
    """

    bid_px: float = math.nan
    ask_px: float = math.nan
    mark_px: float = math.nan
    oracle_px: float = math.nan
    low_px: float = math.nan
    high_px: float = math.nan
    heard: tuple[str, ...] = ()

    @property
    def mid_px(self) -> float:
        """Middle of the touch."""
        return 0.5 * (self.bid_px + self.ask_px)

    @property
    def px(self) -> float:
        """The mid, else the mark."""
        mid = self.mid_px
        return mid if mid > 0.0 else self.mark_px

    def see(self, rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> None:
        """Take the rows of one message (EVENT; ``ref`` of a SNAPSHOT counts in `snapshots`)."""
        self.low_px = self.high_px = math.nan
        heard: dict[str, None] = {}
        for at, kind in enumerate(rows["kind"].tolist()):
            if kind == BBO:
                self._best(rows[at])
                heard[BOOK] = None
            elif kind == SNAPSHOT:
                table = snapshots[int(rows["ref"][at])]
                self.bid_px, self.ask_px = float(table[0, 0]), float(table[2, 0])
                heard[BOOK] = None
            elif kind == TRADE:
                self._print(rows[at])
            elif kind in (MARK, ORACLE):
                px = float(rows["px"][at])
                if kind == MARK:
                    self.mark_px = px
                else:
                    self.oracle_px = px
                heard[CONTEXT] = None
            elif kind == REFERENCE:
                heard[f"ref:{int(rows['asset'][at])}"] = None
        self.heard = tuple(heard)

    def _best(self, row: np.void) -> None:
        px = float(row["px"]) if row["qty"] > 0.0 else math.nan
        if row["side"] > 0:
            self.bid_px = px
        else:
            self.ask_px = px

    def _print(self, row: np.void) -> None:
        px = float(row["px"])
        if row["side"] < 0 and not self.low_px <= px:
            self.low_px = px
        elif row["side"] > 0 and not self.high_px >= px:
            self.high_px = px
