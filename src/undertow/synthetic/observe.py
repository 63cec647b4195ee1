"""One pass over any recording, collecting what its statistics are made of.

The pass follows the *exchange's* clock (rows flagged ``EXCH``) and keeps the recording's own book, so
a generated market and a recorded one are measured by the same code through the same feed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import BBO, DEPTH, EXCH, SNAPSHOT, TRADE
from undertow.instrument import price_of, step_ticks
from undertow.kernel.l2book import Book, apply_row, has_both_sides, level_qty, mid_price, new_book
from undertow.recording import Recording
from undertow.records import Rec, new_record

FROM_STEPS: Final = (0, 1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 128, 200, 320, 500, 800)
"""Bins of distance from the touch, in price steps."""
_PROBES: Final = 3
_SAMPLE_NS: Final = 250_000_000
_LATENCY_SAMPLES: Final = 200_000

TOUCH: Final = np.dtype(
    [("exch_ns", "<i8"), ("mid", "<f8"), ("spread_steps", "<f8"), ("spread_bps", "<f8")], align=True
)
"""The touch from this moment to the next entry."""

TAKER: Final = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("qty", "<f8"),
        ("near_px", "<f8"),
        ("far_px", "<f8"),
        ("prints", "<i8"),
        ("levels", "<i8"),
        ("side", "i1"),
    ],
    align=True,
)
"""One aggressor order: the prints of one side at one exchange time."""

PROBE: Final = np.dtype([("exch_ns", "<i8"), ("qty", "<f8", (len(FROM_STEPS), 2 * _PROBES))], align=True)
"""Sizes at the probed distances of both sides at one moment; NaN where the feed does not say."""

CURSOR: Final = np.dtype(
    [
        ("touches", "<i8"),
        ("takers", "<i8"),
        ("probes", "<i8"),
        ("touch_changes", "<i8"),
        ("imbalance_sum", "<f8"),  # Σ sign of the move · imbalance of the touch just before it
        ("imbalance_n", "<i8"),
        ("best_bid", "<i8"),
        ("best_ask", "<i8"),
        ("bid_qty", "<f8"),
        ("ask_qty", "<f8"),
        ("next_sample_ns", "<i8"),
        ("last_bid", "<i8"),
        ("last_ask", "<i8"),
        ("last_sample_ns", "<i8"),
        ("snapshots", "<i8"),
        ("messages", "<i8", (32,)),
        ("same", "<f8", (len(FROM_STEPS),)),
        ("compared", "<f8", (len(FROM_STEPS),)),
        ("compared_s", "<f8", (len(FROM_STEPS),)),
    ],
    align=True,
)


class Buffers(NamedTuple):
    """Growing arrays of a pass; ``last_qty`` is what the previous probe saw."""

    touches: NDArray[np.void]
    takers: NDArray[np.void]
    probes: NDArray[np.void]
    last_qty: NDArray[np.float64]
    from_steps: NDArray[np.int64]
    cursor: Rec


class Observations(NamedTuple):
    """What one pass saw: touch changes, aggressor orders, probes of the book, latencies (ns)."""

    touches: NDArray[np.void]
    takers: NDArray[np.void]
    probes: NDArray[np.void]
    latency_ns: NDArray[np.int64]
    book_times_ns: NDArray[np.int64]
    cursor: Rec


@compiled
def _note_touch(buf: Buffers, book: Book, inst: Rec, exch_ns: int) -> None:
    c, top = buf.cursor, book.top
    if not has_both_sides(book) or top.best_bid >= top.best_ask:
        return
    bid_qty = level_qty(book, 1, top.best_bid)
    ask_qty = level_qty(book, -1, top.best_ask)
    moved = top.best_bid != c.best_bid or top.best_ask != c.best_ask
    if moved or bid_qty != c.bid_qty or ask_qty != c.ask_qty:
        c.touch_changes += 1
    bid_before, ask_before = c.bid_qty, c.ask_qty
    c.bid_qty, c.ask_qty = bid_qty, ask_qty
    if not moved:
        return
    up = top.best_bid + top.best_ask - c.best_bid - c.best_ask
    if c.touches > 0 and up != 0:
        c.imbalance_sum += np.sign(up) * (bid_before - ask_before) / (bid_before + ask_before)
        c.imbalance_n += 1
    c.best_bid, c.best_ask = top.best_bid, top.best_ask
    if c.touches > 0 and buf.touches[c.touches - 1].exch_ns == exch_ns:
        c.touches -= 1
    t = buf.touches[c.touches]
    t.exch_ns = exch_ns
    t.mid = mid_price(book, inst)
    steps = (top.best_ask - top.best_bid) / step_ticks(inst, top.best_bid)
    t.spread_steps = steps
    t.spread_bps = 1e4 * (price_of(inst, top.best_ask) - price_of(inst, top.best_bid)) / t.mid
    c.touches += 1


@compiled
def _note_print(buf: Buffers, row: Rec) -> None:
    c = buf.cursor
    if row.side == 0:
        return
    if c.takers > 0:
        order = buf.takers[c.takers - 1]
        if order.exch_ns == row.exch_ns and order.side == row.side:
            order.qty += row.qty
            order.prints += 1
            order.levels += row.px != order.far_px
            if row.side * row.px > row.side * order.far_px:
                order.far_px = row.px
            if row.side * row.px < row.side * order.near_px:
                order.near_px = row.px
            return
    order = buf.takers[c.takers]
    order.exch_ns = row.exch_ns
    order.side = row.side
    order.qty = row.qty
    order.prints = 1
    order.levels = 1
    order.near_px = row.px
    order.far_px = row.px
    c.takers += 1


@compiled
def _probe_distance(from_steps: NDArray[np.int64], b: int, i: int) -> int:
    low = from_steps[b]
    high = from_steps[b + 1] - 1 if b + 1 < from_steps.shape[0] else 2 * low
    return low + (high - low) * i // (_PROBES - 1)


@compiled
def _probe(buf: Buffers, book: Book, inst: Rec, exch_ns: int) -> None:
    """Read the book at every probed distance; compare what stood there at the last probe."""
    c, top = buf.cursor, book.top
    if not has_both_sides(book) or c.probes >= buf.probes.shape[0]:
        return
    entry = buf.probes[c.probes]
    entry.exch_ns = exch_ns
    elapsed_s = 1e-9 * (exch_ns - c.last_sample_ns)
    for side in (1, -1):
        best = top.best_bid if side > 0 else top.best_ask
        last_best = c.last_bid if side > 0 else c.last_ask
        step = step_ticks(inst, best)
        for b in range(buf.from_steps.shape[0]):
            for i in range(_PROBES):
                at = i if side > 0 else _PROBES + i
                distance = _probe_distance(buf.from_steps, b, i) * step
                then = buf.last_qty[b, at]
                if c.probes > 0 and then > 0.0 and elapsed_s < 2.0:
                    now = level_qty(book, side, last_best - side * distance)
                    if not np.isnan(now):
                        c.compared[b] += 1.0
                        c.compared_s[b] += elapsed_s
                        c.same[b] += now == then
                qty = level_qty(book, side, best - side * distance)
                entry.qty[b, at] = qty
        if side > 0:
            c.last_bid = best
        else:
            c.last_ask = best
    for b in range(buf.from_steps.shape[0]):
        for at in range(2 * _PROBES):
            buf.last_qty[b, at] = entry.qty[b, at]
    c.last_sample_ns = exch_ns
    c.probes += 1


@compiled
def _observe_chunk(
    buf: Buffers,
    book: Book,
    inst: Rec,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    first: int,
    snapshot_fed: bool,
) -> int:
    """Observe rows from `first` on; returns where it had to stop for want of room."""
    c = buf.cursor
    for i in range(first, rows.shape[0]):
        full = c.touches + 2 > buf.touches.shape[0] or c.takers + 2 > buf.takers.shape[0]
        if full or c.probes + 2 > buf.probes.shape[0]:
            return i
        row = rows[i]
        if not row.flags & EXCH or row.asset != 0:
            continue
        kind = row.kind
        if kind < 32 and (kind > BBO or row.flags & 4):
            c.messages[kind] += 1
        if kind == TRADE:
            _note_print(buf, row)
            continue
        if kind > BBO:
            continue
        if not snapshot_fed and row.exch_ns >= c.next_sample_ns and kind == DEPTH:
            _probe(buf, book, inst, row.exch_ns)
            c.next_sample_ns = row.exch_ns + _SAMPLE_NS
        apply_row(book, inst, row, snapshots)
        if row.flags & 4:
            _note_touch(buf, book, inst, row.exch_ns)
        if kind == SNAPSHOT and snapshot_fed:
            _probe(buf, book, inst, row.exch_ns)
    return rows.shape[0]


def _doubled(array: NDArray[np.void]) -> NDArray[np.void]:
    return np.concatenate([array, np.zeros_like(array)])


def _grown(buf: Buffers) -> Buffers:
    return buf._replace(
        touches=_doubled(buf.touches), takers=_doubled(buf.takers), probes=_doubled(buf.probes)
    )


def observe(recording: Recording) -> Observations:
    """Pass over `recording` once."""
    inst = recording.instrument.record()
    book = new_book(window_ticks=1 << 17)
    buf = Buffers(
        np.zeros(65_536, TOUCH),
        np.zeros(65_536, TAKER),
        np.zeros(16_384, PROBE),
        np.full((len(FROM_STEPS), 2 * _PROBES), np.nan),
        np.array(FROM_STEPS, np.int64),
        new_record(CURSOR),
    )
    latency: list[NDArray[np.int64]] = []
    times: list[NDArray[np.int64]] = []
    seen = 0
    for chunk in recording.chunks():
        at = 0
        while at < len(chunk.rows):
            at = _observe_chunk(buf, book, inst, chunk.rows, chunk.snapshots, at, recording.snapshot_fed)
            if at < len(chunk.rows):
                buf = _grown(buf)
        books = chunk.rows[(chunk.rows["kind"] <= BBO) & ((chunk.rows["flags"] & 7) == 7)]
        if seen < _LATENCY_SAMPLES and len(books):
            latency.append(books["recv_ns"] - books["exch_ns"])
            times.append(books["exch_ns"])
            seen += len(books)
    c = buf.cursor
    none = np.empty(0, np.int64)
    return Observations(
        buf.touches[: c["touches"]],
        buf.takers[: c["takers"]],
        buf.probes[: c["probes"]],
        np.concatenate(latency) if latency else none,
        np.concatenate(times) if times else none,
        c,
    )
