"""Binance deep books and trades as Parquet: ``lobdeep_*.parquet`` and ``trades_*.parquet``.

Books (1000 levels, every 117 ms) become snapshots, not differences between neighbours. Both would
give the same book at each stamp, but in between a snapshot-fed book is eroded by the prints, and a
difference does not say that an eroded level is back at its old size; and a level that leaves the
recorded window is unknown, which only a snapshot says. `Options.depth` keeps fewer levels.

Traps: ``ts_ms`` is the receive time, ``seq`` the book's update id; a book that repeats its
predecessor's id is dropped (``repeated_book``); ``reconnect_flag`` 1 is a GAP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from undertow.data.batch import AFTER_PRINTS_NS, Batch, Feed, event_rows, message_numbers
from undertow.data.parquet import batches_of, int64_column, level_columns
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.data.venues import binance_spot, binance_usdm
from undertow.events import GAP, SNAPSHOT, TRADE, empty_snapshots
from undertow.units import NS_PER_MS

_NAME: Final = re.compile(r"(lobdeep|trades)_([a-z0-9]+)_(fut|spot)_.*\.parquet$")
_LEVELS: Final = ["bids_px", "bids_qty", "asks_px", "asks_qty"]
_STAMPS: Final = ["ts_ms", "exch_ts_ms", "reconnect_flag"]
_BOOKS_AT_ONCE: Final = 256


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The recording of one market; `options.coin` is ``btc_fut`` or ``btc_spot`` where both are given."""
    files: dict[str, dict[str, list[Path]]] = {}
    for path in expand(paths, "*_*.parquet"):
        match = _NAME.match(path.name)
        if not match:
            raise SourceError(f"{path.name}: expected lobdeep_ or trades_COIN_fut|spot_*.parquet")
        files.setdefault(f"{match[2]}_{match[3]}", {}).setdefault(match[1], []).append(path)
    coin = options.coin or (next(iter(files)) if len(files) == 1 else None)
    if coin not in files:
        raise SourceError(f"choose a market of {', '.join(sorted(files))} (--coin)")
    feeds = []
    if "trades" in files[coin]:
        feeds.append(Feed("trades", partial(_trades, sorted(files[coin]["trades"]))))
    if "lobdeep" in files[coin]:
        feeds.append(Feed("lobdeep", partial(_books, sorted(files[coin]["lobdeep"]), options.depth)))
    base, _, market = coin.partition("_")
    symbol = f"{base.upper()}USDT"
    make, venue = (binance_usdm, "usdm") if market == "fut" else (binance_spot, "spot")
    return Source(f"binance-{venue}", symbol, make(symbol), True, feeds)


def _stamps(data: pa.RecordBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return int64_column(data, "exch_ts_ms") * NS_PER_MS, int64_column(data, "ts_ms") * NS_PER_MS


def _books(files: Sequence[Path], depth: int | None, report: Report) -> Iterator[tuple[str, Batch]]:
    last_seq = -1
    for path in files:
        for first, data in batches_of(path, [*_STAMPS, "seq", *_LEVELS], report, _BOOKS_AT_ONCE):
            exch, recv = _stamps(data)
            seq = int64_column(data, "seq")
            again = seq == np.append(last_seq, seq[:-1])
            last_seq = int(seq[-1])
            report.drop_items("repeated_book", int(again.sum()))
            keep = np.flatnonzero(~again)
            report.items_used += len(keep)
            rows = event_rows(
                len(keep),
                exch_ns=exch[keep] + AFTER_PRINTS_NS,
                recv_ns=recv[keep],
                ref=np.arange(len(keep)),
                kind=SNAPSHOT,
            )
            table = level_columns(data, _LEVELS)[keep][:, :, :depth]
            batch = Batch(rows, table, first + keep, np.arange(len(keep)))
            yield path.name, _with_reconnects(batch, int64_column(data, "reconnect_flag")[keep])


def _trades(files: Sequence[Path], report: Report) -> Iterator[tuple[str, Batch]]:
    columns = [*_STAMPS, "trade_id", "price", "qty", "side"]
    for path in files:
        for first, data in batches_of(path, columns, report):
            exch, recv = _stamps(data)
            report.items_used += len(data)
            side = data.column("side")
            ids = data.column("trade_id").cast(pa.int64())
            rows = event_rows(
                len(data),
                exch_ns=exch,
                recv_ns=recv,
                px=data.column("price").to_numpy(zero_copy_only=False),
                qty=data.column("qty").to_numpy(zero_copy_only=False),
                ref=ids.to_numpy(zero_copy_only=False),
                kind=TRADE,
                side=_equals(side, "buy").astype(np.int8) - _equals(side, "sell").astype(np.int8),
            )
            lines = np.arange(first, first + len(data), dtype=np.int64)
            batch = Batch(rows, empty_snapshots(), lines, message_numbers(lines))
            yield path.name, _with_reconnects(batch, int64_column(data, "reconnect_flag"))


def _equals(column: pa.Array, text: str) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = pc.fill_null(pc.equal(column, text), False).to_numpy(zero_copy_only=False)
    return same


def _with_reconnects(batch: Batch, flag: NDArray[np.int64]) -> Batch:
    """A GAP row before each row that is the first after a reconnect."""
    at = np.flatnonzero(flag)
    if not len(at):
        return batch
    gaps = event_rows(
        len(at), exch_ns=batch.rows["exch_ns"][at], recv_ns=batch.rows["recv_ns"][at], kind=GAP, ref=1
    )
    return Batch(
        np.insert(batch.rows, at, gaps),
        batch.snapshots,
        np.insert(batch.lines, at, batch.lines[at]),
        # Messages are numbered anew, doubled, so that a gap is one of its own.
        np.insert(2 * batch.message + 1, at, 2 * batch.message[at]),
    )
