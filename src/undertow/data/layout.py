"""How the store lies on disk, and a chunk as Parquet.

    ROOT/venue=hyperliquid/coin=BTC/recording.json           trading rules, how the book is fed
                                    day=2025-09-04/
                                        events-T.parquet      rows, one row group a chunk
                                        snapshots-T.parquet   the books their SNAPSHOT rows point to

``T`` is the receive time of the part's first row (ns); days are UTC, by receive time. The folder
names are Hive partitions, so DuckDB and polars read the columns ``venue``, ``coin``, ``day`` off
them. Counts, spans and the chunks' sizes stand in the footer of the events file (`PartMeta`).
Floats are stored plain, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undertow.events import EVENT, Chunk, empty_snapshots
from undertow.instrument import Instrument

FORMAT: Final = 1
DAY_NS: Final = 86_400_000_000_000
_META_KEY: Final = b"undertow"
_LEVEL_COLUMNS: Final = ("bid_px", "bid_qty", "ask_px", "ask_qty")
_SMALL: Final = ["kind", "side", "flags", "asset", "code"]
_TIMES: Final = {"exch_ns": "DELTA_BINARY_PACKED", "recv_ns": "DELTA_BINARY_PACKED"}


class StoreError(ValueError):
    """The store does not hold, or cannot take, what was asked; the text says what to do."""


class ChunkMeta(msgspec.Struct, frozen=True, array_like=True):
    """Size and receive times of one chunk."""

    rows: int
    snapshots: int
    first_recv_ns: int
    last_recv_ns: int


class PartMeta(msgspec.Struct, frozen=True):
    """What the footer of a part says. Times are those of rows seen on that clock."""

    first_recv_ns: int
    last_recv_ns: int
    first_exch_ns: int
    last_exch_ns: int
    depth: int
    gap_s: float
    chunks: list[ChunkMeta]
    rows_by_kind: dict[str, int]
    silence_marked: bool = False
    """It follows the part before it in one import, or begins with a GAP row."""
    source: str = ""
    format: int = FORMAT

    @property
    def n_rows(self) -> int:
        """Rows of the part."""
        return sum(c.rows for c in self.chunks)


class RecordingMeta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``recording.json``: what holds of all parts of a coin. Fees in it may be edited by hand."""

    venue: str
    coin: str
    instrument: Instrument
    snapshot_fed: bool


def coin_folder(root: Path, venue: str, coin: str) -> Path:
    """Folder of a coin; characters a path cannot hold are percent-encoded (``xyz%3ATSLA``)."""
    return root / f"venue={quote(venue, safe='')}" / f"coin={quote(coin, safe='')}"


def day_folder(folder: Path, recv_ns: int) -> Path:
    """Folder of the UTC day of a receive time."""
    return folder / f"day={np.datetime64(recv_ns // DAY_NS, 'D')}"


def coins_of(root: Path) -> list[tuple[str, str]]:
    """Venue and coin of every recording in the store, sorted."""
    found = []
    for path in sorted(root.glob("venue=*/coin=*/recording.json")):
        venue, coin = (unquote(p.name.partition("=")[2]) for p in (path.parent.parent, path.parent))
        found.append((venue, coin))
    return found


def read_recording_meta(folder: Path) -> RecordingMeta:
    """The ``recording.json`` of a coin's folder."""
    path = folder / "recording.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=RecordingMeta)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(f"{path}: {error}") from error


def snapshots_beside(events: Path) -> Path:
    """The snapshots file of an events file."""
    return events.with_name(events.name.replace("events-", "snapshots-", 1))


def parts_of(folder: Path) -> list[tuple[Path, PartMeta]]:
    """Events files of a coin and their footers, in order of receipt."""
    parts = [(path, read_part_meta(path)) for path in folder.glob("day=*/events-*.parquet")]
    return sorted(parts, key=lambda part: (part[1].first_recv_ns, part[0].stem))


