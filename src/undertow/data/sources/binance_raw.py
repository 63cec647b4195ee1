"""Binance websocket captures, ``receive_ns json`` per line: USDⓈ-M, coin-M or spot.

Traps:

- depth diffs speak of a book whose image comes from a REST snapshot line without ``stream``. Until
  it comes diffs are held; then those it covers (``u <= lastUpdateId``) are dropped and the others
  follow it, received when it was (before, nobody could have used them);
- each diff names its predecessor (futures: ``pu``; spot: ``U`` = last ``u`` + 1); where that fails
  messages were lost: a GAP row;
- ``m`` true means that the buyer was the maker: the aggressor sold;
- spot best quotes carry no time: inferred from the typical delay (`undertow.data.clocks.timed`);
- coin-M is inverse, its quantity in contracts of 100 USD;
- futures also print trades made off the book (``X`` other than MARKET): dropped (``not_on_book``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from undertow.data.batch import Batch, Feed, RowBuilder
from undertow.data.clocks import NO_TIME
from undertow.data.json_lines import CapturedLine, captured_lines, malformed
from undertow.data.report import Report
from undertow.data.source import Options, Source, SourceError, expand
from undertow.data.venues import binance_coinm, binance_spot, binance_usdm
from undertow.events import BBO, CLEAR, DEPTH, GAP, IMAGE, TRADE
from undertow.units import NS_PER_MS

_INSTRUMENT: Final = {"usdm": binance_usdm, "coinm": binance_coinm, "spot": binance_spot}
_LOOK_AT: Final = 2_000

_Level = tuple[float, float, int]
"""Price, size, side."""
_Text = tuple[str, str]


def _levels(bids: Sequence[_Text], asks: Sequence[_Text]) -> list[_Level]:
    return [(float(p), float(q), 1) for p, q in bids] + [(float(p), float(q), -1) for p, q in asks]


class _Data(msgspec.Struct):
    """The fields of every message and of the REST snapshot, as the venue names them."""

    e: str = ""
    E: int | None = None
    T: int | None = None
    s: str = ""
    ps: str | None = None
    symbol: str | None = None
    # depth diff
    U: int = 0
    u: int = 0
    pu: int | None = None
    # diff: levels; best quote: price and size
    b: list[_Text] | str = ""
    B: str = ""
    a: list[_Text] | str | int = ""
    A: str = ""
    # trade
    p: str = ""
    q: str = ""
    t: int = 0
    m: bool = False
    X: str = "MARKET"
    # REST snapshot
    lastUpdateId: int | None = None
    bids: list[_Text] = []
    asks: list[_Text] = []


class _Line(_Data):
    """A line: a combined stream's envelope, or the snapshot itself."""

    stream: str | None = None
    data: _Data | None = None


_DECODER: Final = msgspec.json.Decoder(_Line)


def open_source(paths: Sequence[Path], options: Options) -> Source:
    """The capture of one symbol; what market it is of is read off its first messages."""
    files = expand(paths, "*.gz")
    market, symbol = _market_and_symbol(files[0], options.coin)
    feed = Feed(f"binance_{market}", partial(_read, files, symbol))
    instrument = _INSTRUMENT[market](symbol)
    return Source(f"binance-{market}", symbol, instrument, False, [feed], notes={"market": market})


def _market_and_symbol(path: Path, wanted: str | None) -> tuple[str, str]:
    symbols: set[str] = set()
    market = None
    for line in captured_lines(path, Report()):
        try:
            data = _DECODER.decode(line.message).data
        except msgspec.MsgspecError:
            continue
        if data is None or line.number > _LOOK_AT:
            if line.number > _LOOK_AT:
                break
            continue
        symbols.add(data.s)
        if data.e == "depthUpdate" and wanted in (None, data.s):
            market = market or ("coinm" if data.ps else "usdm" if data.pu is not None else "spot")
    if market is None or (wanted is None and len(symbols) != 1):
        found = ", ".join(sorted(symbols)) or "nothing"
        raise SourceError(
            f"{path.name}: need depth messages of one symbol, found {found}; choose with --coin"
        )
    return market, wanted or symbols.pop()


def _read(files: Sequence[Path], symbol: str, report: Report) -> Iterator[tuple[str, Batch]]:
    capture = _Capture(symbol, report)
    for path in files:
        capture.file = path.name
        for line in captured_lines(path, report):
            report.items_read += 1
            capture.line(line)
            if capture.out.is_full:
                yield path.name, capture.out.take()
        yield path.name, capture.out.take()
    capture.end()


