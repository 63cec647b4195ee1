"""Hyperliquid websocket messages, one JSON per line, with or without the receive time before it.

Channels: ``l2Book`` → SNAPSHOT, ``bbo`` → BBO, ``trades`` → TRADE, ``activeAssetCtx`` → MARK,
ORACLE, OPEN_INTEREST, FUNDING_RATE. Traps:

- numbers are strings, and may be null; a best quote's side may be null (the side is empty);
- a book shows what the trades of its own block left, so books and best quotes come 1 ns after them;
- the first ``trades`` message after each subscription replays old trades without saying so: they
  keep both their times, and ids seen before are dropped;
- books of rounded prices (``spread`` is set) are no books to quote on: dropped;
- ``activeAssetCtx`` carries no time: inferred from the typical delay;
- a settlement is not announced. Its rate is the last ``funding`` before the hour, its price the last
  ``oraclePx``: a FUNDING row flagged INFERRED, if that message is no older than a minute;
- coins of builder dexes are called ``dex:COIN`` everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from undertow.data.batch import AFTER_PRINTS_NS, Batch, Feed, RowBuilder
from undertow.data.clocks import NO_TIME
from undertow.data.json_lines import CapturedLine, captured_lines, malformed
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.data.venues import HYPERLIQUID_SIZE_DECIMALS, hyperliquid
from undertow.events import (
    BBO,
    FUNDING,
    FUNDING_RATE,
    INFERRED,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    SNAPSHOT,
    TRADE,
)
from undertow.units import NS_PER_MS, NS_PER_S

DEPTH_LEVELS: Final = 20
_HOUR_NS: Final = 3600 * NS_PER_S
_FRESH_NS: Final = 60 * NS_PER_S
_LOOK_AT: Final = 5_000


class _Level(msgspec.Struct):
    px: str
    sz: str


class _Book(msgspec.Struct):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]
    spread: str | None = None


class _Best(msgspec.Struct):
    coin: str
    time: int
    bbo: tuple[_Level | None, _Level | None]


class _Trade(msgspec.Struct):
    coin: str
    side: str
    px: str
    sz: str
    time: int
    tid: int


class _Context(msgspec.Struct):
    funding: str | None = None
    openInterest: str | None = None
    oraclePx: str | None = None
    markPx: str | None = None


class _AssetContext(msgspec.Struct):
    coin: str
    ctx: _Context


class _Message(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BOOK: Final = msgspec.json.Decoder(_Book)
_BEST: Final = msgspec.json.Decoder(_Best)
_TRADES: Final = msgspec.json.Decoder(list[_Trade])
_CONTEXT: Final = msgspec.json.Decoder(_AssetContext)


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The capture of one coin; another's best quotes as a reference if `options` name it."""
    files = expand(paths, "*.jsonl*")
    coins, sizes = _coins_and_sizes(files[0])
    coin = options.coin or (next(iter(coins)) if len(coins) == 1 else None)
    if coin is None or (coins and coin not in coins):
        raise SourceError(
            f"{files[0].name}: choose a coin of {', '.join(sorted(coins)) or '(none seen)'} (--coin)"
        )
    known = coin in HYPERLIQUID_SIZE_DECIMALS
    instrument = hyperliquid(coin, () if known else sizes.get(coin, []))
    feed = Feed("messages", partial(_read, files, coin, options.reference, options.depth or DEPTH_LEVELS))
    return Source("hyperliquid", coin, instrument, True, [feed])


def _coins_and_sizes(path: Path) -> tuple[dict[str, None], dict[str, list[str]]]:
    """Coins of the first messages, and the sizes seen of each."""
    coins: dict[str, None] = {}
    sizes: dict[str, list[str]] = {}
    for line in captured_lines(path, Report()):
        if line.number > _LOOK_AT:
            break
        try:
            message = _MESSAGE.decode(line.message)
            if message.channel == "trades":
                for trade in _TRADES.decode(message.data):
                    coins[trade.coin] = None
                    sizes.setdefault(trade.coin, []).append(trade.sz)
            elif message.channel == "l2Book":
                book = _BOOK.decode(message.data)
                coins[book.coin] = None
                sizes.setdefault(book.coin, []).extend(level.sz for side in book.levels for level in side)
            elif message.channel == "bbo":
                coins[_BEST.decode(message.data).coin] = None
        except msgspec.MsgspecError:
            continue
    return coins, sizes


def _read(
    files: Sequence[Path], coin: str, reference: str | None, depth: int, report: Report
) -> Iterator[tuple[str, Batch]]:
    capture = _Capture(coin, reference, depth, report, RowBuilder(depth))
    for path in files:
        capture.file = path.name
        for line in captured_lines(path, report):
            capture.line(line)
            if capture.out.is_full:
                yield path.name, capture.out.take()
        yield path.name, capture.out.take()


