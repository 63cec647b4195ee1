"""What a feed of snapshots does to fills: one timetable of orders, matched on two feeds.

The full feed is Binance's (levels and prints). The thinned one is made from it: a snapshot of 20
levels a side every 0.5 s, and the prints. Orders are placed at the full feed's touch and beyond it
on a fixed timetable, whatever either feed shows, and canceled 2 s later, as a ladder that requotes
would; an order counts once, when it has filled in full. The bias is fills on the thinned feed over
fills on the full one, less one.
"""

from __future__ import annotations

import msgspec
import numba as nb
import numpy as np
from benchmarks.peer.cases import SOURCES
from benchmarks.peer.rows import levels_and_prints
from numpy.typing import NDArray

import bars
from bars import Figure
from bars._scheduled import PLANNED, scheduled
from undertow.data.convert import convert
from undertow.data.memory import InMemoryRecording
from undertow.events import DEPTH, END, EVENT, EXCH, LOCAL, SNAPSHOT, TRADE, Chunk, empty_snapshots
from undertow.instrument import Instrument, price_of
from undertow.kernel.l2book import Book, apply_row, has_both_sides, level_qty, new_book
from undertow.records import Rec
from undertow.replay import ReplaySettings, replay

TITLE = "Snapshot bias: fills on 0.5 s snapshots and prints against fills on the full feed"

MARKETS = ("Binance BTC USDⓈ-M 2024", "Binance BTC coin-M 2024", "Binance BTC spot 2024")
DEPTH_LEVELS = 20
EVERY_NS = 500_000_000
LIVE_NS = 2_000_000_000
SPACING_NS = 730_000_000
"""Between placements: no multiple of the snapshots' spacing, so that books of every age are met."""
BEYOND_BPS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Distances from the touch at which orders are placed; 0 is the touch."""

SETTINGS = ReplaySettings(
    order_latency_ms=10,
    order_jitter_ms=0,
    response_latency_ms=10,
    response_jitter_ms=0,
    cycle_interval_ms=50,
    sample_interval_s=0,
)


@nb.njit(cache=True)
def _image(book: Book, inst: Rec, out: NDArray[np.float64]) -> None:
    """The best levels of `book` into `out` (4, depth)."""
    for side in (1, -1):
        at = 0 if side > 0 else 2
        tick = book.top.best_bid if side > 0 else book.top.best_ask
        found = 0
        for _ in range(20_000):
            qty = level_qty(book, side, tick)
            if found == out.shape[1] or np.isnan(qty):
                break
            if qty > 0.0:
                out[at, found], out[at + 1, found] = price_of(inst, tick), qty
                found += 1
            tick -= side


@nb.njit(cache=True)
def _thin(
    book: Book, inst: Rec, rows: NDArray[np.void], out: NDArray[np.void], images: NDArray[np.float64]
) -> tuple[int, int]:
    """Replace level rows by a snapshot at every grid moment; returns rows and snapshots written."""
    n = images_n = 0
    due = rows[0].exch_ns + EVERY_NS
    delay = rows[0].recv_ns - rows[0].exch_ns
    for i in range(rows.shape[0]):
        while rows[i].exch_ns > due:
            if has_both_sides(book):
                _image(book, inst, images[images_n])
                out[n].exch_ns, out[n].recv_ns = due, due + delay
                out[n].kind, out[n].ref, out[n].flags = SNAPSHOT, images_n, EXCH | LOCAL | END
                n, images_n = n + 1, images_n + 1
            due += EVERY_NS
        if rows[i].kind == TRADE:
            out[n] = rows[i]
            n += 1
        else:
            apply_row(book, inst, rows[i], images)
    return n, images_n


@nb.njit(cache=True)
def _touches(
    book: Book, inst: Rec, rows: NDArray[np.void], moments: NDArray[np.int64], out: NDArray[np.int64]
) -> None:
    """Best bid and ask tick of the full feed just before each of `moments` (exchange time)."""
    at = 0
    nothing = np.empty((0, 4, 1))
    for i in range(rows.shape[0]):
        while at < moments.shape[0] and rows[i].exch_ns > moments[at]:
            out[at, 0], out[at, 1] = book.top.best_bid, book.top.best_ask
            at += 1
        apply_row(book, inst, rows[i], nothing)


def thinned(rows: NDArray[np.void], instrument: Instrument) -> Chunk:
    """The snapshot feed of a full one; both clocks in order."""
    span = int(rows["exch_ns"][-1] - rows["exch_ns"][0]) // EVERY_NS + 2
    out = np.zeros(int(np.count_nonzero(rows["kind"] == TRADE)) + span, dtype=EVENT)
    images = np.full((span, 4, DEPTH_LEVELS), np.nan)
    n, images_n = _thin(new_book(), instrument.record(), rows, out, images)
    return Chunk(out[:n].copy(), images[:images_n].copy())


def timetable(rows: NDArray[np.void], instrument: Instrument) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Orders of the timetable and the class (index into `BEYOND_BPS`) of each."""
    start, end = int(rows["exch_ns"][0]) + 10 * 10**9, int(rows["exch_ns"][-1]) - 15 * 10**9
    moments = np.arange(start, end, SPACING_NS, dtype=np.int64)
    touches = np.zeros((len(moments), 2), dtype=np.int64)
    _touches(new_book(), instrument.record(), rows, moments, touches)
    orders, classes = [], []
    mid = float(np.median(rows["px"][rows["kind"] == TRADE]))
    for moment, (bid, ask) in zip(moments.tolist(), touches.tolist(), strict=True):
        for kind, beyond in enumerate(BEYOND_BPS):
            away = round(beyond * 1e-4 * mid / instrument.tick_size)
            for side, touch in ((1, bid), (-1, ask)):
                order = (moment, len(orders) + 1, touch - side * away, 2 * instrument.size_step, 0, side)
                orders.append(order)
                classes.append(kind)
    return np.array(orders, dtype=PLANNED), np.array(classes, dtype=np.int64)


