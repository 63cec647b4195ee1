"""``l2Book``: whole snapshots at two paces, sent again unchanged; ``bbo``: per block, on change only."""

from __future__ import annotations

from collections.abc import Sequence

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import BookChanged, Event
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.books import book, touch
from undertow.exchange.streams.base import Every
from undertow.exchange.subscriptions import Subscription

SLOW_NS = 5_400_000_000
FAST_NS = 540_000_000
FAST_DEPTH = 5
SLOW_DEPTH = 20


class Books:
    """Snapshots: 20 levels a side every 5.4 s, or with ``fast`` 5 every 0.54 s (facts, section 2)."""

    kinds: tuple[str, ...] = ("l2Book",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub
        self._slow = Every(SLOW_NS, lambda: self._send(fast=False))
        self._fast = Every(FAST_NS, lambda: self._send(fast=True))

    def first(self, subscription: Subscription) -> list[bytes]:
        """The book as it stands."""
        return [self._frame(subscription)]

    def on_events(self, events: Sequence[Event]) -> None:
        """Snapshots are sent by time alone."""

    def on_time(self, now_ns: int) -> None:
        """Send what is due."""
        self._fast.on_time(now_ns)
        self._slow.on_time(now_ns)

    def _send(self, *, fast: bool) -> None:
        for channel in self._hub.of("l2Book"):
            if channel.subscription.fields["fast"] == fast:
                channel.publish(self._frame(channel.subscription))

    def _frame(self, subscription: Subscription) -> bytes:
        wanted = subscription.fields
        fast: bool = wanted["fast"]
        data = book(
            self._directory.coin(subscription.coin),
            self._directory.now_ms,
            FAST_DEPTH if fast else SLOW_DEPTH,
            wanted["nSigFigs"],
            wanted["mantissa"],
        )
        if fast:
            data["fast"] = True
        return frame("l2Book", data)


class Bbo:
    """The best bid and ask whenever a block changed price, size or number of orders there."""

    kinds: tuple[str, ...] = ("bbo",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """The touch as it stands."""
        coin = self._directory.coin(subscription.coin)
        return [frame("bbo", touch(coin, self._directory.now_ms))]

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame per coin, the last of several blocks'."""
        changed = {e.coin.name: e for e in events if isinstance(e, BookChanged)}
        if not changed:
            return
        for channel in self._hub.of("bbo"):
            event = changed.get(channel.subscription.coin)
            if event is not None:
                channel.publish(frame("bbo", touch(event.coin, event.time_ms)))

    def on_time(self, now_ns: int) -> None:
        """A quiet touch is not sent again."""