@dataclass
class _Capture:
    """A capture being read: what the next settlement is known to be, and the rows so far."""

    coin: str
    reference: str | None
    depth: int
    report: Report
    out: RowBuilder
    file: str = ""
    clock_ns: int = 0
    """Latest time seen, for messages without any."""
    context_ns: int | None = None
    funding: float | None = None
    oracle_px: float | None = None

    def line(self, line: CapturedLine) -> None:
        """Take one line: one item, or as many as it holds trades."""
        items = 1
        try:
            message = _MESSAGE.decode(line.message)
            if message.channel == "trades":
                trades = _TRADES.decode(message.data)
                items = len(trades)
                used = self._trades(line, trades)
            elif message.channel == "l2Book":
                used = self._book(line, _BOOK.decode(message.data))
            elif message.channel == "bbo":
                used = self._best(line, _BEST.decode(message.data))
            elif message.channel == "activeAssetCtx":
                used = self._context(line, _CONTEXT.decode(message.data))
            else:
                used = self._unused("other_message")
        except (msgspec.MsgspecError, ValueError) as error:
            items, used = 1, 0
            malformed(self.report, self.file, line.number, str(error))
        self.report.items_read += items
        self.report.items_used += used
        self.out.end_message()

    def _unused(self, reason: str, items: int = 1) -> int:
        self.report.drop_items(reason, items)
        return 0

    def _received(self, line: CapturedLine, exch_ns: int | None) -> int:
        """The receive time; without one, the exchange time (or the latest one seen)."""
        if line.recv_ns is not None:
            recv = line.recv_ns
        else:
            self.report.find("no_receive_time", self.file, count=1)
            recv = max(self.clock_ns, exch_ns or 0)
            if not recv:
                raise ValueError("a message without any time before the first with one")
        self.clock_ns = max(self.clock_ns, recv)
        return recv

    def _trades(self, line: CapturedLine, trades: list[_Trade]) -> int:
        mine = [t for t in trades if t.coin == self.coin]
        numbers = [(float(t.px), float(t.sz)) for t in mine]
        if len(mine) < len(trades):
            self._unused("other_coin", len(trades) - len(mine))
        if not mine:
            return 0
        recv = self._received(line, max(t.time for t in mine) * NS_PER_MS)
        for trade, (px, qty) in zip(mine, numbers, strict=True):
            side = 1 if trade.side == "B" else -1 if trade.side == "A" else 0
            exch = trade.time * NS_PER_MS
            self.out.add(line.number, exch, recv, TRADE, px=px, qty=qty, ref=trade.tid, side=side)
        return len(mine)

    def _book(self, line: CapturedLine, book: _Book) -> int:
        if book.coin != self.coin:
            return self._unused("other_coin")
        if book.spread is not None:
            self.report.find("aggregated_book", self.file, [line.number])
            return self._unused("aggregated_book")
        table = np.full((4, self.depth), np.nan)
        for row, side in ((0, book.levels[0]), (2, book.levels[1])):
            for k, level in enumerate(side[: self.depth]):
                table[row, k], table[row + 1, k] = float(level.px), float(level.sz)
        exch = book.time * NS_PER_MS + AFTER_PRINTS_NS
        recv = self._received(line, exch)
        self.out.add(line.number, exch, recv, SNAPSHOT, ref=len(self.out.snapshots))
        self.out.snapshots.append(table)
        return 1

    def _best(self, line: CapturedLine, best: _Best) -> int:
        if best.coin not in (self.coin, self.reference):
            return self._unused("other_coin")
        quotes = [None if level is None else (float(level.px), float(level.sz)) for level in best.bbo]
        exch = best.time * NS_PER_MS + AFTER_PRINTS_NS
        if best.coin == self.reference:
            bid, ask = quotes
            if bid is None or ask is None:
                return self._unused("one_sided_reference")
            recv = self._received(line, exch)
            self.out.add(line.number, exch, recv, REFERENCE, px=0.5 * (bid[0] + ask[0]), asset=1)
            return 1
        recv = self._received(line, exch)
        for quote, side in zip(quotes, (1, -1), strict=True):
            px, qty = (np.nan, 0.0) if quote is None else quote
            self.out.add(line.number, exch, recv, BBO, px=px, qty=qty, side=side)
        return 1

    def _context(self, line: CapturedLine, asset: _AssetContext) -> int:
        if asset.coin != self.coin:
            return self._unused("other_coin")
        ctx = asset.ctx
        funding, interest, oracle, mark = (
            None if text is None else float(text)
            for text in (ctx.funding, ctx.openInterest, ctx.oraclePx, ctx.markPx)
        )
        recv = self._received(line, None)
        self._settlement(line.number, recv)
        if mark is not None:
            self.out.add(line.number, NO_TIME, recv, MARK, px=mark)
        if oracle is not None:
            self.out.add(line.number, NO_TIME, recv, ORACLE, px=oracle)
        if interest is not None:
            self.out.add(line.number, NO_TIME, recv, OPEN_INTEREST, qty=interest)
        if funding is not None:
            coming = (recv // _HOUR_NS + 1) * _HOUR_NS
            self.out.add(line.number, NO_TIME, recv, FUNDING_RATE, qty=funding, ref=coming)
        self.context_ns, self.funding, self.oracle_px = recv, funding, oracle
        return 1

    def _settlement(self, line: int, recv_ns: int) -> None:
        """A FUNDING row if an hour has struck since the last context."""
        if self.context_ns is None:
            return
        hour_ns = recv_ns // _HOUR_NS * _HOUR_NS
        if self.context_ns >= hour_ns:
            return
        fresh = hour_ns - self.context_ns <= _FRESH_NS and recv_ns - hour_ns < _HOUR_NS
        if not fresh or self.funding is None or self.oracle_px is None:
            self.report.find("unknown_settlement", self.file, [line])
            return
        self.out.add(
            line,
            hour_ns,
            recv_ns,
            FUNDING,
            px=self.oracle_px,
            qty=self.funding,
            ref=hour_ns,
            flags=INFERRED,
        )
        self.out.end_message()
