"""From feeds to chunks: merged by receipt, gaps marked, ordered for both clocks, cut to size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import event_rows
from undertow.data.report import Report
from undertow.events import (
    END,
    GAP,
    REPAIRED,
    SNAPSHOT,
    Chunk,
    empty_snapshots,
    order_for_two_clocks,
)
from undertow.units import NS_PER_S, ns_to_s

CHUNK_ROWS: Final = 131_072
CHUNK_BYTES: Final = 16 << 20
HORIZON_NS: Final = 60 * NS_PER_S
"""How much later than it happened a row may be received and still be put in its place."""


def chunk_of(rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> Chunk:
    """`rows` with the snapshots they refer to, and no others, in order of first use."""
    at = np.flatnonzero(rows["kind"] == SNAPSHOT)
    if not len(at):
        return Chunk(rows, snapshots[:0])
    used, inverse = np.unique(rows["ref"][at], return_inverse=True)
    if len(used) == len(snapshots) and used[0] == 0 and used[-1] == len(used) - 1:
        return Chunk(rows, snapshots)
    rows = rows.copy()
    rows["ref"][at] = inverse
    return Chunk(rows, snapshots[used])


def join(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of several, one after the other; shallower snapshots are padded with NaN."""
    if len(chunks) == 1:
        return chunks[0]
    tables = [c.snapshots for c in chunks if len(c.snapshots)]
    depth = max((t.shape[2] for t in tables), default=chunks[0].snapshots.shape[2])
    pieces, offset = [], 0
    for rows, snapshots in chunks:
        if len(snapshots):
            rows = rows.copy()
            rows["ref"][rows["kind"] == SNAPSHOT] += offset
            offset += len(snapshots)
        pieces.append(rows)
    if not tables:
        return Chunk(np.concatenate(pieces), empty_snapshots(depth))
    return Chunk(np.concatenate(pieces), np.concatenate([deepened(t, depth) for t in tables]))


def deepened(table: NDArray[np.float64], depth: int) -> NDArray[np.float64]:
    """The snapshot table with `depth` levels, the new ones NaN."""
    if table.shape[2] == depth:
        return table
    wide = np.full((len(table), 4, depth), np.nan)
    wide[:, :, : table.shape[2]] = table
    return wide


def merge_by_receipt(feeds: Sequence[Iterator[Chunk]]) -> Iterator[Chunk]:
    """Merge feeds, each in order of receipt; at equal times the earlier feed goes first."""
    heads: list[Chunk | None] = [_next_with_rows(feed) for feed in feeds]
    while any(head is not None for head in heads):
        limit = min(int(head.rows["recv_ns"][-1]) for head in heads if head is not None)
        taken: list[Chunk] = []
        for k, head in enumerate(heads):
            if head is None:
                continue
            count = int(np.searchsorted(head.rows["recv_ns"], limit, side="right"))
            if count:
                taken.append(chunk_of(head.rows[:count], head.snapshots))
            if count == len(head.rows):
                heads[k] = _next_with_rows(feeds[k])
            elif count:
                heads[k] = chunk_of(head.rows[count:], head.snapshots)
        merged = join(taken)
        order = np.argsort(merged.rows["recv_ns"], kind="stable")
        yield Chunk(merged.rows[order], merged.snapshots)


def _next_with_rows(feed: Iterator[Chunk]) -> Chunk | None:
    return next((chunk for chunk in feed if len(chunk.rows)), None)


