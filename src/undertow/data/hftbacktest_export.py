"""Writing a recording as an hftbacktest event array (``.npz``, array ``data``), streamed.

What that format can express is kept exactly: DEPTH, CLEAR, BBO, TRADE and order-level rows with both
times, both flags, price, size, side, id and ``val``. Levels that are sums of order-level rows are not
written: a reader of those sums them itself. A SNAPSHOT row becomes DEPTH_CLEAR through its last
level and DEPTH_SNAPSHOT rows, side by side. What it cannot: funding, mark, oracle, open interest,
reference prices, gaps, own orders and fills (left out and counted), END, INFERRED and REPAIRED.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from undertow.data.sources.hftbacktest_npz import (
    ADD_ORDER_EVENT,
    BUY_EVENT,
    CANCEL_ORDER_EVENT,
    DEPTH_BBO_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    FILL_EVENT,
    HFTBACKTEST_EVENT,
    LOCAL_EVENT,
    MODIFY_ORDER_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
)
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    EXCH,
    IMAGE,
    KIND_NAMES,
    LOCAL,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    ORDER_MODIFY,
    SNAPSHOT,
    SUMMED,
    TRADE,
    Chunk,
)
from undertow.recording import Recording

_TYPE: Final = {
    DEPTH: DEPTH_EVENT,
    CLEAR: DEPTH_CLEAR_EVENT,
    TRADE: TRADE_EVENT,
    BBO: DEPTH_BBO_EVENT,
    ORDER_ADD: ADD_ORDER_EVENT,
    ORDER_CANCEL: CANCEL_ORDER_EVENT,
    ORDER_MODIFY: MODIFY_ORDER_EVENT,
    ORDER_EXEC: FILL_EVENT,
}


def export_hftbacktest(recording: Recording, path: Path | str) -> Counter[str]:
    """Write `recording` to `path` (``.npz``); returns what was left out, by kind.

    The recording is read twice: the array's length stands in its header.
    """
    left_out: Counter[str] = Counter()
    total = sum(len(events) for events in _exported(recording, Counter()))
    member = zipfile.ZipInfo("data.npy")  # its date is fixed: same recording, same bytes
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive, archive.open(member, "w", force_zip64=True) as stream:
        header = {
            "descr": npy.dtype_to_descr(HFTBACKTEST_EVENT),
            "fortran_order": False,
            "shape": (total,),
        }
        npy.write_array_header_1_0(stream, header)
        for events in _exported(recording, left_out):
            stream.write(events.tobytes())
    return left_out


def _exported(recording: Recording, left_out: Counter[str]) -> Iterator[NDArray[np.void]]:
    for chunk in recording.chunks():
        yield events_of(chunk, left_out)


def events_of(chunk: Chunk, left_out: Counter[str]) -> NDArray[np.void]:
    """A chunk as hftbacktest events, in order; kinds that cannot be said are counted."""
    rows = chunk.rows
    rows = rows[(rows["kind"] != DEPTH) | (rows["code"] != SUMMED)]
    kind = rows["kind"]
    said = np.isin(kind, (*_TYPE, SNAPSHOT))
    for other, count in zip(*np.unique(kind[~said], return_counts=True), strict=True):
        left_out[KIND_NAMES.get(int(other), str(other))] += int(count)
    rows = rows[said]
    snapshot = rows["kind"] == SNAPSHOT
    plain = _plain(rows[~snapshot])
    if not snapshot.any():
        return plain
    books, owner = _books(rows[snapshot], chunk.snapshots)
    # Each event goes where its row stood.
    place = np.concatenate([np.flatnonzero(~snapshot), np.flatnonzero(snapshot)[owner]])
    events: NDArray[np.void] = np.concatenate([plain, books])
    return events[np.argsort(place, kind="stable")]


def _common(rows: NDArray[np.void], side: NDArray[np.int8]) -> NDArray[np.void]:
    """Events with the times, flags and sides of `rows`."""
    events = np.zeros(len(rows), dtype=HFTBACKTEST_EVENT)
    events["exch_ts"], events["local_ts"] = rows["exch_ns"], rows["recv_ns"]
    ev = np.where(rows["flags"] & EXCH, EXCH_EVENT, 0) | np.where(rows["flags"] & LOCAL, LOCAL_EVENT, 0)
    ev |= np.where(side > 0, BUY_EVENT, 0) | np.where(side < 0, SELL_EVENT, 0)
    events["ev"] = ev.astype(np.uint64)
    return events


def _plain(rows: NDArray[np.void]) -> NDArray[np.void]:
    events = _common(rows, rows["side"])
    types = np.zeros(256, dtype=np.uint64)
    for ours, theirs in _TYPE.items():
        types[ours] = theirs
    kind = rows["kind"]
    image = (kind == DEPTH) & (rows["code"] == IMAGE)
    events["ev"] |= np.where(image, np.uint64(DEPTH_SNAPSHOT_EVENT), types[kind])
    events["px"], events["qty"], events["fval"] = rows["px"], rows["qty"], rows["val"]
    events["px"][(kind == CLEAR) & (rows["side"] == 0)] = 0.0  # without a side the price says nothing
    events["order_id"] = np.where((kind == TRADE) | (kind >= ORDER_ADD), rows["ref"], 0).view(np.uint64)
    return events


def _books(
    rows: NDArray[np.void], snapshots: NDArray[np.float64]
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Events of snapshot rows, and which of `rows` each is of."""
    table = snapshots[rows["ref"]]
    pieces, owners = [], []
    for side, at in ((1, 0), (-1, 2)):
        px, qty = table[:, at], table[:, at + 1]
        there = np.isfinite(px)
        owner, level = np.nonzero(there)
        last = np.maximum(there.sum(axis=1) - 1, 0)
        every = np.arange(len(rows))
        clear = _common(rows, np.full(len(rows), side, np.int8))
        clear["ev"] |= np.uint64(DEPTH_CLEAR_EVENT)
        clear["px"] = px[every, last]
        levels = _common(rows[owner], np.full(len(owner), side, np.int8))
        levels["ev"] |= np.uint64(DEPTH_SNAPSHOT_EVENT)
        levels["px"], levels["qty"] = px[owner, level], qty[owner, level]
        pieces += [clear, levels]
        owners += [every, owner]
    order = np.argsort(np.concatenate(owners), kind="stable")
    return np.concatenate(pieces)[order], np.concatenate(owners)[order]
