"""Putting what is being received into the store, hour by hour.

A part is written under a temporary name and appears in the store when it is closed: after `part_s`, at
the end of the UTC day, when books get deeper, or at the end.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.data.layout import DAY_NS, RecordingMeta, coin_folder, parts_of
from undertow.data.stream import chunk_of, join
from undertow.data.writer import TEMPORARY, Part, check_same, new_part, rename_pair, write_recording_meta
from undertow.events import LOCAL, REPAIRED, Chunk, order_for_two_clocks

CHUNK_ROWS: Final = 8_192


class StoreAppender:
    """Appends rows to the recording of one coin; nothing else may write it meanwhile.

    Rows must come in order of receipt. One that happened before what is already written takes that
    time (flag ``REPAIRED``). Raises `StoreError` where the coin's rules differ from those in the store.
    """

    def __init__(
        self,
        root: Path | str,
        meta: RecordingMeta,
        *,
        part_s: float = 3600.0,
        gap_s: float = 5.0,
        source: str = "live",
    ) -> None:
        self.folder = coin_folder(Path(root), meta.venue, meta.coin)
        check_same(self.folder, meta)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_recording_meta(self.folder, meta)
        held = parts_of(self.folder)
        self._floor_ns = max((part.last_exch_ns for _, part in held), default=-(2**63))
        self._part_ns, self._gap_s, self._source = round(part_s * 1e9), gap_s, source
        self._part: Part | None = None
        self._began_ns = self._parts = 0
        self._waiting: list[Chunk] = []
        self._rows = 0

    def write(self, rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> None:
        """Take rows and the table their SNAPSHOT rows count in; they are copied."""
        if len(rows):
            self._waiting.append(chunk_of(rows.copy(), snapshots.copy()))
            self._rows += len(rows)
        if self._rows >= CHUNK_ROWS:
            self._write_waiting()

    def close(self) -> None:
        """Write what waits and let the last part appear."""
        self._write_waiting()
        self._close_part()

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        rows, snapshots = join(self._waiting)
        self._waiting, self._rows = [], 0
        late = rows["exch_ns"] < self._floor_ns
        rows["exch_ns"][late] = self._floor_ns
        rows["flags"][late] |= REPAIRED
        rows = order_for_two_clocks(rows)
        self._floor_ns = int(rows["exch_ns"].max())
        days = rows["recv_ns"] // DAY_NS
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(rows)]
        for start, stop in pairwise(edges):
            self._write_piece(chunk_of(rows[start:stop], snapshots))

    def _write_piece(self, piece: Chunk) -> None:
        seen = piece.rows["recv_ns"][piece.rows["flags"] & LOCAL != 0]
        recv_ns = int(seen[0]) if len(seen) else int(piece.rows["recv_ns"][0])
        if self._part is not None and (
            recv_ns - self._began_ns >= self._part_ns
            or recv_ns // DAY_NS != self._began_ns // DAY_NS
            or self._part.is_too_shallow_for(piece)
        ):
            self._close_part()
        if self._part is None:
            self._part = new_part(self.folder, piece, recv_ns // DAY_NS, self._gap_s, self._source)
            self._part.silence_marked = self._parts > 0
            self._began_ns = recv_ns
            self._parts += 1
        self._part.write(piece)

    def _close_part(self) -> None:
        if self._part is not None:
            self._part.close()
            rename_pair(self._part.path)
            self._part = None


def drop_unfinished(folder: Path) -> None:
    """Remove parts of a coin's folder that a process left unfinished when it died."""
    for path in folder.glob(f"day=*/*{TEMPORARY}"):
        path.unlink()
