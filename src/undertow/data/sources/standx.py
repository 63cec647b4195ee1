"""StandX recordings: hourly ``orderbook_SYMBOL_*.parquet`` and ``trades_SYMBOL_*.parquet``.

Traps:

- half of the books repeat their predecessor, exchange time included: dropped (``repeated_book``);
- nearly half of the books are locked (best bid = best ask), never crossed: kept;
- every trade says SELL: the aggressor is inferred from the last book *before* the trade, flagged
  INFERRED. Above the ask or at it: a buy; below the bid or at it: a sell; inside the quotes: the
  nearer side; at the mid or at a locked price: the side of the last price change. The last two are
  guesses, marked AMBIGUOUS in ``code``;
- two threads wrote the trades: some lines were received before the line above them;
- the recorder reconnected every 36 s and missed some 6 s each time: GAP rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.batch import AFTER_PRINTS_NS, Batch, Feed, event_rows
from undertow.data.parquet import batches_of, int64_column, level_columns
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.data.venues import standx
from undertow.events import AMBIGUOUS, INFERRED, SNAPSHOT, TRADE, empty_snapshots

_NAME: Final = re.compile(r"(orderbook|trades)_(.+?)_\d{4}-\d\d-\d\d_\d\d\.parquet$")
_TIMES: Final = ["timestamp", "received_at"]
_LEVELS: Final = ["bid_prices", "bid_quantities", "ask_prices", "ask_quantities"]
_PRINT: Final = ["price", "quantity"]


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The recording of one symbol."""
    files: dict[tuple[str, str], list[Path]] = {}
    for path in expand(paths, "*_*.parquet"):
        match = _NAME.match(path.name)
        if not match:
            raise SourceError(f"{path.name}: expected orderbook_ or trades_SYMBOL_YYYY-MM-DD_HH.parquet")
        files.setdefault((match[1], match[2]), []).append(path)
    coins = sorted({coin for _, coin in files})
    coin = options.coin or (coins[0] if len(coins) == 1 else None)
    if coin not in coins:
        raise SourceError(f"choose a symbol of {', '.join(coins)} (--coin)")
    books = sorted(files.get(("orderbook", coin), []))
    trades = sorted(files.get(("trades", coin), []))
    feeds = [Feed("trades", partial(_trades, trades, books))] if trades else []
    if books:
        feeds.append(Feed("orderbook", partial(_books, books, options.depth)))
    return Source("standx", coin, standx(coin), True, feeds)


def _books(files: Sequence[Path], depth: int | None, report: Report) -> Iterator[tuple[str, Batch]]:
    last_exch, last_book = -1, np.empty((0, 0))
    for path in files:
        for first, data in batches_of(path, [*_TIMES, *_LEVELS], report):
            table = level_columns(data, _LEVELS)
            exch, recv = int64_column(data, "timestamp"), int64_column(data, "received_at")
            again = np.zeros(len(exch), dtype=bool)
            again[1:] = (exch[1:] == exch[:-1]) & _same(table[1:], table[:-1])
            again[0] = (
                exch[0] == last_exch
                and last_book.shape == table[0].shape
                and bool(_same(table[:1], last_book[None])[0])
            )
            last_exch, last_book = int(exch[-1]), table[-1].copy()
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
            yield path.name, Batch(rows, table[keep][:, :, :depth], first + keep, np.arange(len(keep)))


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = ((a == b) | (np.isnan(a) & np.isnan(b))).all((1, 2))
    return equal


def _trades(files: Sequence[Path], books: Sequence[Path], report: Report) -> Iterator[tuple[str, Batch]]:
    quotes = _Quotes(books)
    last_px, last_side = np.nan, 0
    for path in files:
        for first, data in batches_of(path, [*_TIMES, *_PRINT], report):
            exch, recv = int64_column(data, "timestamp"), int64_column(data, "received_at")
            px = data.column("price").to_numpy(zero_copy_only=False)
            report.items_used += len(px)
            side, guessed = aggressors(px, *quotes.before(exch))
            side, last_px, last_side = by_last_change(px, side, last_px, last_side)
            rows = event_rows(
                len(px),
                exch_ns=exch,
                recv_ns=recv,
                px=px,
                qty=data.column("quantity").to_numpy(zero_copy_only=False),
                kind=TRADE,
                side=side,
                code=np.where(guessed, AMBIGUOUS, 0),
            )
            rows["flags"] |= INFERRED
            _count(report, "aggressors_inferred", len(px))
            _count(report, "aggressors_ambiguous", int(guessed.sum()))
            lines = np.arange(first, first + len(px), dtype=np.int64)
            yield path.name, Batch(rows, empty_snapshots(), lines, lines)


