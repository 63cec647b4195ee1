"""Files in, chunks and a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from undertow.data.batch import Batch
from undertow.data.checks import FeedChecks
from undertow.data.clocks import MIN_DELAY_MS, ClockFix, estimate_fix, timed
from undertow.data.layout import PartMeta, RecordingMeta
from undertow.data.memory import InMemoryRecording
from undertow.data.orders import LevelSums
from undertow.data.report import Mode, Report
from undertow.data.source import Opener, Options, Source, SourceError
from undertow.data.stream import TwoClocks, chunk_of, cut_to_size, merge_by_receipt, with_gaps
from undertow.data.venues import overridden
from undertow.data.writer import write_recording
from undertow.events import Chunk
from undertow.instrument import Instrument
from undertow.units import NS_PER_MS, s_to_ns

SOURCES: Final = {
    "hyperliquid-csv": "Hyperliquid books, best quotes and trades as CSV (orderbooks_, prices_, trades_COIN)",
    "hyperliquid-ws": "Hyperliquid websocket messages, one JSON per line, receive time (ns) before it or not",
    "binance-raw": "Binance websocket captures, 'receive_ns json' per line: USDⓈ-M, coin-M or spot",
    "binance-books": "Binance deep books and trades as Parquet (lobdeep_, trades_)",
    "standx": "StandX books and trades as hourly Parquet (orderbook_, trades_)",
    "hftbacktest": "hftbacktest event arrays (.npz, .npy)",
}
_ALSO: Final = {"hftbacktest": "hftbacktest_npz"}


def opener_of(kind: str) -> Opener:
    """The converter of a source kind; its libraries are imported only now."""
    if kind not in SOURCES:
        raise SourceError(f"unknown source kind {kind!r}; known: {', '.join(SOURCES)}")
    module = _ALSO.get(kind, kind.replace("-", "_"))
    opener: Opener = import_module(f"undertow.data.sources.{module}").open_source
    return opener


@dataclass
class Conversion:
    """One recording being converted. `chunks` may be called once; `report` is complete after it."""

    kind: str
    source: Source
    report: Report
    instrument: Instrument
    gap_s: float
    min_delay_ms: float
    _started: bool = field(default=False, init=False)

    @property
    def name(self) -> str:
        """Venue and coin, for tables and file names."""
        return f"{self.source.venue}-{self.source.coin}"

    def chunks(self) -> Iterator[Chunk]:
        """The recording, ordered for both clocks, in chunks of bounded size."""
        if self._started:
            raise RuntimeError("a conversion can be read once; call `convert` again")
        self._started = True
        pieces = self._ordered() if self.source.ordered else self._merged()
        sums = LevelSums(self.instrument, self.report, self.name)
        for piece in pieces:
            for chunk in cut_to_size(summed) if (summed := sums(piece)) is not piece else (piece,):
                self.report.write(chunk.rows)
                yield chunk
        self.report.check_balance()

    def _merged(self) -> Iterator[Chunk]:
        source, report = self.source, self.report
        fix = self._clock_fix()
        feeds = [self._sound(timed(feed.batches(report), fix)) for feed in source.feeds]
        merged = with_gaps(merge_by_receipt(feeds), s_to_ns(self.gap_s), report, self.name)
        clocks = TwoClocks(report, self.name)
        for piece in merged:
            yield from clocks.push(piece)
        yield from clocks.finish()

    def _ordered(self) -> Iterator[Chunk]:
        for feed in self.source.feeds:
            for chunk in self._sound(feed.batches(self.report)):
                yield from cut_to_size(chunk)

    def _sound(self, batches: Iterator[tuple[str, Batch]]) -> Iterator[Chunk]:
        checks = FeedChecks(self.report, ordered=self.source.ordered)
        for file, batch in batches:
            sound = checks(file, batch)
            yield chunk_of(sound.rows, sound.snapshots)

    def _clock_fix(self) -> ClockFix | None:
        """The receive clock's correction, estimated on a reading of its own that counts nothing."""
        fix = estimate_fix(self.source.feeds, self.min_delay_ms)
        if fix is not None:
            behind_ms = fix.offset_ns / NS_PER_MS
            self.report.measured["clock_offset_ms"] = round(behind_ms, 3)
            self.report.measured["clock_drift_ppm"] = round(fix.drift * 1e6, 2)
            detail = f"the receive clock is {behind_ms:.1f} ms behind, drifting {fix.drift * 1e6:+.2f} ppm"
            self.report.find("clock_behind", self.name, count=1, detail=detail)
        return fix

    def recording(self) -> InMemoryRecording:
        """Convert everything into memory."""
        chunks = list(self.chunks())
        return InMemoryRecording(self.name, self.instrument, chunks, self.source.snapshot_fed)

    def store(
        self,
        root: Path | str,
        *,
        venue: str | None = None,
        replace: bool = False,
        on_chunk: Callable[[Chunk], None] | None = None,
    ) -> list[PartMeta]:
        """Convert everything into the store at `root`; see `undertow.data.writer.write_recording`."""
        source = self.source
        return write_recording(
            root,
            RecordingMeta(venue or source.venue, source.coin, self.instrument, source.snapshot_fed),
            self.chunks(),
            gap_s=self.gap_s,
            source=self.kind,
            replace=replace,
            report=self.report,
            on_chunk=on_chunk,
        )


def convert(
    kind: str,
    paths: Sequence[Path | str],
    *,
    mode: Mode = "strict",
    options: Options | None = None,
    instrument: dict[str, Any] | None = None,
    gap_s: float | None = None,
    min_delay_ms: float = MIN_DELAY_MS,
) -> Conversion:
    """Open the files at `paths` as a recording of source `kind` (a key of `SOURCES`).

    `instrument` overrides fields of the venue's `Instrument`. `gap_s` is the silence that counts as
    a gap. Raises `SourceError` if the files do not fit, `BadInput` (also while reading) in strict
    mode at the first serious finding.
    """
    source = opener_of(kind)([Path(p) for p in paths], options or Options())
    try:
        rules = overridden(source.instrument, **(instrument or {}))
    except ValueError as error:
        raise SourceError(str(error)) from error
    report = Report(mode=mode)
    report.measured.update(source.notes)
    return Conversion(
        kind,
        source,
        report,
        rules,
        source.gap_s if gap_s is None else gap_s,
        min_delay_ms,
    )
