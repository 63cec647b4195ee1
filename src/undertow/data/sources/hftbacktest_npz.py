"""hftbacktest event arrays: ``.npz`` (array ``data``) or ``.npy``, read in pieces.

Both formats share the scheme of two clocks, so the order of rows is kept. What the other format
can say that a row cannot: ``ival`` and the ``order_id`` of depth events (a ``lost_field`` finding).
A DEPTH_CLEAR without a side or with an infinite price voids whole sides, whatever its price says:
its price becomes NaN. Order-level events become order-level rows; the conversion adds the sums of
their levels as DEPTH rows (`undertow.data.orders`).

The format does not say where a message ends: events of one kind with the same times are taken for
one. As that may join several, whether a message crosses itself is not checked.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from undertow.data.batch import BATCH_ROWS, Batch, Feed, event_rows
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    EXCH,
    IMAGE,
    LOCAL,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    ORDER_MODIFY,
    TRADE,
    empty_snapshots,
)
from undertow.instrument import Instrument

HFTBACKTEST_EVENT: Final = np.dtype(
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
"""The dtype of hftbacktest 2's event arrays."""

EXCH_EVENT: Final = 1 << 31
LOCAL_EVENT: Final = 1 << 30
BUY_EVENT: Final = 1 << 29
SELL_EVENT: Final = 1 << 28
DEPTH_EVENT: Final = 1
TRADE_EVENT: Final = 2
DEPTH_CLEAR_EVENT: Final = 3
DEPTH_SNAPSHOT_EVENT: Final = 4
DEPTH_BBO_EVENT: Final = 5
ADD_ORDER_EVENT: Final = 10
CANCEL_ORDER_EVENT: Final = 11
MODIFY_ORDER_EVENT: Final = 12
FILL_EVENT: Final = 13

_KIND: Final = {
    DEPTH_EVENT: DEPTH,
    TRADE_EVENT: TRADE,
    DEPTH_CLEAR_EVENT: CLEAR,
    DEPTH_SNAPSHOT_EVENT: DEPTH,
    DEPTH_BBO_EVENT: BBO,
    ADD_ORDER_EVENT: ORDER_ADD,
    CANCEL_ORDER_EVENT: ORDER_CANCEL,
    MODIFY_ORDER_EVENT: ORDER_MODIFY,
    FILL_EVENT: ORDER_EXEC,
}


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The recording in `paths`, one after the other. Tick and steps are the user's to give."""
    files = expand(paths, "*.np[yz]")
    coin = options.coin or files[0].name.split("_")[0].split(".")[0]
    instrument = Instrument(name=coin, tick_size=0.1, size_step=0.001, maker_fee_bps=2.0, taker_fee_bps=5.0)
    return Source(
        "hftbacktest", coin, instrument, False, [Feed("events", partial(_read, files))], ordered=True
    )


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    """The ``.npy`` bytes of the file."""
    if path.suffix == ".npy":
        with path.open("rb") as plain:
            yield plain
        return
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise SourceError(f"{path.name}: not an .npz file or cut off ({error}); copy it again") from error
    with archive:
        if "data.npy" not in archive.namelist():
            raise SourceError(f"{path.name}: no array 'data' (has {', '.join(archive.namelist())})")
        with archive.open("data.npy") as member:
            yield member


def read_events(path: Path, report: Report, rows: int = BATCH_ROWS) -> Iterator[NDArray[np.void]]:
    """The file's events in pieces of at most `rows`."""
    with _stream(path) as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        if dtype.names != HFTBACKTEST_EVENT.names or len(shape) != 1:
            raise SourceError(f"{path.name}: fields {dtype.names}, expected {HFTBACKTEST_EVENT.names}")
        left = int(shape[0])
        while left:
            data = stream.read(min(rows, left) * dtype.itemsize)
            whole = len(data) // dtype.itemsize
            if whole:
                piece = np.frombuffer(data, dtype, whole)
                yield piece if dtype == HFTBACKTEST_EVENT else piece.astype(HFTBACKTEST_EVENT)
            left -= whole
            if not whole and left:
                detail = f"{left} of {shape[0]} events are missing"
                report.find("truncated_file", path.name, [int(shape[0]) - left + 1], detail=detail)
                return