def _count(report: Report, name: str, count: int) -> None:
    report.measured[name] = int(report.measured.get(name, 0)) + count


def aggressors(
    px: NDArray[np.float64], bid: NDArray[np.float64], ask: NDArray[np.float64]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Sides of trades at `px` by the quotes before them (0: undecided), and which are guesses."""
    with np.errstate(invalid="ignore"):
        buy = (px >= ask) & (px > bid)
        sell = (px <= bid) & (px < ask)
        inside = (px > bid) & (px < ask)
        mid = 0.5 * (bid + ask)
        side = (buy | (inside & (px > mid))).astype(np.int8) - (sell | (inside & (px < mid))).astype(np.int8)
    return side, ~(buy | sell)


def by_last_change(
    px: NDArray[np.float64], side: NDArray[np.int8], last_px: float, last_side: int
) -> tuple[NDArray[np.int8], float, int]:
    """Fill sides that are 0 by the direction of the last change of price (the tick rule)."""
    if not len(px):
        return side, last_px, last_side
    before = px[0] if np.isnan(last_px) else last_px
    change = np.sign(np.diff(np.nan_to_num(px), prepend=before)).astype(np.int8)
    at = np.maximum.accumulate(np.where(change != 0, np.arange(len(px)), -1))
    direction = np.where(at >= 0, change[np.maximum(at, 0)], last_side).astype(np.int8)
    return np.where(side != 0, side, direction).astype(np.int8), float(px[-1]), int(direction[-1])


@dataclass
class _Quotes:
    """Best bid and ask of the books, by exchange time, one file in memory beside the last."""

    files: Sequence[Path]
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _held: dict[int, tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        for path in self.files:
            self._spans.append(_time_span(path))

    def before(self, exch_ns: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Best bid and ask of the last book before each time; NaN where there is none."""
        nothing = np.full(len(exch_ns), np.nan)
        if not len(exch_ns):
            return nothing, nothing
        start, stop = int(exch_ns.min()), int(exch_ns.max())
        earlier = [k for k, (first, _) in enumerate(self._spans) if first < start][-1:]
        wanted = sorted({*earlier, *(k for k, (a, b) in enumerate(self._spans) if a <= stop and b >= start)})
        self._held = {k: self._held[k] if k in self._held else _best_quotes(self.files[k]) for k in wanted}
        if not wanted:
            return nothing, nothing
        times, bids, asks = (np.concatenate([self._held[k][i] for k in wanted]) for i in range(3))
        at = np.searchsorted(times, exch_ns, side="left") - 1
        return tuple(np.where(at >= 0, side[np.maximum(at, 0)], np.nan) for side in (bids, asks))  # type: ignore[return-value]


def _time_span(path: Path) -> tuple[int, int]:
    """First and last exchange time of a file of books."""
    first, last = 2**62, -(2**62)
    for _, data in batches_of(path, ["timestamp"], Report()):
        times = int64_column(data, "timestamp")
        first, last = min(first, int(times.min())), max(last, int(times.max()))
    return first, last


def _best_quotes(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    times, bids, asks = [], [], []
    for _, data in batches_of(path, ["timestamp", "bid_prices", "ask_prices"], Report()):
        times.append(int64_column(data, "timestamp"))
        table = level_columns(data, ["bid_prices", "ask_prices"])
        bids.append(table[:, 0, 0].copy())
        asks.append(table[:, 1, 0].copy())
    if not times:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    return np.concatenate(times), np.concatenate(bids), np.concatenate(asks)
