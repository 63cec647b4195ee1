"""The book at a place in a recording that is fed by changes, so that a replay can start there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import event_rows
from undertow.data.orders import Standing
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    END,
    EXCH,
    IMAGE,
    LOCAL,
    ORDER_ADD,
    SUMMED,
    Chunk,
    empty_snapshots,
)


@dataclass
class _Levels:
    """Levels of one side as `sign`·price, best first where larger: `sign` +1 for bids, -1 for asks."""

    sign: int
    px: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    qty: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def apply(self, rows: NDArray[np.void]) -> None:
        """Apply the book rows of one clock, in order.

        Vectorised: the last size written to each price counts, unless a later row voided the price.
        A row voids all that is better than some price: a best quote what is better than itself, a
        level of the other side what it crosses, CLEAR what it names.
        """
        n = len(rows)
        own = rows["side"] == self.sign
        kind = rows["kind"]
        sets = own & ((kind == DEPTH) | ((kind == BBO) & (rows["qty"] > 0.0)))
        px = np.concatenate([self.px, self.sign * rows["px"][sets]])
        qty = np.concatenate([self.qty, rows["qty"][sets]])
        at = np.concatenate([np.full(len(self.px), -1), np.flatnonzero(sets)])
        # A price is void if better than the lowest bound set after it was written.
        bound = np.full(n + 1, np.inf)
        signed = self.sign * rows["px"]
        best = own & (kind == BBO)
        bound[:n][best] = np.where(rows["qty"][best] > 0.0, signed[best], -np.inf)
        crossing = ~own & (rows["qty"] > 0.0) & ((kind == DEPTH) | (kind == BBO))
        bound[:n][crossing] = np.nextafter(signed[crossing], -np.inf)
        clear = (kind == CLEAR) & (own | (rows["side"] == 0))
        through = np.nextafter(signed[clear], -np.inf)
        bound[:n][clear] = np.where(np.isnan(through), -np.inf, through)
        lowest_from = np.minimum.accumulate(bound[::-1])[::-1]
        # Of writes to one price only the last counts.
        _, last = np.unique(px[::-1], return_index=True)
        last = len(px) - 1 - last
        alive = (qty[last] > 0.0) & (px[last] <= lowest_from[at[last] + 1])
        self.px, self.qty = px[last][alive], qty[last][alive]


@dataclass
class BookImage:
    """The books of both clocks, and the orders in them where the recording shows those."""

    levels: dict[tuple[int, int], _Levels] = field(
        default_factory=lambda: {(f, s): _Levels(s) for f in (EXCH, LOCAL) for s in (1, -1)}
    )
    orders: dict[int, Standing] = field(default_factory=lambda: {EXCH: Standing(), LOCAL: Standing()})
    exch_ns: int | None = None

    def apply(self, chunk: Chunk) -> None:
        """Take the rows of a chunk (a feed of changes carries no snapshots)."""
        rows = chunk.rows
        if not len(rows):
            return
        seen = rows["exch_ns"][rows["flags"] & EXCH != 0]
        if len(seen):
            self.exch_ns = int(seen[-1])
        for (flag, _), levels in self.levels.items():
            levels.apply(rows[(rows["flags"] & flag != 0) & (rows["kind"] <= BBO)])
        if any(o.orders for o in self.orders.values()) or np.any(rows["kind"] >= ORDER_ADD):
            for flag, orders in self.orders.items():
                orders.apply_rows(rows[rows["flags"] & flag != 0])

    def chunks(self, recv_ns: int) -> Iterator[Chunk]:
        """The image: for each clock CLEAR, its orders, first come first, and its levels, best first.

        All is received at `recv_ns`.
        """
        if self.exch_ns is None:
            return
        for flag in (EXCH, LOCAL):
            sides = [self.levels[flag, side] for side in (1, -1)]
            standing = self.orders[flag].orders
            n = 1 + len(standing) + sum(len(side.px) for side in sides)
            rows = event_rows(n, exch_ns=self.exch_ns, recv_ns=recv_ns, kind=DEPTH)
            rows["code"] = SUMMED if standing else IMAGE
            rows["kind"][0], rows["code"][0], rows["px"][0] = CLEAR, 0, np.nan
            at = 1 + len(standing)
            rows["kind"][1:at], rows["code"][1:at] = ORDER_ADD, IMAGE
            for row, (order_id, order) in zip(rows[1:at], standing.items(), strict=True):
                row["ref"], row["side"], row["px"], row["qty"] = order_id, *order
            for side in sides:
                best_first = np.argsort(-side.px)
                part = rows[at : at + len(side.px)]
                part["px"] = side.sign * side.px[best_first]
                part["qty"] = side.qty[best_first]
                part["side"] = side.sign
                at += len(side.px)
            rows["flags"] = flag
            rows["flags"][-1] |= END
            yield Chunk(rows, empty_snapshots())
