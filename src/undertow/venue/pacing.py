"""How fast connections may be opened: backoff with jitter, and the venue's limit per minute.

Source: facts §2 (30 new connections and 2000 messages sent a minute, per IP address).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Final

from undertow.venue.limits import MAX_NEW_CONNECTIONS_PER_MINUTE

MOST_CONNECTS: Final = MAX_NEW_CONNECTIONS_PER_MINUTE - 5
"""New connections a minute that we allow ourselves: the venue counts by its own clock."""
_MINUTE_S: Final = 60.0


class Backoff:
    """Delays between attempts: ``first_s``·2ⁿ up to ``most_s``, times a factor drawn from [½, 1].

    The longest delay is short, since what matters is to be back soon after the venue is.
    """

    def __init__(self, rng: random.Random, *, first_s: float = 0.25, most_s: float = 2.0) -> None:
        self._rng, self._first_s, self._most_s = rng, first_s, most_s
        self._failures = 0

    def reset(self) -> None:
        """It went well for a while."""
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        delay = min(self._most_s, self._first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return delay * (0.5 + 0.5 * self._rng.random())


class ConnectPace:
    """New connections of all `Connection`s of an IP address together, in the loop's time."""

    def __init__(self, most: int = MOST_CONNECTS) -> None:
        self._most = most
        self._opened: deque[float] = deque()

    async def wait(self) -> None:
        """Until another connection may be opened."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while self._opened and self._opened[0] <= now - _MINUTE_S:
                self._opened.popleft()
            if len(self._opened) < self._most:
                return
            await asyncio.sleep(self._opened[0] + _MINUTE_S - now)

    def note(self) -> None:
        """One was opened. Attempts that did not reach the venue do not count."""
        self._opened.append(asyncio.get_running_loop().time())
