"""Row by row checks of a feed, before its rows are merged with those of other feeds.

Each check notes what it finds and applies the one sound repair that `undertow.data.report.RULES`
names for it; in strict mode noting a serious finding raises instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import Batch
from undertow.data.report import Report
from undertow.events import (
    BBO,
    DEPTH,
    END,
    EXCH,
    LOCAL,
    MARK,
    ORACLE,
    ORDER_ADD,
    ORDER_EXEC,
    ORDER_MODIFY,
    REFERENCE,
    REPAIRED,
    SNAPSHOT,
    TRADE,
)

_IDS_REMEMBERED: Final = 1_000_000
Mask = NDArray[np.bool_]


@dataclass
class FeedChecks:
    """The checks of one feed, with what they remember from batch to batch."""

    report: Report
    ordered: bool = False
    """The rows are already ordered for both clocks: times are raised, never lowered, to keep that."""
    last_recv_ns: int = -(2**63)
    last_exch_ns: int = -(2**63)
    trades_seen: dict[tuple[int, int, int], None] = field(default_factory=dict)
    """Trade id, exchange time, and the clocks that see it: the halves of a split row are not repeats."""

    def __call__(self, file: str, batch: Batch) -> Batch:
        """The batch as far as it is sound, its messages ended by END."""
        self.report.rows_made += len(batch.rows)
        if not len(batch.rows):
            return batch
        if self.ordered:
            self._keep_order(file, batch)
        else:
            self._receive_order(file, batch)
            self._behind(file, batch)
            self._exchange_order(file, batch)
        drop = self._bad_numbers(file, batch)
        drop |= self._sides(file, batch)
        drop |= self._snapshots(file, batch, drop)
        if not self.ordered:
            drop |= self._crossed_messages(file, batch, drop)
        drop |= self._duplicates(file, batch, drop)
        return _finish(batch, drop)

    def _note(self, code: str, file: str, batch: Batch, found: Mask, *, drop: bool = False) -> Mask:
        count = int(np.count_nonzero(found))
        if count:
            self.report.find(code, file, np.unique(batch.lines[found])[:5], count=count)
            if drop:
                self.report.drop_rows(code, count)
        return found

    def _receive_order(self, file: str, batch: Batch) -> None:
        recv = batch.rows["recv_ns"]
        latest = np.maximum.accumulate(np.maximum(recv, self.last_recv_ns))
        found = recv < latest
        if found.any():
            self._note("time_backwards", file, batch, found)
            recv[found] = latest[found]
            batch.rows["flags"][found] |= REPAIRED
        self.last_recv_ns = int(latest[-1])

    def _keep_order(self, file: str, batch: Batch) -> None:
        """Order of rows split for two clocks; their times may only grow."""
        rows = batch.rows
        on_exch = np.flatnonzero(rows["flags"] & EXCH)
        latest = np.maximum.accumulate(np.append(self.last_exch_ns, rows["exch_ns"][on_exch]))
        self._raise(file, batch, "late", "exch_ns", on_exch, latest[1:])
        every = np.arange(len(rows))
        self._raise(
            file, batch, "clock_behind", "recv_ns", every, np.maximum(rows["recv_ns"], rows["exch_ns"])
        )
        on_local = np.flatnonzero(rows["flags"] & LOCAL)
        received = np.maximum.accumulate(np.append(self.last_recv_ns, rows["recv_ns"][on_local]))
        self._raise(file, batch, "time_backwards", "recv_ns", on_local, received[1:])
        self.last_exch_ns, self.last_recv_ns = int(latest[-1]), int(received[-1])

    def _raise(
        self,
        file: str,
        batch: Batch,
        code: str,
        name: str,
        at: NDArray[np.int64],
        floor: NDArray[np.int64],
    ) -> None:
        found = np.zeros(len(batch.rows), dtype=bool)
        found[at] = batch.rows[name][at] < floor
        if found.any():
            self._note(code, file, batch, found)
            batch.rows[name][at] = floor
            batch.rows["flags"][found] |= REPAIRED

    def _behind(self, file: str, batch: Batch) -> None:
        rows = batch.rows
        found = rows["recv_ns"] < rows["exch_ns"]
        if found.any():
            self._note("clock_behind", file, batch, found)
            rows["exch_ns"][found] = rows["recv_ns"][found]
            rows["flags"][found] |= REPAIRED

    def _exchange_order(self, file: str, batch: Batch) -> None:
        exch = batch.rows["exch_ns"]
        latest = np.maximum.accumulate(np.maximum(exch, self.last_exch_ns))
        self._note("exchange_order", file, batch, exch < latest)
        self.last_exch_ns = int(latest[-1])

    def _bad_numbers(self, file: str, batch: Batch) -> Mask:
        rows = batch.rows
        kind, px, qty = rows["kind"], rows["px"], rows["qty"]
        orders = (kind == ORDER_ADD) | (kind == ORDER_MODIFY) | (kind == ORDER_EXEC)
        sized = (kind == DEPTH) | (kind == BBO) | (kind == TRADE) | orders
        with np.errstate(invalid="ignore"):
            bad_size = sized & ~((qty >= 0.0) & np.isfinite(qty))
            bad_size |= np.isin(kind, (TRADE, ORDER_ADD, ORDER_EXEC)) & (qty == 0.0)
            priced = sized | (kind == MARK) | (kind == ORACLE) | (kind == REFERENCE)
            priced &= ~((kind == BBO) & (qty == 0.0))
            bad_price = priced & ~((px > 0.0) & np.isfinite(px))
        self._note("bad_price", file, batch, bad_price, drop=True)
        bad_size &= ~bad_price
        self._note("bad_size", file, batch, bad_size, drop=True)
        return bad_price | bad_size

    def _sides(self, file: str, batch: Batch) -> Mask:
        rows = batch.rows
        kind = rows["kind"]
        unknown = rows["side"] == 0
        trades = self._note("unknown_side", file, batch, unknown & (kind == TRADE) & (rows["code"] == 0))
        rows["flags"][trades] |= REPAIRED
        return self._note(
            "unknown_side", file, batch, unknown & np.isin(kind, (DEPTH, BBO, ORDER_ADD)), drop=True
        )

    def _snapshots(self, file: str, batch: Batch, dropped: Mask) -> Mask:
        at = np.flatnonzero((batch.rows["kind"] == SNAPSHOT) & ~dropped)
        drop = np.zeros(len(batch.rows), dtype=bool)
        if not len(at):
            return drop
        table = batch.snapshots
        ref = batch.rows["ref"][at]
        for rule, name in ((0, "bad_price"), (1, "bad_size")):
            holes = _bad_levels(table, rule)[ref]
            if holes.any():
                found = np.zeros_like(drop)
                found[at[holes]] = True
                self._note(name, file, batch, found)
                batch.rows["flags"][found] |= REPAIRED
        _close_holes(table)
        books = table[ref]
        with np.errstate(invalid="ignore"):
            bid, ask = books[:, 0, 0], books[:, 2, 0]
            unsorted = (np.diff(books[:, 0], axis=1) >= 0).any(1) | (np.diff(books[:, 2], axis=1) <= 0).any(1)
            crossed = (bid > ask) & ~unsorted
            locked = (bid == ask) & ~unsorted
        for name, where, out in (
            ("unsorted_book", unsorted, True),
            ("crossed_book", crossed, True),
            ("locked_book", locked, False),
        ):
            found = np.zeros_like(drop)
            found[at[where]] = True
            self._note(name, file, batch, found, drop=out)
            if out:
                drop |= found
        return drop

    def _crossed_messages(self, file: str, batch: Batch, dropped: Mask) -> Mask:
        """Best quotes, or changed levels, of one message that cross each other."""
        rows = batch.rows
        drop = np.zeros(len(rows), dtype=bool)
        number = np.cumsum(np.diff(batch.message, prepend=batch.message[:1]) != 0)
        for kind in (BBO, DEPTH):
            live = (rows["kind"] == kind) & ~dropped & (rows["qty"] > 0.0)
            bids = np.full(number[-1] + 1, -np.inf)
            asks = np.full(number[-1] + 1, np.inf)
            buy, sell = live & (rows["side"] > 0), live & (rows["side"] < 0)
            np.maximum.at(bids, number[buy], rows["px"][buy])
            np.minimum.at(asks, number[sell], rows["px"][sell])
            of_kind = (rows["kind"] == kind) & ~dropped
            locked = (bids == asks)[number] & of_kind
            if locked.any():
                first = locked & _firsts(number, locked)
                self._note("locked_book", file, batch, first)
            crossed = (bids > asks)[number] & of_kind
            drop |= self._note("crossed_book", file, batch, crossed, drop=True)
        return drop

    def _duplicates(self, file: str, batch: Batch, dropped: Mask) -> Mask:
        rows = batch.rows
        drop = np.zeros(len(rows), dtype=bool)
        at = np.flatnonzero((rows["kind"] == TRADE) & (rows["ref"] != 0) & ~dropped)
        seen = self.trades_seen
        clocks = rows["flags"][at] & (EXCH | LOCAL)
        keys = zip(rows["ref"][at].tolist(), rows["exch_ns"][at].tolist(), clocks.tolist(), strict=True)
        for i, key in zip(at.tolist(), keys, strict=True):
            if key in seen:
                drop[i] = True
            else:
                seen[key] = None
        if len(seen) > 2 * _IDS_REMEMBERED:
            self.trades_seen = dict.fromkeys(list(seen)[-_IDS_REMEMBERED:])
        return self._note("duplicate_trade", file, batch, drop, drop=True)


def _firsts(number: NDArray[np.int64], found: Mask) -> Mask:
    """The first found row of each message."""
    first = np.zeros(len(number), dtype=bool)
    _, at = np.unique(number[found], return_index=True)
    first[np.flatnonzero(found)[at]] = True
    return first


def _bad_levels(table: NDArray[np.float64], row: int) -> Mask:
    """Which snapshots hold a bad price (`row` 0) or size (1) before the last level of a side."""
    with np.errstate(invalid="ignore"):
        value = table[:, row::2]
        good = (value > 0.0) & np.isfinite(value)
    other = ~np.isnan(table[:, 1 - row :: 2]) | ~np.isnan(value)
    # A level is there if it or a deeper one has any number in it.
    there = np.maximum.accumulate(other[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray((there & ~good).any((1, 2)))


def _close_holes(table: NDArray[np.float64]) -> None:
    """Take bad levels out of each side and move the deeper ones up, in place."""
    with np.errstate(invalid="ignore"):
        for side in (0, 2):
            px, qty = table[:, side], table[:, side + 1]
            good = (px > 0.0) & np.isfinite(px) & (qty > 0.0) & np.isfinite(qty)
            beyond = np.isnan(px) & np.isnan(qty)
            holes = (~good & ~beyond).any(1) | (np.diff(good.astype(np.int8), axis=1) > 0).any(1)
            broken = np.flatnonzero(holes)
            for k in broken.tolist():
                for values in (px, qty):
                    kept = values[k][good[k]]
                    values[k] = np.nan
                    values[k][: len(kept)] = kept


def _finish(batch: Batch, drop: Mask) -> Batch:
    """The rows that stay, END on the last of each message."""
    rows, snapshots, lines, message = batch
    if drop.any():
        rows, lines, message = rows[~drop], lines[~drop], message[~drop]
    if len(rows):
        last = np.append(message[1:] != message[:-1], True)
        rows["flags"] &= ~np.uint16(END)
        rows["flags"][last] |= END
    return Batch(rows, snapshots, lines, message)