def filled(
    recording: InMemoryRecording,
    orders: NDArray[np.void],
    classes: NDArray[np.int64],
    settings: ReplaySettings,
) -> NDArray[np.int64]:
    """Orders filled in full, by class."""
    fills = replay(recording, scheduled(orders, LIVE_NS), settings).fills
    got = np.bincount(fills["order_id"], weights=fills["qty"], minlength=len(orders) + 1)[1:]
    done = got >= orders["qty"] * (1 - 1e-9)
    return np.bincount(classes[done], minlength=len(BEYOND_BPS))


def feeds(name: str) -> tuple[InMemoryRecording, InMemoryRecording, InMemoryRecording]:
    """The full feed of a market, the thinned one, and the thinned one whose prints erode nothing."""
    kind, pattern = SOURCES[name]
    paths = sorted(bars.recordings().glob(pattern))
    if not paths:
        raise bars.Unavailable(f"no files {pattern} in {bars.recordings()}")
    conversion = convert(kind, paths, mode="repair")
    rows = levels_and_prints(list(conversion.chunks()), conversion.instrument)
    rows = rows[(rows["flags"] & EXCH != 0) & np.isin(rows["kind"], [DEPTH, TRADE])].copy()
    rows["flags"] |= EXCH | LOCAL
    rows["recv_ns"] = rows["exch_ns"] + 5_000_000
    instrument = msgspec.structs.replace(conversion.instrument, min_notional=0.0)
    full = InMemoryRecording(name, instrument, [Chunk(rows, empty_snapshots())], False)
    chunk = thinned(rows, instrument)
    thin, naive = (InMemoryRecording(name, instrument, [chunk], erodes) for erodes in (True, False))
    return full, thin, naive


def measure() -> list[Figure]:
    """Bias at and beyond the touch over the markets together, by queue model too."""
    counts: dict[str, NDArray[np.int64]] = {}
    by_market = {}
    for name in MARKETS:
        full, thin, naive = feeds(name)
        orders, classes = timetable(full.parts[0].rows, full.instrument)
        for model in ("power", "risk_averse", "log"):
            settings = msgspec.structs.replace(SETTINGS, queue_model=model)
            found = [filled(feed, orders, classes, settings) for feed in (full, thin, naive)]
            counts[model] = counts.get(model, 0) + np.array(found)
            if model == SETTINGS.queue_model:
                by_market[name] = {"full": found[0].tolist(), "snapshots": found[1].tolist()}
    figures = []
    for place, bar, part in (("beyond the touch", 0.10, slice(1, None)), ("at the touch", 0.20, slice(0, 1))):
        for model, table in counts.items():
            on_full, on_thin, on_naive = (int(row[part].sum()) for row in table)
            bias, without = (round(n / max(on_full, 1) - 1.0, 4) for n in (on_thin, on_naive))
            detail = {"full feed": on_full, "snapshots": on_thin, "bias without erosion": without}
            title = f"bias {place}, {model} queue"
            figures.append(Figure(title, bias, f"within ±{bar:.0%}", abs(bias) <= bar, detail=detail))
    n = int(counts[SETTINGS.queue_model][0].sum())
    detail = {"distance from the touch, bps": BEYOND_BPS, **by_market}
    figures.append(Figure("fills compared", n, ">= 1000", n >= 1_000, detail=detail))
    return figures
