"""How long things are under way to the exchange and back."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """How long things travel (s): each way a constant and a uniform jitter on top. Order is kept."""

    up_s: float = 0.0
    down_s: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("up_s", "down_s", "jitter_s"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} = {getattr(self, name)} must not be negative")


class Way:
    """One direction of one connection: first in, first out."""

    def __init__(self, latency_s: float, jitter_s: float, rng: random.Random) -> None:
        self._latency_s, self._jitter_s, self._rng = latency_s, jitter_s, rng
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    @property
    def instant(self) -> bool:
        """Whether nothing takes any time."""
        return self._latency_s == 0.0 and self._jitter_s == 0.0

    def travel_s(self) -> float:
        """How long one thing takes."""
        return self._latency_s + self._jitter_s * self._rng.random()

    def carry(self, arrive: Callable[[], None], extra_s: float = 0.0, *, in_order: bool = True) -> None:
        """Call `arrive` when it is there."""
        when = self._loop.time() + self.travel_s() + extra_s
        if not in_order:
            self._loop.call_at(when, arrive)
            return
        self._last = max(self._last, when)
        self._queue.append((self._last, arrive))
        if self._timer is None:
            self._timer = self._loop.call_at(self._last, self._arrived)

    def _arrived(self) -> None:
        self._timer = None
        now = self._loop.time()
        _, arrive = self._queue.popleft()
        arrive()
        while self._queue and self._queue[0][0] <= now:
            self._queue.popleft()[1]()
        if self._queue and self._timer is None:
            self._timer = self._loop.call_at(self._queue[0][0], self._arrived)
