"""``trades`` and ``candle``: what was printed, as it happens and by the minute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Event, Traded
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.prints import Prints, candle, recent
from undertow.exchange.shapes import trade
from undertow.exchange.subscriptions import Subscription


class Trades:
    """Prints per block. The first frame repeats about thirty old ones and does not say so."""

    kinds: tuple[str, ...] = ("trades",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """The last prints, newest first; nothing where there never was one."""
        old = recent(self._directory.coin(subscription.coin))
        return [frame("trades", [trade(event) for event in old])] if old else []

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame per coin and block."""
        prints = [event for event in events if isinstance(event, Traded)]
        if not prints:
            return
        for channel in self._hub.of("trades"):
            coin = channel.subscription.coin
            mine = (event for event in prints if event.coin.name == coin)
            for _, block in groupby(mine, key=lambda event: event.time_ms):
                channel.publish(frame("trades", [trade(event) for event in block]))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""


class CandleStream:
    """The candle of the last print, after every block that printed."""

    kinds: tuple[str, ...] = ("candle",)

    def __init__(self, directory: Directory, hub: Hub, prints: Prints) -> None:
        self._directory, self._hub, self._prints = directory, hub, prints

    def first(self, subscription: Subscription) -> list[bytes]:
        """The candle as it stands; nothing before the first print."""
        return self._frames(subscription)

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame for each candle that changed."""
        changed = {event.coin.name for event in events if isinstance(event, Traded)}
        for channel in self._hub.of("candle"):
            if channel.subscription.coin in changed:
                for data in self._frames(channel.subscription):
                    channel.publish(data)

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""

    def _frames(self, subscription: Subscription) -> list[bytes]:
        interval: str = subscription.fields["interval"]
        found = self._prints.candles(subscription.coin).last(interval)
        coin = self._directory.coin(subscription.coin)
        return [] if found is None else [frame("candle", candle(coin, interval, found))]
