"""Which prints are new.

The first trades message after every subscription repeats about thirty old prints without a mark, and
a message may come twice. A print is told by ``(time, tid)``.
"""

from __future__ import annotations

from typing import Final

_REMEMBERED: Final = 4096
NEW: Final = 0
OLD: Final = 1
"""Not seen before, but too old to be delivered: what it consumed is still news to a late book."""
REPEATED: Final = 2


class Prints:
    """The prints of one coin seen so far, the latest 4096 of them."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], None] = {}
        self._floor_ms: int | None = None
        self._newest_ms = 0
        self.repeated = 0
        """Prints dropped because they had been seen."""
        self.old = 0
        """Prints dropped because they happened before the session or before the last one seen."""

    @property
    def started(self) -> bool:
        """Whether it is known since when prints count."""
        return self._floor_ms is not None

    def start(self, exch_ms: int) -> None:
        """Prints up to `exch_ms` are history. Only the first call counts."""
        if self._floor_ms is None:
            self._floor_ms = exch_ms + 1

    def interrupted(self) -> None:
        """The feed was lost: what comes again from before the last print seen is old."""
        if self._newest_ms:
            self._floor_ms = max(self._floor_ms or 0, self._newest_ms)

    def judge(self, exch_ms: int, tid: int) -> int:
        """`NEW`, `OLD` or `REPEATED`; notes it."""
        key = (exch_ms, tid)
        if key in self._seen:
            self.repeated += 1
            return REPEATED
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._floor_ms = max(self._floor_ms or 0, oldest[0])
        if self._floor_ms is not None and exch_ms < self._floor_ms:
            self.old += 1
            return OLD
        self._newest_ms = max(self._newest_ms, exch_ms)
        return NEW
