"""Rows on their way from a source's file to the event stream, with where each came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.data.report import Report
from undertow.events import EVENT, EXCH, LOCAL, empty_snapshots

BATCH_ROWS: Final = 65_536
AFTER_PRINTS_NS: Final = 1
"""Added to the exchange time of snapshots and best quotes: a book stamped T shows what the trades
stamped T have left, so on the exchange's clock it comes after them (stamps are in milliseconds)."""


class Batch(NamedTuple):
    """Rows of one feed in order of arrival; whole messages only.

    `lines` and `message` run parallel to `rows`: the source line (from 1) each row was made of, and
    a number that is equal within a message and differs from that of the next.
    """

    rows: NDArray[np.void]
    snapshots: NDArray[np.float64]
    lines: NDArray[np.int64]
    message: NDArray[np.int64]


@dataclass(frozen=True)
class Feed:
    """One stream of a recording; `batches` yields (file name, batch) from the beginning."""

    name: str
    batches: Callable[[Report], Iterator[tuple[str, Batch]]]


def event_rows(n: int, **columns: object) -> NDArray[np.void]:
    """`n` rows flagged EXCH and LOCAL with the given columns, the others zero."""
    rows = np.zeros(n, dtype=EVENT)
    rows["flags"] = EXCH | LOCAL
    for name, column in columns.items():
        rows[name] = column
    return rows


def message_numbers(*keys: NDArray[np.generic]) -> NDArray[np.int64]:
    """Numbers that change wherever any of the `keys` changes from one row to the next."""
    changes = np.zeros(len(keys[0]), dtype=bool)
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.cumsum(changes)


@dataclass
class RowBuilder:
    """Collects rows one by one, for sources that are read message by message."""

    depth: int = 1
    rows: list[tuple[float, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    message: list[int] = field(default_factory=list)
    snapshots: list[NDArray[np.float64]] = field(default_factory=list)
    messages: int = 0

    def add(
        self,
        line: int,
        exch_ns: int,
        recv_ns: int,
        kind: int,
        *,
        px: float = 0.0,
        qty: float = 0.0,
        val: float = 0.0,
        ref: int = 0,
        side: int = 0,
        flags: int = 0,
        asset: int = 0,
        code: int = 0,
    ) -> None:
        """Append one row of the current message."""
        self.rows.append((exch_ns, recv_ns, px, qty, val, ref, kind, side, EXCH | LOCAL | flags, asset, code))
        self.lines.append(line)
        self.message.append(self.messages)

    def end_message(self) -> None:
        """The rows that follow belong to another message."""
        self.messages += 1

    def take(self) -> Batch:
        """The rows so far, and start anew."""
        table = np.stack(self.snapshots) if self.snapshots else empty_snapshots(self.depth)
        batch = Batch(
            np.array(self.rows, dtype=EVENT),
            table,
            np.array(self.lines, dtype=np.int64),
            np.array(self.message, dtype=np.int64),
        )
        self.rows, self.lines, self.message, self.snapshots = [], [], [], []
        return batch

    @property
    def is_full(self) -> bool:
        """Whether it is time to `take`."""
        return len(self.rows) >= BATCH_ROWS or sum(s.nbytes for s in self.snapshots[-1:]) * len(
            self.snapshots
        ) >= (16 << 20)
