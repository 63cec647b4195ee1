"""Reading recordings from the store: streamed, a chunk in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from undertow.data.batch import event_rows
from undertow.data.image import BookImage
from undertow.data.layout import (
    PartMeta,
    RecordingMeta,
    StoreError,
    coin_folder,
    coins_of,
    parts_of,
    read_chunks,
    read_recording_meta,
    snapshots_beside,
)
from undertow.data.stream import chunk_of
from undertow.events import END, GAP, LOCAL, Chunk, empty_snapshots
from undertow.instrument import Instrument
from undertow.units import NS_PER_S, ns_to_s, s_to_ns

_NEVER: Final = 2**63 - 1


@dataclass(frozen=True)
class StoredRecording:
    """An `undertow.recording.Recording` in the store, or a stretch of one.

    A stretch holds the rows between the first received at or after `start_ns` and the first received
    at or after `end_ns`. Where the book is fed by changes, it begins with an image of the book as
    each clock knew it.
    """

    meta: RecordingMeta
    parts: tuple[tuple[Path, PartMeta], ...]
    start_ns: int = -_NEVER
    end_ns: int = _NEVER

    @property
    def name(self) -> str:
        """Venue and coin."""
        return f"{self.meta.venue}-{self.meta.coin}"

    @property
    def instrument(self) -> Instrument:
        """Trading rules of the traded instrument."""
        return self.meta.instrument

    @property
    def snapshot_fed(self) -> bool:
        """Whether the book comes as snapshots, so that prints in between must erode it."""
        return self.meta.snapshot_fed

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time (of a stretch: its bounds, where they lie inside)."""
        first, last = self.parts[0][1].first_recv_ns, self.parts[-1][1].last_recv_ns
        return max(first, self.start_ns), min(last, self.end_ns)

    @property
    def n_rows(self) -> int:
        """Number of rows in all chunks; of a stretch, of the chunks that it touches."""
        kept = [c for _, p in self.parts for c in p.chunks]
        kept = [c for c in kept if c.last_recv_ns >= self.start_ns and c.first_recv_ns < self.end_ns]
        pairs = pairwise(part for _, part in self.parts)
        return sum(c.rows for c in kept) + sum(_silence_ns(a, b) > 0 for a, b in pairs)

    def rows_by_kind(self) -> dict[str, int]:
        """Rows of each kind in the parts."""
        counts: dict[str, int] = {}
        for _, part in self.parts:
            for kind, count in part.rows_by_kind.items():
                counts[kind] = counts.get(kind, 0) + count
        return counts

    def chunks(self) -> Iterator[Chunk]:
        """The events, from the beginning. A GAP row stands where the next part begins much later."""
        image = None if self.snapshot_fed else BookImage()
        started = False
        previous: PartMeta | None = None
        for path, part in self.parts:
            if part.first_recv_ns >= self.end_ns:
                return
            if previous is not None and started:
                yield from _gap_between(previous, part)
            previous = part
            for chunk in read_chunks(path, part, self._wanted(part, image)):
                begin, end = (_place(chunk, t) for t in (self.start_ns, self.end_ns))
                if image is not None and not started:
                    image.apply(chunk_of(chunk.rows[:begin], chunk.snapshots))
                if begin == end:
                    continue
                cut = (
                    chunk
                    if end - begin == len(chunk.rows)
                    else chunk_of(chunk.rows[begin:end], chunk.snapshots)
                )
                if image is not None and not started and self.start_ns > -_NEVER:
                    yield from image.chunks(_first_recv(cut))
                started = True
                yield cut

    def _wanted(self, part: PartMeta, image: BookImage | None) -> range:
        """Chunks to read: those inside, and for a book fed by changes those before too."""
        first, last = 0, len(part.chunks)
        while image is None and first < last and part.chunks[first].last_recv_ns < self.start_ns:
            first += 1
        while last > first and part.chunks[last - 1].first_recv_ns >= self.end_ns:
            last -= 1
        return range(first, last)