def read_part_meta(path: Path) -> PartMeta:
    """The footer of an events file."""
    try:
        raw = (pq.read_metadata(path).metadata or {}).get(_META_KEY)
        if raw is None:
            raise StoreError(f"{path} was not written by this store; move it away")
        return msgspec.json.decode(raw, type=PartMeta)
    except (pa.ArrowInvalid, msgspec.MsgspecError) as error:
        raise StoreError(f"{path} cannot be read ({error}); delete it and import its source again") from error


# ---- chunks as Parquet --------------------------------------------------------------------------


def _event_schema() -> pa.Schema:
    return pa.schema([(name, pa.from_numpy_dtype(EVENT[name])) for name in EVENT.names or ()])


def _snapshot_schema(depth: int) -> pa.Schema:
    return pa.schema([(name, pa.list_(pa.float64(), depth)) for name in _LEVEL_COLUMNS])


class ChunkWriter:
    """Writes chunks to a pair of files; `close` puts the footer in and says what it holds."""

    def __init__(self, events: Path, depth: int) -> None:
        self._depth = depth
        self._chunks = 0
        common = {"compression": "zstd", "write_statistics": False}
        self._events = pq.ParquetWriter(
            events, _event_schema(), use_dictionary=_SMALL, column_encoding=_TIMES, **common
        )
        self._snapshots = pq.ParquetWriter(
            snapshots_beside(events), _snapshot_schema(depth), use_dictionary=False, **common
        )

    def write(self, chunk: Chunk) -> None:
        """Append a chunk as one row group of each file."""
        rows, table = chunk
        columns = [pa.array(np.ascontiguousarray(rows[name])) for name in EVENT.names or ()]
        batch = pa.Table.from_arrays(columns, schema=_event_schema())
        self._events.write_table(batch, row_group_size=max(len(rows), 1))
        if len(table):
            lists = [
                pa.FixedSizeListArray.from_arrays(
                    pa.array(np.ascontiguousarray(table[:, k]).ravel()), self._depth
                )
                for k in range(len(_LEVEL_COLUMNS))
            ]
            books = pa.Table.from_arrays(lists, schema=_snapshot_schema(self._depth))
            self._snapshots.write_table(books, row_group_size=len(table))

    def close(self, meta: PartMeta | None) -> None:
        """Finish both files (None: they are to be thrown away)."""
        if meta is not None:
            self._events.add_key_value_metadata({_META_KEY: msgspec.json.encode(meta)})
        self._events.close()
        self._snapshots.close()


def read_chunks(events: Path, meta: PartMeta, wanted: range | None = None) -> Iterator[Chunk]:
    """The chunks of a part numbered in `wanted` (all by default), one in memory at a time."""
    file = pq.ParquetFile(events, memory_map=True)
    books = pq.ParquetFile(snapshots_beside(events), memory_map=True)
    try:
        book_group = 0
        for number, chunk in enumerate(meta.chunks):
            if wanted is None or number in wanted:
                rows = _rows_of(file.read_row_group(number, use_threads=False))
                table = empty_snapshots(meta.depth)
                if chunk.snapshots:
                    table = _table_of(books.read_row_group(book_group, use_threads=False), meta.depth)
                if len(rows) != chunk.rows or len(table) != chunk.snapshots:
                    raise StoreError(f"{events}: chunk {number} does not match its footer; import again")
                yield Chunk(rows, table)
            book_group += chunk.snapshots > 0
    finally:
        file.close()
        books.close()


def _rows_of(table: pa.Table) -> NDArray[np.void]:
    rows = np.zeros(table.num_rows, dtype=EVENT)
    for name in EVENT.names or ():
        rows[name] = table.column(name).to_numpy()
    return rows


def _table_of(table: pa.Table, depth: int) -> NDArray[np.float64]:
    books = np.empty((table.num_rows, 4, depth))
    for k, name in enumerate(_LEVEL_COLUMNS):
        levels = table.column(name).combine_chunks()
        books[:, k] = levels.flatten().to_numpy(zero_copy_only=False).reshape(-1, depth)
    return books