def with_gaps(chunks: Iterator[Chunk], gap_ns: int, report: Report, name: str) -> Iterator[Chunk]:
    """Insert a GAP row wherever nothing was received for longer than `gap_ns`."""
    last_recv = last_exch = None
    longest = 0
    for rows, snapshots in chunks:
        recv, exch = rows["recv_ns"], rows["exch_ns"]
        previous = np.concatenate(([recv[0] if last_recv is None else last_recv], recv[:-1]))
        latest = np.maximum.accumulate(np.concatenate(([exch[0] if last_exch is None else last_exch], exch)))
        last_recv, last_exch = int(recv[-1]), int(latest[-1])
        at = np.flatnonzero(recv - previous > gap_ns)
        if len(at):
            silence = recv[at] - previous[at]
            longest = max(longest, int(silence.max()))
            report.find("gap", name, count=len(at), detail=f"longest {ns_to_s(longest):.1f} s")
            report.rows_added["gap"] += len(at)
            gaps = event_rows(len(at), exch_ns=latest[at], recv_ns=recv[at], val=silence * 1e-9, kind=GAP)
            gaps["flags"] |= END
            rows = np.insert(rows, at, gaps)
        yield Chunk(rows, snapshots)


class TwoClocks:
    """Turns rows in order of receipt into chunks ordered for both clocks, across chunk borders too.

    Rows are held back until nothing that may still come, up to `HORIZON_NS` late, could belong
    between them; what comes later than that is a ``late`` finding.
    """

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name
        self._written_exch_ns = -(2**63)
        self._held: list[Chunk] = []
        self._try_at = 0

    def push(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take rows; yield what is settled."""
        self._raise_late(chunk.rows)
        self._held.append(chunk)
        size = sum(c.rows.nbytes + c.snapshots.nbytes for c in self._held)
        if size >= max(self._try_at, CHUNK_BYTES // 2):
            yield from self._settle(final=False)
            left = sum(c.rows.nbytes + c.snapshots.nbytes for c in self._held)
            self._try_at = left + CHUNK_BYTES // 2

    def finish(self) -> Iterator[Chunk]:
        """Yield the rest."""
        if self._held:
            yield from self._settle(final=True)

    def _raise_late(self, rows: NDArray[np.void]) -> None:
        late = rows["exch_ns"] < self._written_exch_ns
        if late.any():
            self._report.find("late", self._name, count=int(late.sum()))
            rows["exch_ns"][late] = self._written_exch_ns
            rows["flags"][late] |= REPAIRED

    def _settle(self, *, final: bool) -> Iterator[Chunk]:
        rows, snapshots = join(self._held)
        cut = len(rows) if final else _last_clean_cut(rows)
        if not cut:
            self._held = [Chunk(rows, snapshots)]
            return
        self._held = [] if cut == len(rows) else [chunk_of(rows[cut:], snapshots)]
        settled = order_for_two_clocks(rows[:cut])
        if len(settled) > cut:
            self._report.rows_added["split"] += len(settled) - cut
        self._written_exch_ns = max(self._written_exch_ns, int(rows["exch_ns"][:cut].max()))
        yield from cut_to_size(Chunk(settled, snapshots))


def _last_clean_cut(rows: NDArray[np.void]) -> int:
    """The last place, after a message's end, that separates the rows on both clocks for good."""
    exch = rows["exch_ns"]
    before = np.maximum.accumulate(exch)[:-1]
    earliest_to_come = int(rows["recv_ns"][-1]) - HORIZON_NS
    after = np.minimum(np.minimum.accumulate(exch[::-1])[::-1][1:], earliest_to_come)
    clean = np.flatnonzero((before <= after) & (rows["flags"][:-1] & END != 0))
    return int(clean[-1]) + 1 if len(clean) else 0


def cut_to_size(chunk: Chunk) -> Iterator[Chunk]:
    """Chunks of at most `CHUNK_ROWS` rows and about `CHUNK_BYTES`, same rows in the same order."""
    rows, snapshots = chunk
    per_row = np.full(len(rows), rows.itemsize, dtype=np.int64)
    per_row[rows["kind"] == SNAPSHOT] += 4 * 8 * snapshots.shape[2]
    filled = np.cumsum(per_row)
    start = 0
    while start < len(rows):
        base = int(filled[start - 1]) if start else 0
        stop = int(np.searchsorted(filled, base + CHUNK_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + CHUNK_ROWS, len(rows))
        yield chunk_of(rows[start:stop], snapshots)
        start = stop