@dataclass
class _Capture:
    """A capture being read: the book's place in its sequence, and the rows so far."""

    symbol: str
    report: Report
    file: str = ""
    out: RowBuilder = field(default_factory=RowBuilder)
    has_image: bool = False
    last_id: int = 0
    held: list[tuple[CapturedLine, _Data, list[_Level]]] = field(default_factory=list)

    def line(self, line: CapturedLine) -> None:
        """Take one line."""
        try:
            message = _DECODER.decode(line.message)
            data = message.data
            if data is None:
                if message.lastUpdateId is None:
                    self.report.drop_items("other_message", 1)
                else:
                    self._image(line, message)
                return
            if data.s != self.symbol:
                self.report.drop_items("other_coin", 1)
            elif data.e == "depthUpdate":
                self._diff(line, data)
            elif data.e == "trade":
                self._trade(line, data)
            elif data.e in ("bookTicker", "") and data.B:
                self._best(line, data)
            else:
                self.report.drop_items("other_message", 1)
        except (msgspec.MsgspecError, ValueError) as error:
            malformed(self.report, self.file, line.number, str(error))

    def _times(self, line: CapturedLine, data: _Data) -> tuple[int, int]:
        """Exchange and receive time: the matching engine's time where the message has it."""
        stamp = data.T if data.T is not None else data.E
        exch = NO_TIME if stamp is None else stamp * NS_PER_MS
        if line.recv_ns is not None:
            return exch, line.recv_ns
        if exch == NO_TIME:
            raise ValueError("neither a receive time nor an exchange time")
        self.report.find("no_receive_time", self.file, count=1)
        return exch, exch

    def _used(self) -> None:
        self.out.end_message()
        self.report.items_used += 1

    def _image(self, line: CapturedLine, image: _Line) -> None:
        exch, recv = self._times(line, image)
        levels = _levels(image.bids, image.asks)
        self.out.add(line.number, exch, recv, CLEAR, px=np.nan)
        for px, qty, side in levels:
            self.out.add(line.number, exch, recv, DEPTH, px=px, qty=qty, side=side, code=IMAGE)
        self._used()
        assert image.lastUpdateId is not None
        self.has_image, self.last_id = True, image.lastUpdateId
        held, self.held = self.held, []
        first = True
        for earlier, data, changes in held:
            if data.u <= self.last_id and first:
                self.report.drop_items("covered_by_snapshot", 1)
                continue
            self._change(earlier._replace(recv_ns=recv), data, changes, bridges=first)
            first = False

    def _diff(self, line: CapturedLine, data: _Data) -> None:
        if not (isinstance(data.b, list) and isinstance(data.a, list)):
            raise ValueError("a depth message without lists of levels")
        levels = _levels(data.b, data.a)
        self._times(line, data)
        if not self.has_image:
            self.held.append((line, data, levels))
        elif data.u <= self.last_id:
            self.report.drop_items("covered_by_snapshot", 1)
        else:
            self._change(line, data, levels, bridges=False)

    def _change(self, line: CapturedLine, data: _Data, levels: list[_Level], *, bridges: bool) -> None:
        exch, recv = self._times(line, data)
        follows = data.pu == self.last_id if data.pu is not None else self.last_id + 1 == data.U
        straddles = data.U <= self.last_id + 1 <= data.u
        if not (follows or (straddles and (bridges or data.pu is None))):
            self.report.find("lost_messages", self.file, [line.number])
            self.out.add(line.number, exch, recv, GAP, ref=1)
            self.out.end_message()
        for px, qty, side in levels:
            self.out.add(line.number, exch, recv, DEPTH, px=px, qty=qty, side=side)
        self.last_id = data.u
        self._used()

    def _trade(self, line: CapturedLine, data: _Data) -> None:
        if data.X != "MARKET":
            self.report.drop_items("not_on_book", 1)
            return
        exch, recv = self._times(line, data)
        px, qty = float(data.p), float(data.q)
        self.out.add(line.number, exch, recv, TRADE, px=px, qty=qty, ref=data.t, side=-1 if data.m else 1)
        self._used()

    def _best(self, line: CapturedLine, data: _Data) -> None:
        exch, recv = self._times(line, data)
        if not (isinstance(data.b, str) and isinstance(data.a, str)):
            raise ValueError("a best quote without prices")
        bid, ask = (float(data.b), float(data.B)), (float(data.a), float(data.A))
        for (px, qty), side in ((bid, 1), (ask, -1)):
            self.out.add(line.number, exch, recv, BBO, px=px, qty=qty, ref=data.u, side=side)
        self._used()

    def end(self) -> None:
        """Diffs still waiting for an image are of no use."""
        if self.held:
            self.report.drop_items("no_snapshot", len(self.held))
            self.held = []