def _read(files: Sequence[Path], report: Report) -> Iterator[tuple[str, Batch]]:
    for path in files:
        line = 1
        held: NDArray[np.void] | None = None
        for piece in read_events(path, report):
            report.items_read += len(piece)
            if held is None:
                held = piece
                continue
            # The last message may go on in the next piece.
            cut = _start_of_last_message(held)
            if cut:
                yield path.name, _batch(path.name, held[:cut], line, report)
            held = np.concatenate([held[cut:], piece])
            line += cut
        if held is not None:
            yield path.name, _batch(path.name, held, line, report)


def _same_message(events: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether each event but the first belongs to the message of the one before it."""
    same: NDArray[np.bool_] = np.ones(max(len(events) - 1, 0), dtype=bool)
    is_trade = events["ev"] & 0xFF == TRADE_EVENT
    clocks = events["ev"] & (EXCH_EVENT | LOCAL_EVENT)
    for key in (events["exch_ts"], events["local_ts"], is_trade, clocks):
        same &= key[1:] == key[:-1]
    return same


def _start_of_last_message(events: NDArray[np.void]) -> int:
    changes = np.flatnonzero(~_same_message(events))
    return int(changes[-1]) + 1 if len(changes) else 0


def _batch(file: str, events: NDArray[np.void], line: int, report: Report) -> Batch:
    lines = np.arange(line, line + len(events), dtype=np.int64)
    message = np.concatenate(([0], np.cumsum(~_same_message(events))))
    kind_of = np.zeros(256, dtype=np.uint8)
    for theirs, ours in _KIND.items():
        kind_of[theirs] = ours
    kind = kind_of[events["ev"] & 0xFF]
    seen = events["ev"] & (EXCH_EVENT | LOCAL_EVENT) != 0
    known = (kind != 0) & seen
    if not known.all():
        report.find("not_expressible", file, lines[~known], detail=_unknown_types(events[~known]))
        report.drop_items("not_expressible", int(np.count_nonzero(~known)))
        events, lines, message, kind = events[known], lines[known], message[known], kind[known]
    report.items_used += len(events)
    has_id = (kind == TRADE) | (kind >= ORDER_ADD)
    lost = (events["ival"] != 0) | ((events["order_id"] != 0) & ~has_id)
    if lost.any():
        report.find("lost_field", file, lines[lost], detail="ival, or order_id of a depth event")
    ev = events["ev"]
    buy, sell = ev & BUY_EVENT != 0, ev & SELL_EVENT != 0
    rows = event_rows(
        len(events),
        exch_ns=events["exch_ts"],
        recv_ns=events["local_ts"],
        px=events["px"],
        qty=events["qty"],
        val=events["fval"],
        ref=np.where(has_id, events["order_id"].view(np.int64), 0),
        kind=kind,
        side=buy.astype(np.int8) - sell.astype(np.int8),
        code=np.where(ev & 0xFF == DEPTH_SNAPSHOT_EVENT, IMAGE, 0),
        flags=np.where(ev & EXCH_EVENT != 0, EXCH, 0) | np.where(ev & LOCAL_EVENT != 0, LOCAL, 0),
    )
    whole_side = (kind == CLEAR) & (~np.isfinite(rows["px"]) | (rows["side"] == 0))
    rows["px"][whole_side] = np.nan
    return Batch(rows, empty_snapshots(), lines, message)


def _unknown_types(events: NDArray[np.void]) -> str:
    types = np.unique(events["ev"] & 0xFF).tolist()
    return f"event types {', '.join(str(t) for t in types)}"
