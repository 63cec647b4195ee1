"""Deliver each thing once, though streams repeat themselves and recoveries overlap."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

OVERLAP_MS: Final = 60_000
"""How far before the last thing seen a recovery asks again: streams may overtake each other."""


class Once:
    """Keys already delivered, as far back as anything can still come again.

    What happened before ``start_ms`` is history and never delivered. Once the history was read to its
    end, things older than the newest by twice `OVERLAP_MS` are known to be delivered: keys go.
    """

    def __init__(self, start_ms: int) -> None:
        self._seen: dict[Hashable, int] = {}
        self._floor_ms = start_ms
        self._newest_ms = start_ms
        self._sealed_ms = start_ms
        self.repeated = 0

    def is_new(self, key: Hashable, time_ms: int, now_ms: int) -> bool:
        """Whether it is to be delivered; notes it. A time after our `now_ms` moves nothing."""
        if time_ms < self._floor_ms or key in self._seen:
            self.repeated += 1
            return False
        self._seen[key] = time_ms
        self._newest_ms = max(self._newest_ms, min(time_ms, now_ms))
        return True

    def resume_ms(self) -> int:
        """From when a recovery must ask: before the interruption, by the overlap."""
        return max(self._floor_ms, self._sealed_ms - OVERLAP_MS)

    def seal(self) -> None:
        """Everything up to the newest is delivered: called when the history has just been asked for."""
        self._sealed_ms = self._newest_ms
        floor = max(self._floor_ms, self._sealed_ms - 2 * OVERLAP_MS)
        if floor > self._floor_ms:
            self._floor_ms = floor
            self._seen = {key: at for key, at in self._seen.items() if at >= floor}