def _place(chunk: Chunk, time_ns: int) -> int:
    """Index of the first row received at or after `time_ns`."""
    if time_ns == -_NEVER:
        return 0
    local = np.flatnonzero(chunk.rows["flags"] & LOCAL)
    at = int(np.searchsorted(chunk.rows["recv_ns"][local], time_ns, side="left"))
    return int(local[at]) if at < len(local) else len(chunk.rows)


def _first_recv(chunk: Chunk) -> int:
    local = chunk.rows["recv_ns"][chunk.rows["flags"] & LOCAL != 0]
    return int(local[0]) if len(local) else int(chunk.rows["recv_ns"][0])


def _silence_ns(before: PartMeta, after: PartMeta) -> int:
    """Unmarked silence between two parts; 0 if it is no gap or is marked already."""
    silence = after.first_recv_ns - before.last_recv_ns
    return 0 if after.silence_marked or silence <= s_to_ns(after.gap_s) else silence


def _gap_between(before: PartMeta, after: PartMeta) -> Iterator[Chunk]:
    silence = _silence_ns(before, after)
    if silence:
        row = event_rows(
            1,
            exch_ns=before.last_exch_ns,
            recv_ns=after.first_recv_ns,
            val=ns_to_s(silence),
            kind=GAP,
        )
        row["flags"] |= END
        yield Chunk(row, empty_snapshots())


def open_recording(
    root: Path | str,
    venue: str,
    coin: str,
    start: datetime | int | None = None,
    end: datetime | int | None = None,
) -> StoredRecording:
    """The recording of a coin in the store at `root`, or the stretch received in [`start`, `end`).

    Times are datetimes (naive ones are UTC) or ns since the epoch. Raises `StoreError` if the store
    holds no such coin or nothing in that stretch.
    """
    folder = coin_folder(Path(root), venue, coin)
    if not (folder / "recording.json").is_file():
        known = ", ".join(f"{v} {c}" for v, c in coins_of(Path(root))) or "nothing"
        raise StoreError(f"no recording of {venue} {coin} in {root}; it holds {known}")
    start_ns = -_NEVER if start is None else _ns(start)
    end_ns = _NEVER if end is None else _ns(end)
    parts = parts_of(folder)
    if not any(p.last_recv_ns >= start_ns and p.first_recv_ns < end_ns for _, p in parts):
        spans = ", ".join(f"{_text(p.first_recv_ns)} to {_text(p.last_recv_ns)}" for _, p in parts)
        raise StoreError(f"{venue} {coin}: nothing received in that stretch; the store holds {spans}")
    meta = read_recording_meta(folder)
    if meta.snapshot_fed:
        parts = [(path, p) for path, p in parts if p.last_recv_ns >= start_ns]
    parts = [(path, p) for path, p in parts if p.first_recv_ns < end_ns]
    return StoredRecording(meta, tuple(parts), start_ns, end_ns)


def _ns(time: datetime | int) -> int:
    if isinstance(time, int):
        return time
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    whole = int(aware.replace(microsecond=0).timestamp())
    return whole * NS_PER_S + aware.microsecond * 1000


def _text(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns"))[:19] + "Z"


def describe(root: Path | str) -> list[dict[str, Any]]:
    """What the store holds: one plain entry per recording, for listings and JSON."""
    found = []
    for venue, coin in coins_of(Path(root)):
        folder = coin_folder(Path(root), venue, coin)
        recording = StoredRecording(read_recording_meta(folder), tuple(parts_of(folder)))
        if not recording.parts:
            continue
        first, last = recording.span_ns
        found.append(
            {
                "venue": venue,
                "coin": coin,
                "first": str(np.datetime64(first, "ns")),
                "last": str(np.datetime64(last, "ns")),
                "rows": recording.n_rows,
                "rows_by_kind": recording.rows_by_kind(),
                "parts": len(recording.parts),
                "days": sorted({path.parent.name.removeprefix("day=") for path, _ in recording.parts}),
                "bytes": sum(
                    p.stat().st_size + snapshots_beside(p).stat().st_size for p, _ in recording.parts
                ),
                "snapshot_fed": recording.snapshot_fed,
                "instrument": msgspec.to_builtins(recording.instrument),
            }
        )
    return found
