"""What every family of streams has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from undertow.exchange.happenings import Event
from undertow.exchange.subscriptions import Subscription


class Stream(Protocol):
    """One family of subscriptions: what they send at first, on events and as time passes."""

    kinds: tuple[str, ...]
    """The kinds of subscription it serves."""

    def first(self, subscription: Subscription) -> list[bytes]:
        """Frames right behind the acknowledgement."""
        ...

    def on_events(self, events: Sequence[Event]) -> None:
        """What happened since the last call, in order; at most a few blocks."""
        ...

    def on_time(self, now_ns: int) -> None:
        """The exchange has come to `now_ns`."""
        ...


class Every:
    """A cadence: calls `send` every `period_ns` of the exchange's time, in one phase for everybody."""

    def __init__(self, period_ns: int, send: Callable[[], None]) -> None:
        self._period_ns, self._send = period_ns, send
        self._due_ns: int | None = None

    def on_time(self, now_ns: int) -> None:
        """Call `send` once if it is due; beats that were missed are not made up for."""
        if self._due_ns is None:
            self._due_ns = now_ns + self._period_ns
        elif now_ns >= self._due_ns:
            self._due_ns += (1 + (now_ns - self._due_ns) // self._period_ns) * self._period_ns
            self._send()
