"""What time it is, for everything that lives in real time: wall time, or the time of an event loop.

Nothing that trades asks the operating system for the time. It is given a `Clock`, so that a session
can be run at any speed and, on a `VirtualLoop`, deterministically and without waiting.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

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


def _steady_ns() -> int:
    """Nanoseconds of a clock that nobody sets; it goes on while the machine sleeps, where there is one."""
    return time.clock_gettime_ns(_STEADY)


_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class WallClock:
    """The machine's own clock without its steps: it never stands still, leaps or goes back.

    Time passes as on the machine's steady clock. Where the machine's time of day is set, this one makes up
    the difference at `SLEW` of the time that passes, so no age or wait is wrong by more than that share.
    `wall_ns` and `steady_ns` are the machine's two clocks.
    """

    speed = 1.0
    SLEW: Final = 0.01

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = _steady_ns
    ) -> None:
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._told, self._steady = wall_ns(), steady_ns()

    def now_ns(self) -> int:
        """The present; never earlier than what was told before."""
        steady = self._steady_ns()
        passed, self._steady = steady - self._steady, steady
        told, most = self._told + passed, int(passed * self.SLEW)
        self._told = told + max(-most, min(most, self._wall_ns() - told))
        return self._told


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
