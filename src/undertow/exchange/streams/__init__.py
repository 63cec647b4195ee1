"""What the exchange publishes, one family of subscriptions per file."""

from __future__ import annotations

from collections.abc import Sequence

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Event
from undertow.exchange.hub import Hub
from undertow.exchange.info import Info
from undertow.exchange.streams.account import AccountStates, Payments
from undertow.exchange.streams.base import Stream
from undertow.exchange.streams.books import Bbo, Books
from undertow.exchange.streams.contexts import Contexts, FastContexts
from undertow.exchange.streams.fills import Notifications, UserEvents, UserFills
from undertow.exchange.streams.orders import OpenOrders, OrderUpdates
from undertow.exchange.streams.prints import CandleStream, Trades
from undertow.exchange.subscriptions import Subscription


class Streams:
    """All families: the frames a new subscription gets, and what events and time bring."""

    def __init__(self, directory: Directory, hub: Hub, info: Info) -> None:
        self._streams: tuple[Stream, ...] = (
            Trades(directory, hub),
            Bbo(directory, hub),
            Books(directory, hub),
            OrderUpdates(hub),
            UserFills(directory, hub),
            UserEvents(hub),
            Notifications(hub),
            OpenOrders(directory, hub),
            AccountStates(directory, hub),
            Payments(directory, hub),
            CandleStream(directory, hub, info.prints),
            Contexts(directory, hub),
            FastContexts(directory, hub),
        )
        self._by_kind = {kind: stream for stream in self._streams for kind in stream.kinds}
        self._prints = info.prints

    def first(self, subscription: Subscription) -> list[bytes]:
        """Frames that follow the acknowledgement of `subscription`."""
        return self._by_kind[subscription.kind].first(subscription)

    def publish(self, events: Sequence[Event], now_ns: int) -> None:
        """Send what `events` and the time `now_ns` call for."""
        self._prints.on_events(events)
        for stream in self._streams:
            if events:
                stream.on_events(events)
            stream.on_time(now_ns)
