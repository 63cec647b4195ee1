"""Recordings as both engines can read them: levels and prints, one row each.

hftbacktest knows no snapshots, best-quote rows or funding in the book it matches on, so for a
comparison snapshots become the levels that changed and other rows are left out, for both.
"""

from __future__ import annotations

from fractions import Fraction

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import (
    CLEAR,
    DEPTH,
    END,
    EVENT,
    EXCH,
    LOCAL,
    SNAPSHOT,
    TRADE,
    Chunk,
    order_for_two_clocks,
)
from undertow.instrument import Instrument

HFT_EVENT = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ],
    align=True,
)
_HFT_KIND = {DEPTH: 1, TRADE: 2, CLEAR: 3}


@nb.njit(cache=True)
def _side_changes(
    out: NDArray[np.void],
    n: int,
    row: NDArray[np.void],
    side: int,
    old: NDArray[np.float64],
    new: NDArray[np.float64],
) -> int:
    """Append the level rows that turn `old` into `new`, both (2, depth), best first."""
    i = j = 0
    while True:
        a = old[0, i] if i < old.shape[1] and old[0, i] > 0 else np.nan
        b = new[0, j] if j < new.shape[1] and new[0, j] > 0 else np.nan
        if np.isnan(a) and np.isnan(b):
            return n
        if np.isnan(b) or (a - b) * side > 0:
            px, qty, i = a, 0.0, i + 1
        elif a == b:
            px, qty = b, new[1, j]
            same = old[1, i] == qty
            i, j = i + 1, j + 1
            if same:
                continue
        else:
            px, qty, j = b, new[1, j], j + 1
        out[n] = row
        out[n].kind, out[n].side, out[n].px, out[n].qty = DEPTH, side, px, qty
        out[n].flags = EXCH | LOCAL
        n += 1


@nb.njit(cache=True)
def _expand(
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    before: NDArray[np.float64],
    out: NDArray[np.void],
) -> int:
    """Write `rows` with snapshots as changes since `before` (4, depth), which is kept up to date."""
    n = 0
    for k in range(rows.shape[0]):
        if rows[k].kind != SNAPSHOT:
            out[n] = rows[k]
            n += 1
            continue
        now = snapshots[rows[k].ref]
        if not now[0, 0] < now[2, 0]:
            continue
        n = _side_changes(out, n, rows[k], 1, before[:2], now[:2])
        n = _side_changes(out, n, rows[k], -1, before[2:], now[2:])
        before[:] = np.nan
        before[:, : now.shape[1]] = now
    return n


def levels_and_prints(chunks: list[Chunk], instrument: Instrument) -> NDArray[np.void]:
    """One array of DEPTH, TRADE and CLEAR rows that says what `chunks` say, ordered for both clocks.

    Locked and crossed snapshots are left out: neither engine's book can hold one (each voids the
    other side in its own way); prices are put on the tick, as the two round a half tick differently.
    Messages lose their boundaries, as hftbacktest has none: every row ends one, unless the next has
    the same times.
    """
    parts = []
    depth = max(chunk.snapshots.shape[2] for chunk in chunks)
    before = np.full((4, depth), np.nan)
    for chunk in chunks:
        rows = chunk.rows[chunk.rows["flags"] & LOCAL != 0]
        keep = np.isin(rows["kind"], [DEPTH, TRADE, SNAPSHOT])
        keep &= ~((rows["kind"] == TRADE) & (rows["side"] == 0))
        # Only both sides void at once means the same to both engines.
        keep |= (rows["kind"] == CLEAR) & (rows["side"] == 0) & np.isnan(rows["px"])
        rows = rows[keep].view(EVENT)
        if chunk.snapshots.shape[0]:
            room = len(rows) + 4 * chunk.snapshots.shape[0] * chunk.snapshots.shape[2]
            out = np.zeros(room, dtype=EVENT)
            rows = out[: _expand(rows, chunk.snapshots, before, out)].copy()
        parts.append(rows)
    rows = np.concatenate(parts)
    tick = Fraction(str(instrument.tick_size))
    ticks = np.floor(rows["px"] * tick.denominator / tick.numerator + 0.5)
    rows["px"] = ticks * tick.numerator / tick.denominator
    rows["flags"] = EXCH | LOCAL
    rows = order_for_two_clocks(rows)
    return with_ends(rows)


def with_ends(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Flag the last of each run of rows that share kind and times as the end of a message."""
    last = np.ones(len(rows), dtype=bool)
    same = np.ones(len(rows) - 1, dtype=bool)
    for name in ("exch_ns", "recv_ns", "kind", "flags"):
        same &= rows[name][1:] == rows[name][:-1]
    last[:-1] = ~same
    last |= rows["kind"] == TRADE
    rows["flags"] = np.where(last, rows["flags"] | END, rows["flags"] & ~np.uint16(END))
    return rows


def to_hftbacktest(rows: NDArray[np.void]) -> NDArray[np.void]:
    """DEPTH, TRADE and CLEAR rows as hftbacktest's event array."""
    out = np.zeros(len(rows), dtype=HFT_EVENT)
    kind = np.zeros(len(rows), dtype=np.uint64)
    for ours, theirs in _HFT_KIND.items():
        kind[rows["kind"] == ours] = theirs
    flags = rows["flags"].astype(np.uint64)
    out["ev"] = (
        kind | ((flags & np.uint64(EXCH)) << np.uint64(31)) | ((flags & np.uint64(LOCAL)) << np.uint64(29))
    )
    out["ev"] |= np.where(rows["side"] > 0, np.uint64(1 << 29), np.uint64(0))
    out["ev"] |= np.where(rows["side"] < 0, np.uint64(1 << 28), np.uint64(0))
    out["exch_ts"], out["local_ts"] = rows["exch_ns"], rows["recv_ns"]
    out["px"], out["qty"] = np.nan_to_num(rows["px"]), rows["qty"]
    return out


def from_hftbacktest(events: NDArray[np.void]) -> NDArray[np.void]:
    """hftbacktest's event array as rows; the inverse of `to_hftbacktest`."""
    rows = np.zeros(len(events), dtype=EVENT)
    ev = events["ev"]
    for ours, theirs in _HFT_KIND.items():
        rows["kind"][ev & np.uint64(0xFF) == theirs] = ours
    rows["side"] = np.where(ev & np.uint64(1 << 29), 1, np.where(ev & np.uint64(1 << 28), -1, 0))
    rows["flags"] = np.where(ev & np.uint64(1 << 31), EXCH, 0) | np.where(ev & np.uint64(1 << 30), LOCAL, 0)
    rows["exch_ns"], rows["recv_ns"] = events["exch_ts"], events["local_ts"]
    rows["px"], rows["qty"] = events["px"], events["qty"]
    rows["px"][rows["kind"] == CLEAR] = np.nan
    return with_ends(rows)
