"""Putting recordings into the store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from undertow.data.layout import (
    DAY_NS,
    ChunkMeta,
    ChunkWriter,
    PartMeta,
    RecordingMeta,
    StoreError,
    coin_folder,
    day_folder,
    parts_of,
    read_recording_meta,
    snapshots_beside,
)
from undertow.data.report import Report
from undertow.data.stream import chunk_of, deepened
from undertow.events import EXCH, GAP, KIND_NAMES, LOCAL, REPAIRED, Chunk

TEMPORARY: Final = ".unfinished"
_LATEST: Final = 2**63 - 1


@dataclass
class Part:
    """A part being written: one day, or the piece of it that this import brings."""

    path: Path
    writer: ChunkWriter
    depth: int
    gap_s: float
    source: str
    chunks: list[ChunkMeta] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    exch: tuple[int, int] = (_LATEST, -_LATEST)
    recv: tuple[int, int] = (_LATEST, -_LATEST)
    silence_marked: bool = False

    def write(self, chunk: Chunk) -> None:
        """Append a chunk."""
        rows, table = chunk
        chunk = Chunk(rows, deepened(table, self.depth) if len(table) else table)
        self.writer.write(chunk)
        self.silence_marked |= not self.chunks and bool(rows["kind"][0] == GAP)
        recv = rows["recv_ns"][rows["flags"] & LOCAL != 0]
        exch = rows["exch_ns"][rows["flags"] & EXCH != 0]
        # Ordered for both clocks: the ends are the extremes. A chunk may have no LOCAL row at all.
        span = (int(recv[0]), int(recv[-1])) if len(recv) else (self.recv[1], self.recv[1])
        if len(recv):
            self.recv = (min(self.recv[0], span[0]), span[1])
        if len(exch):
            self.exch = (min(self.exch[0], int(exch[0])), int(exch[-1]))
        self.chunks.append(ChunkMeta(len(rows), len(table), *span))
        for kind, count in enumerate(np.bincount(rows["kind"]).tolist()):
            if count:
                self.kinds[KIND_NAMES.get(kind, str(kind))] += count

    def is_too_shallow_for(self, chunk: Chunk) -> bool:
        """Whether the chunk's books are deeper than the part's first ones (a column's width is fixed)."""
        return len(chunk.snapshots) > 0 and chunk.snapshots.shape[2] > self.depth

    def close(self) -> PartMeta:
        """Write the footer; returns it."""
        if self.recv[0] == _LATEST:  # nothing that the maker sees
            self.recv = self.exch
        meta = PartMeta(
            first_recv_ns=self.recv[0],
            last_recv_ns=self.recv[1],
            first_exch_ns=self.exch[0],
            last_exch_ns=self.exch[1],
            depth=self.depth,
            gap_s=self.gap_s,
            chunks=self.chunks,
            rows_by_kind=dict(sorted(self.kinds.items())),
            silence_marked=self.silence_marked,
            source=self.source,
        )
        self.writer.close(meta)
        return meta


def write_recording(
    root: Path | str,
    meta: RecordingMeta,
    chunks: Iterable[Chunk],
    *,
    gap_s: float = 5.0,
    source: str = "",
    replace: bool = False,
    report: Report | None = None,
    on_chunk: Callable[[Chunk], None] | None = None,
) -> list[PartMeta]:
    """Write `chunks`, ordered for both clocks, as the parts of one import; all of them or none.

    The recording may already hold other times: what is written may not overlap them in receive time,
    unless `replace` and it covers the old part wholly. Rows that happened before the last exchange
    time of the part before them take that time (a ``late`` finding of `report`).
    Raises `StoreError`, and whatever `chunks` raises; then nothing of the import remains.
    """
    folder = coin_folder(Path(root), meta.venue, meta.coin)
    check_same(folder, meta)
    report = report or Report()
    written: list[tuple[Path, PartMeta]] = []
    try:
        held = parts_of(folder) if folder.is_dir() else []
        _write_parts(folder, _watched(chunks, on_chunk), held, gap_s, source, report, written, replace)
        gone = _overlapped(held, [part for _, part in written], replace)
    except BaseException:
        for path, _ in written:
            _unlink_pair(path)
        _tidy(folder)
        raise
    for path in gone:
        _unlink_pair(path)
    for path, _ in written:
        rename_pair(path)
    write_recording_meta(folder, meta)
    return [part for _, part in written]


def _watched(chunks: Iterable[Chunk], on_chunk: Callable[[Chunk], None] | None) -> Iterator[Chunk]:
    for chunk in chunks:
        if on_chunk is not None:
            on_chunk(chunk)
        yield chunk


def _write_parts(
    folder: Path,
    chunks: Iterator[Chunk],
    held: list[tuple[Path, PartMeta]],
    gap_s: float,
    source: str,
    report: Report,
    written: list[tuple[Path, PartMeta]],
    replace: bool,
) -> None:
    part: Part | None = None
    day = None
    floor: int | None = None
    for chunk in chunks:
        if floor is None:
            floor = _floor(held, chunk, replace)
        _raise_to_floor(chunk, floor, report, source)
        for of_day, piece in _by_day(chunk, day):
            if part is None or of_day != day or part.is_too_shallow_for(piece):
                if part is not None:
                    written.append((part.path, part.close()))
                day = of_day
                part = new_part(folder, piece, day, gap_s, source)
                part.silence_marked = bool(written)
            part.write(piece)
    if part is None:
        raise StoreError(f"nothing to write to {folder}: the source gave no rows")
    written.append((part.path, part.close()))


def new_part(folder: Path, chunk: Chunk, day: int, gap_s: float, source: str) -> Part:
    """A part that begins with `chunk`, under a temporary name that no other part has."""
    into = day_folder(folder, day * DAY_NS)
    into.mkdir(parents=True, exist_ok=True)
    stem = f"events-{_first_recv(chunk):020d}"
    path = into / f"{stem}.parquet{TEMPORARY}"
    while path.exists() or _final(path).exists():
        stem += "-"
        path = into / f"{stem}.parquet{TEMPORARY}"
    depth = chunk.snapshots.shape[2]
    return Part(path, ChunkWriter(path, depth), depth, gap_s, source)


def _first_recv(chunk: Chunk) -> int:
    seen = chunk.rows["recv_ns"][chunk.rows["flags"] & LOCAL != 0]
    return int(seen[0]) if len(seen) else int(chunk.rows["recv_ns"].min())


def _by_day(chunk: Chunk, day: int | None) -> Iterator[tuple[int, Chunk]]:
    """The chunk cut where the receive time enters another UTC day."""
    rows = chunk.rows
    local = np.flatnonzero(rows["flags"] & LOCAL)
    days = rows["recv_ns"][local] // DAY_NS
    if day is None:
        day = _first_recv(chunk) // DAY_NS
    edges = local[np.flatnonzero(np.diff(days, prepend=day))]
    starts = [0, *edges[edges > 0].tolist()]
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        inside = days[(local >= start) & (local < stop)]
        day = int(inside[0]) if len(inside) else day
        yield day, chunk_of(rows[start:stop], chunk.snapshots)


def _floor(held: list[tuple[Path, PartMeta]], chunk: Chunk, replace: bool) -> int:
    """Last exchange time of the part before this import."""
    first = _first_recv(chunk)
    before = [part for _, part in held if part.last_recv_ns <= first]
    if not replace and any(p.first_recv_ns <= first < p.last_recv_ns for _, p in held):
        raise StoreError(_OVERLAP.format(first=np.datetime64(first, "ns")))
    return max((part.last_exch_ns for part in before), default=-_LATEST)


def _raise_to_floor(chunk: Chunk, floor: int, report: Report, source: str) -> None:
    rows = chunk.rows
    late = rows["exch_ns"] < floor
    if late.any():
        report.find("late", source or "the store", count=int(np.count_nonzero(late)))
        rows["exch_ns"][late] = floor
        rows["flags"][late] |= REPAIRED


_OVERLAP: Final = (
    "the store already holds what was received at {first}; import what is missing, or pass replace "
    "(--replace) to put this in the place of the parts it covers wholly"
)


def _overlapped(held: list[tuple[Path, PartMeta]], written: list[PartMeta], replace: bool) -> list[Path]:
    """Parts this import replaces. An overlap that it may not replace is an error."""
    first, last = written[0].first_recv_ns, written[-1].last_recv_ns
    over = [(path, p) for path, p in held if p.first_recv_ns <= last and p.last_recv_ns >= first]
    inside = [p for _, p in over if p.first_recv_ns >= first and p.last_recv_ns <= last]
    touching = [p for _, p in over if p.last_recv_ns == first or p.first_recv_ns == last]
    if not replace:
        over = [(path, p) for path, p in over if p not in touching]
    if over and not (replace and len(inside) == len(over)):
        at = max(first, over[0][1].first_recv_ns)
        raise StoreError(_OVERLAP.format(first=np.datetime64(at, "ns")))
    after = [p for _, p in held if p.first_recv_ns >= last]
    if after and min(p.first_exch_ns for p in after) < written[-1].last_exch_ns:
        raise StoreError(
            "what the store holds after this import happened before its last row: import both in one go"
        )
    return [path for path, _ in over]


def check_same(folder: Path, meta: RecordingMeta) -> None:
    """The rules of a coin may not change from import to import, but for its fees."""
    if not (folder / "recording.json").is_file():
        return
    old = read_recording_meta(folder)
    rules = ("tick_size", "size_step", "contract", "contract_value", "significant_figures")
    for name in rules:
        a, b = getattr(old.instrument, name), getattr(meta.instrument, name)
        if a != b:
            raise StoreError(f"{folder}/recording.json says {name} = {a}, this import {b}; use one of them")
    if old.snapshot_fed != meta.snapshot_fed:
        raise StoreError(f"{folder} holds another kind of feed (snapshot_fed = {old.snapshot_fed})")


def write_recording_meta(folder: Path, meta: RecordingMeta) -> None:
    """Write ``recording.json`` where there is none."""
    path = folder / "recording.json"
    if not path.is_file():
        path.write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n")


def _tidy(folder: Path) -> None:
    """Remove what an import that failed has left behind."""
    for path in folder.glob(f"day=*/*{TEMPORARY}"):
        path.unlink()
    for path in [*folder.glob("day=*"), folder, folder.parent]:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _final(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(TEMPORARY))


def rename_pair(path: Path) -> None:
    """Let a finished part appear."""
    os.replace(snapshots_beside(path), snapshots_beside(_final(path)))
    os.replace(path, _final(path))


def _unlink_pair(path: Path) -> None:
    for file in (path, snapshots_beside(path)):
        file.unlink(missing_ok=True)
