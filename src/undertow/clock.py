"""What time it is, for everything that lives in real time: wall time, or the time of an event loop.

Nothing that trades asks the operating system for the time. It is given a `Clock`, so that a session
can be run at any speed and, on a `VirtualLoop`, deterministically and without waiting.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """A clock: nanoseconds since the epoch (UTC)."""

    @property
    def speed(self) -> float:
        """How fast it runs against the event loop's time: how much shorter a wait must be."""
        ...

    def now_ns(self) -> int:
        """The present."""
        ...


class WallClock:
    """The machine's own clock, made monotonic: a step backward is not shown."""

    speed = 1.0

    def __init__(self) -> None:
        self._last = 0

    def now_ns(self) -> int:
        """The present; never earlier than what was told before."""
        self._last = max(self._last, time.time_ns())
        return self._last


class LoopClock:
    """The time of the running event loop, counted from `start_ns` and `speed` times as fast."""

    def __init__(
        self, start_ns: int, speed: float = 1.0, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed = {speed} must be positive")
        self._loop = loop or asyncio.get_running_loop()
        self._start_ns, self.speed = start_ns, speed
        self._since = self._loop.time()

    def now_ns(self) -> int:
        """The present."""
        return self._start_ns + round((self._loop.time() - self._since) * self.speed * 1e9)


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, moves the loop's time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is scheduled and nothing can happen: a task waits for ever")
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual: it leaps from one timer to the next.

    For sessions without sockets and threads (they would find time flying). Everything scheduled runs
    in the order of its time, so a session is a deterministic function of its seeds.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop began."""
        return self._jumping.now


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a `VirtualLoop`, whatever else it started being cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
