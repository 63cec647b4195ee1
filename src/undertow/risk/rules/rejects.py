"""Refusals by the venue, many in a short time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from undertow.risk.findings import Finding, Reason
from undertow.units import NS_PER_S


@dataclass
class RejectStorm:
    """Fires at `limit` refusals within `window_s` seconds (those just `window_s` old no longer count)."""

    limit: int
    window_s: float
    _times_ns: deque[int] = field(default_factory=deque)

    def refused(self, now_ns: int, text: str, count: int = 1) -> Finding | None:
        """`count` more refusals; `text` is the venue's."""
        self._times_ns.extend([now_ns] * count)
        while self._times_ns and now_ns - self._times_ns[0] >= self.window_s * NS_PER_S:
            self._times_ns.popleft()
        n = len(self._times_ns)
        if n < self.limit:
            return None
        said = f"{n} refusals within {self.window_s:g} s, limit {self.limit}; the last: {text}"
        return Finding(Reason.REJECTS, said, n / self.limit)

    def again(self) -> None:
        """Count from here on."""
        self._times_ns.clear()
