"""What can be replayed: a market's rules and its events, in stretches that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from undertow.events import Chunk
from undertow.instrument import Instrument


class Recording(Protocol):
    """A recorded or generated market. The Parquet store and the generators provide it.

    `chunks` yields the recording from its beginning each time it is called; the same recording
    yields the same bytes. Chunks follow each other in order of receipt, each already ordered by
    `undertow.events.order_for_two_clocks`.
    """

    @property
    def name(self) -> str:
        """Short name for tables and file names."""
        ...

    @property
    def instrument(self) -> Instrument:
        """Trading rules of the traded instrument."""
        ...

    @property
    def snapshot_fed(self) -> bool:
        """Whether the book comes as snapshots, so that prints in between must erode it."""
        ...

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time."""
        ...

    @property
    def n_rows(self) -> int:
        """Number of rows in all chunks (for progress)."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """The events, from the beginning."""
        ...
