"""Who listens to what: channels of equal subscriptions, each frame encoded once for all who hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from undertow.exchange.subscriptions import Subscription

_encode = msgspec.json.Encoder().encode

Send = Callable[[bytes], None]


def frame(channel: str, data: Any) -> bytes:
    """A frame as the venue sends it."""
    return _encode({"channel": channel, "data": data})


class Channel:
    """One subscription and everyone who has it, in the order they came."""

    __slots__ = ("listeners", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.listeners: dict[object, Send] = {}

    def publish(self, data: bytes) -> None:
        """Send one frame to all."""
        for send in tuple(self.listeners.values()):
            send(data)


class Hub:
    """All open channels, by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Channel]] = {}

    def of(self, kind: str) -> Iterable[Channel]:
        """The open channels of a kind."""
        return tuple(self._kinds.get(kind, {}).values())

    def for_user(self, kind: str, user: str) -> Iterable[Channel]:
        """The open channels of a kind that are about one account."""
        return [c for c in self.of(kind) if c.subscription.user == user]

    def join(self, subscription: Subscription, who: object, send: Send) -> None:
        """From now on `who` hears this subscription."""
        channels = self._kinds.setdefault(subscription.kind, {})
        channel = channels.get(subscription.text)
        if channel is None:
            channel = channels[subscription.text] = Channel(subscription)
        channel.listeners[who] = send

    def leave(self, subscription: Subscription, who: object) -> None:
        """`who` hears it no more."""
        channels = self._kinds[subscription.kind]
        channel = channels[subscription.text]
        del channel.listeners[who]
        if not channel.listeners:
            del channels[subscription.text]
