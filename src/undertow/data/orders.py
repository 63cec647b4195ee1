"""Order-level rows and the levels they sum to.

The books of maker and exchange are fed by levels. `LevelSums` puts a DEPTH row, code SUMMED, behind
every order-level row that changes the sum of a level, for each clock what that clock has seen.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.report import Report
from undertow.events import (
    CLEAR,
    DEPTH,
    END,
    EXCH,
    LOCAL,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    SUMMED,
    Chunk,
)
from undertow.instrument import Instrument

_COLUMNS: Final = ("kind", "ref", "side", "px", "qty")
Change = tuple[int, float, float]
"""A level whose sum changed: side, price, quantity."""


@dataclass
class Standing:
    """The orders that stand, by id, in the order in which they joined their queues.

    ``orders``: id → (side, price, quantity). ``levels``: (side, tick) → quantities by id.
    """

    tick_size: float | None = None
    orders: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    levels: dict[tuple[int, float], dict[int, float]] = field(default_factory=dict)

    def apply_rows(self, rows: NDArray[np.void]) -> None:
        """Take order-level and CLEAR rows, in order; others are left alone."""
        rows = rows[(rows["kind"] >= ORDER_ADD) | (rows["kind"] == CLEAR)]
        for values in zip(*(rows[name].tolist() for name in _COLUMNS), strict=True):
            self.apply(*values)

    def apply(self, kind: int, ref: int, side: int, px: float, qty: float) -> list[Change]:
        """Take one row; the levels whose sums it changed (not for CLEAR, which says so itself)."""
        if kind == CLEAR:
            self._clear(side, px)
            return []
        if kind == ORDER_EXEC:
            return []
        before = self.orders.get(ref)
        if kind == ORDER_CANCEL or not qty > 0.0:
            return [] if before is None else [self._take_out(ref, before)]
        if before is None:
            return [self._put_in(ref, (side, px, qty))] if side != 0 else []
        after = (before[0], px, qty)
        if after == before:
            return []
        if self._level(after) == self._level(before):
            if qty <= before[2]:
                self.orders[ref] = after
                self.levels[self._level(after)][ref] = qty
                return [self._sum(after)]
            self._take_out(ref, before)
            return [self._put_in(ref, after)]
        return [self._take_out(ref, before), self._put_in(ref, after)]

    def _level(self, order: tuple[int, float, float]) -> tuple[int, float]:
        side, px, _ = order
        return side, px if self.tick_size is None else math.floor(px / self.tick_size + 0.5)

    def _put_in(self, ref: int, order: tuple[int, float, float]) -> Change:
        self.orders[ref] = order
        self.levels.setdefault(self._level(order), {})[ref] = order[2]
        return self._sum(order)

    def _take_out(self, ref: int, order: tuple[int, float, float]) -> Change:
        level = self._level(order)
        del self.orders[ref], self.levels[level][ref]
        change = self._sum(order)
        if not self.levels[level]:
            del self.levels[level]
        return change

    def _sum(self, order: tuple[int, float, float]) -> Change:
        return order[0], order[1], math.fsum(self.levels[self._level(order)].values())

    def _clear(self, side: int, px: float) -> None:
        for ref, order in list(self.orders.items()):
            if side in (0, order[0]) and (math.isnan(px) or (order[1] - px) * order[0] >= 0.0):
                self._take_out(ref, order)


class LevelSums:
    """Adds the sums of levels to a recording's chunks, in order; others than order-level ones pass.

    Rows must be ordered for both clocks. Findings (``unknown_order``, ``duplicate_order``) go to
    `report`, under the file name `name`.
    """

    def __init__(self, instrument: Instrument, report: Report | None = None, name: str = "rows") -> None:
        self._report = report or Report(mode="repair")
        self._name = name
        self._exch = self._local = Standing(instrument.tick_size)
        self._started = False

    def __call__(self, chunk: Chunk) -> Chunk:
        """The chunk with its sums; the chunk itself if it has no order-level rows."""
        rows = chunk.rows
        orders = rows["kind"] >= ORDER_ADD
        self._started |= bool(orders.any())
        if not self._started:
            return chunk
        at = np.flatnonzero(orders | (rows["kind"] == CLEAR))
        columns = [rows[name][at].tolist() for name in ("flags", *_COLUMNS)]
        behind: list[int] = []
        made: list[tuple[int, int, float, float]] = []
        for place, flags, *values in zip(at.tolist(), *columns, strict=True):
            for clocks, change in self._changes(flags, *values):
                behind.append(place)
                made.append((clocks, *change))
        if not made:
            return chunk
        self._report.rows_added["level_sum"] += len(made)
        return Chunk(_with_sums(rows, behind, made), chunk.snapshots)

    def _changes(
        self, flags: int, kind: int, ref: int, side: int, px: float, qty: float
    ) -> list[tuple[int, Change]]:
        """Changed levels and the clocks that see them. The clocks share one book while they can."""
        clocks = flags & (EXCH | LOCAL)
        if self._local is self._exch and clocks != EXCH | LOCAL:
            self._local = copy.deepcopy(self._exch)
        self._check(self._exch if clocks & EXCH else self._local, kind, ref)
        if self._local is self._exch:
            return [(clocks, change) for change in self._exch.apply(kind, ref, side, px, qty)]
        seen = self._exch.apply(kind, ref, side, px, qty) if clocks & EXCH else []
        heard = self._local.apply(kind, ref, side, px, qty) if clocks & LOCAL else []
        if seen == heard:
            return [(EXCH | LOCAL, change) for change in seen]
        return [(EXCH, change) for change in seen] + [(LOCAL, change) for change in heard]

    def _check(self, standing: Standing, kind: int, ref: int) -> None:
        if kind == CLEAR or (kind == ORDER_ADD) != (ref in standing.orders):
            return
        code = "duplicate_order" if kind == ORDER_ADD else "unknown_order"
        self._report.find(code, self._name, count=1, detail=f"last id {ref}")


def _with_sums(
    rows: NDArray[np.void], behind: list[int], made: list[tuple[int, int, float, float]]
) -> NDArray[np.void]:
    """`rows` with the levels `made` (clocks, side, price, quantity) behind the rows they come of."""
    sums = rows[behind]
    clocks, side, px, qty = (np.array(column) for column in zip(*made, strict=True))
    sums["kind"], sums["code"], sums["ref"], sums["val"] = DEPTH, SUMMED, 0, 0.0
    sums["side"], sums["px"], sums["qty"] = side, px, qty
    last = np.append(np.diff(behind) != 0, True)
    sums["flags"] &= ~np.uint16(EXCH | LOCAL | END)
    sums["flags"] |= clocks.astype(np.uint16)
    sums["flags"][last] |= rows["flags"][behind][last] & END
    rows = rows.copy()
    rows["flags"][behind] &= ~np.uint16(END)
    return np.insert(rows, np.asarray(behind) + 1, sums)


def with_level_sums(rows: NDArray[np.void], instrument: Instrument) -> NDArray[np.void]:
    """Order-level rows (`EVENT`, ordered for both clocks) with the DEPTH rows they sum to."""
    return LevelSums(instrument)(Chunk(rows, np.empty((0, 4, 1)))).rows
