"""Hyperliquid recordings as CSV: ``orderbooks_``, ``prices_`` and ``trades_COIN.csv[.gz]``.

Traps:

- ``timestamp`` is the receive time in seconds, ``exchange_timestamp`` the block's time in ms;
- a book shows what the trades of its own block left, so books and best quotes come 1 ns after them;
- the first trades were replayed by the venue: they happened before the subscription. They keep
  both times, as do those replayed after a reconnect; ids seen before are dropped;
- a book that repeats its predecessor with a new exchange time is news (nothing changed since).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import AFTER_PRINTS_NS, Batch, Feed, event_rows, message_numbers
from undertow.data.files import csv_blocks
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.data.venues import HYPERLIQUID_SIZE_DECIMALS, hyperliquid
from undertow.events import BBO, REFERENCE, SNAPSHOT, TRADE, empty_snapshots
from undertow.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    import polars as pl

_Reader = Callable[["pl.DataFrame", NDArray[np.int64]], Batch]
_NAME: Final = re.compile(r"(orderbooks|prices|trades)_(.+?)\.csv(\.gz|\.zst)?$")


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The recording of one coin; another coin's prices as a reference if `options` name it."""
    files: dict[tuple[str, str], list[Path]] = {}
    for path in expand(paths, "*_*.csv*"):
        match = _NAME.match(path.name)
        if not match:
            raise SourceError(f"{path.name}: expected orderbooks_, prices_ or trades_COIN.csv[.gz]")
        files.setdefault((match[1], match[2]), []).append(path)
    coins = sorted({coin for _, coin in files})
    coin = options.coin or (coins[0] if len(coins) == 1 else None)
    if coin not in coins:
        raise SourceError(f"choose a coin of {', '.join(coins)} (--coin)")
    if options.reference is not None and ("prices", options.reference) not in files:
        raise SourceError(f"no prices_{options.reference}.csv among the files for the reference asset")
    readers: dict[str, _Reader] = {
        "trades": _trades,
        "prices": _prices,
        "orderbooks": partial(_books, depth=options.depth),
    }
    feeds = [
        Feed(f"{what}_{coin}", partial(_read_all, files[what, coin], reader))
        for what, reader in readers.items()
        if (what, coin) in files
    ]
    if options.reference is not None:
        reference = files["prices", options.reference]
        feeds.append(Feed(f"prices_{options.reference}", partial(_read_all, reference, _reference)))
    sizes = () if coin in HYPERLIQUID_SIZE_DECIMALS else _some_sizes(feeds)
    return Source("hyperliquid", coin, hyperliquid(coin, sizes), True, feeds)


def _some_sizes(feeds: Sequence[Feed]) -> list[float]:
    """Sizes of the first batch of each feed."""
    sizes: list[float] = []
    for feed in feeds:
        for _, batch in feed.batches(Report()):
            sizes += [*batch.rows["qty"].tolist(), *batch.snapshots[:, 1::2].ravel().tolist()]
            break
    return [size for size in sizes if size > 0]


def _read_all(files: Sequence[Path], reader: _Reader, report: Report) -> Iterator[tuple[str, Batch]]:
    for path in files:
        for header, block in csv_blocks(path, report):
            frame = _parse(header, block.data, reader is _trades)
            lines = np.arange(block.first_line, block.first_line + len(frame), dtype=np.int64)
            report.items_read += len(frame)
            unread = frame["timestamp"].is_null() | frame["exchange_timestamp"].is_null()
            if unread.any():
                bad = unread.to_numpy()
                report.find("malformed", path.name, lines[bad])
                report.drop_items("malformed", int(bad.sum()))
                frame, lines = frame.filter(~unread), lines[~bad]
            report.items_used += len(frame)
            yield path.name, reader(frame, lines)


def _parse(header: bytes, data: bytes, trades: bool) -> pl.DataFrame:
    """The block's columns; what cannot be read is null."""
    import polars as pl

    schema: dict[str, pl.DataType] = {}
    for name in header.decode().strip().split(","):
        if name in ("sequence", "exchange_timestamp", "trade_id"):
            schema[name] = pl.Int64()
        else:
            schema[name] = pl.String() if name == "side" else pl.Float64()
    return pl.read_csv(header + data, schema=schema, ignore_errors=True, truncate_ragged_lines=True)


def _times(frame: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Exchange and receive time in ns."""
    seconds = frame["timestamp"].to_numpy()
    whole = np.floor(seconds)
    recv = whole.astype(np.int64) * NS_PER_S + np.rint((seconds - whole) * 1e9).astype(np.int64)
    return frame["exchange_timestamp"].to_numpy() * NS_PER_MS, recv


def _sides(frame: pl.DataFrame, plus: str, minus: str) -> NDArray[np.int8]:
    side = frame["side"]
    return (side == plus).fill_null(False).to_numpy().astype(np.int8) - (side == minus).fill_null(
        False
    ).to_numpy().astype(np.int8)


def _number(frame: pl.DataFrame, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = frame[name].fill_null(float("nan")).to_numpy()
    return values


def _trades(frame: pl.DataFrame, lines: NDArray[np.int64]) -> Batch:
    exch, recv = _times(frame)
    rows = event_rows(
        len(frame),
        exch_ns=exch,
        recv_ns=recv,
        px=_number(frame, "price"),
        qty=_number(frame, "size"),
        ref=frame["trade_id"].fill_null(0).to_numpy(),
        kind=TRADE,
        side=_sides(frame, "buy", "sell"),
    )
    return Batch(rows, empty_snapshots(), lines, message_numbers(recv))


def _prices(frame: pl.DataFrame, lines: NDArray[np.int64]) -> Batch:
    exch, recv = _times(frame)
    rows = event_rows(
        len(frame),
        exch_ns=exch + AFTER_PRINTS_NS,
        recv_ns=recv,
        px=_number(frame, "price"),
        qty=_number(frame, "size"),
        kind=BBO,
        side=_sides(frame, "bid", "ask"),
    )
    return Batch(rows, empty_snapshots(), lines, message_numbers(recv, exch))


def _reference(frame: pl.DataFrame, lines: NDArray[np.int64]) -> Batch:
    """One REFERENCE row per pair of best quotes: their mid."""
    quotes = _prices(frame, lines)
    rows, message = quotes.rows, quotes.message
    pair = np.flatnonzero((message[1:] == message[:-1]) & (rows["side"][:-1] > 0) & (rows["side"][1:] < 0))
    mids = event_rows(
        len(pair),
        exch_ns=rows["exch_ns"][pair],
        recv_ns=rows["recv_ns"][pair],
        px=0.5 * (rows["px"][pair] + rows["px"][pair + 1]),
        kind=REFERENCE,
        asset=1,
    )
    return Batch(mids, empty_snapshots(), lines[pair], message[pair])


def _books(frame: pl.DataFrame, lines: NDArray[np.int64], depth: int | None) -> Batch:
    exch, recv = _times(frame)
    levels = 0
    while f"bid_price_{levels}" in frame.columns and (depth is None or levels < depth):
        levels += 1
    table = np.empty((len(frame), 4, levels))
    for row, name in enumerate(("bid_price", "bid_size", "ask_price", "ask_size")):
        for level in range(levels):
            table[:, row, level] = _number(frame, f"{name}_{level}")
    rows = event_rows(
        len(frame),
        exch_ns=exch + AFTER_PRINTS_NS,
        recv_ns=recv,
        ref=np.arange(len(frame)),
        kind=SNAPSHOT,
    )
    return Batch(rows, table, lines, np.arange(len(frame), dtype=np.int64))
