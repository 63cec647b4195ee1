"""A recording held in memory: for tests, notebooks and small files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from undertow.events import LOCAL, Chunk, order_for_two_clocks
from undertow.instrument import Instrument


@dataclass(frozen=True)
class InMemoryRecording:
    """An `undertow.recording.Recording` whose chunks are in memory.

    The chunks must be ordered by `undertow.events.order_for_two_clocks`; `from_rows` sees to that.
    """

    name: str
    instrument: Instrument
    parts: Sequence[Chunk]
    snapshot_fed: bool

    @classmethod
    def from_rows(
        cls, name: str, instrument: Instrument, chunk: Chunk, *, snapshot_fed: bool
    ) -> InMemoryRecording:
        """A recording of one chunk whose rows may come in any order."""
        ordered = Chunk(order_for_two_clocks(chunk.rows), chunk.snapshots)
        return cls(name, instrument, [ordered], snapshot_fed)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time; (0, 0) without rows."""
        seen = [c.rows["recv_ns"][c.rows["flags"] & LOCAL != 0] for c in self.parts]
        seen = [times for times in seen if len(times)]
        if not seen:
            return 0, 0
        return int(min(np.min(t) for t in seen)), int(max(np.max(t) for t in seen))

    @property
    def n_rows(self) -> int:
        """Number of rows in all chunks."""
        return sum(len(c.rows) for c in self.parts)

    def chunks(self) -> Iterator[Chunk]:
        """The events, from the beginning."""
        return iter(self.parts)
