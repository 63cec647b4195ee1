"""Features, mids and times of a recording, as the maker's estimators would have written them.

The estimators of `kernel.estimators` are shown the rows the maker would see, with a cycle every
`cycle_s`, and the features are read every `sample_s`. No maker is run: what it would have traded has
no part in what is foretold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.config import Config
from undertow.events import BBO, END, LOCAL, TRADE
from undertow.instrument import price_of, qty_of_notional
from undertow.kernel.estimators import (
    ESTIMATORS,
    init_estimators,
    see_book,
    see_cycle,
    see_other,
    see_shape,
    see_trade,
)
from undertow.kernel.features import N_FEATURES
from undertow.kernel.l2book import Book, apply_row, has_both_sides, mid_price, new_book
from undertow.makers import undertow_params
from undertow.recording import Recording
from undertow.records import Rec, new_record
from undertow.replay.together import Watch
from undertow.units import depth_bps, s_to_ns

CYCLE_S = 0.1
SAMPLE_S = 1.0


class Sample(NamedTuple):
    """`time_s` (n,) since the epoch, `mid` (n,), `features` (n, N_FEATURES), NaN where silent."""

    time_s: NDArray[np.float64]
    mid: NDArray[np.float64]
    features: NDArray[np.float64]


@compiled(nogil=True)
def _collect(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    lot_usd: float,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    clock: NDArray[np.int64],
    out: NDArray[np.float64],
    at: int,
) -> int:
    """Show a chunk; `clock` is (next cycle, cycle, next sample, sample) in ns. Returns rows filled."""
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.flags & LOCAL == 0:
            continue
        if clock[0] == 0:
            clock[0] = clock[2] = row.recv_ns
        while clock[0] <= row.recv_ns:
            now_ns = clock[0]
            clock[0] += clock[1]
            if not has_both_sides(book):
                continue
            mid = mid_price(book, inst)
            see_shape(state, params, inst, book, now_ns)
            see_cycle(state, params, inst, now_ns, mid, qty_of_notional(inst, mid, lot_usd))
            if now_ns >= clock[2] and at < out.shape[0]:
                clock[2] = now_ns + clock[3]
                out[at, 0], out[at, 1] = now_ns * 1e-9, mid
                out[at, 2:] = state.signals.features.value
                at += 1
        if row.kind == TRADE:
            top = book.top
            mid = mid_price(book, inst)
            see_trade(state, params, inst, row, mid, top.exch_ns, top.best_bid, top.best_ask)
        elif row.kind > BBO:
            see_other(state, params, inst, row)
        apply_row(book, inst, row, snapshots)
        if row.kind <= BBO and row.flags & END and has_both_sides(book):
            mid = mid_price(book, inst)
            half_bps = depth_bps(price_of(inst, book.top.best_bid), mid, 1)
            see_book(state, params, row.exch_ns, row.recv_ns, mid, half_bps)
    return at


def collect(
    recording: Recording,
    config: Config | None = None,
    *,
    cycle_s: float = CYCLE_S,
    sample_s: float = SAMPLE_S,
    watch: Watch | None = None,
) -> Sample:
    """Run the estimators of `config` over `recording` and sample what they say.

    Raises ValueError where the recording shows no two-sided book.
    """
    used = config or Config()
    params = undertow_params(used, recording.instrument).estimators
    state = new_record(ESTIMATORS)
    init_estimators(state, params)
    inst, book = recording.instrument.record(), new_book(erode=recording.snapshot_fed)
    clock = np.array([0, s_to_ns(cycle_s), 0, s_to_ns(sample_s)], dtype=np.int64)
    parts, at = [], 0
    for chunk in recording.chunks():
        if len(chunk.rows) == 0:
            continue
        span_s = (int(chunk.rows["recv_ns"].max()) - (clock[2] or int(chunk.rows["recv_ns"][0]))) * 1e-9
        out = np.full((max(int(span_s / sample_s) + 8, 8), 2 + N_FEATURES), np.nan)
        at = _collect(
            state, params, inst, book, used.risk.lot_usd, chunk.rows, chunk.snapshots, clock, out, 0
        )
        parts.append(out[:at])
        if watch is not None:
            watch(chunk)
    rows = np.concatenate(parts) if parts else np.empty((0, 2 + N_FEATURES))
    if len(rows) == 0:
        raise ValueError(f"{recording.name}: no moment with both sides of the book, nothing to calibrate on")
    return Sample(rows[:, 0], rows[:, 1], rows[:, 2:])
