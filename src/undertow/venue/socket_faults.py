"""What the exchange says is wrong with what we sent over a websocket (channel ``error``).

A bad coin or bad aggregation is not told: the socket closes. Source: recorded texts (facts).
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import Subscription, UnknownSubscription, decode_subscription


class SocketFault(enum.Enum):
    """Kinds of fault; the value is the official text, or its beginning where it ends in details."""

    ALREADY_SUBSCRIBED = "Already subscribed: "
    ALREADY_UNSUBSCRIBED = "Already unsubscribed: "
    UNREADABLE = "Error parsing JSON into valid websocket request: "
    TOO_MANY_USERS = "Cannot track more than 10 total users."
    TOO_MANY_SUBSCRIPTIONS = "Cannot subscribe to more than 1000 channels."
    TOO_MANY_MESSAGES = "Cannot send more than 2000 messages per minute."
    TOO_MANY_POSTS = "too many pending post requests id="
    UNKNOWN = ""


class Fault(msgspec.Struct, frozen=True):
    """A fault; ``subscription`` and ``post_id`` where the text names one."""

    kind: SocketFault
    text: str
    subscription: Subscription | UnknownSubscription | None = None
    post_id: int | None = None


_ID: Final = re.compile(r"id=(\d{1,18})$")
_NAMING: Final = (SocketFault.ALREADY_SUBSCRIBED, SocketFault.ALREADY_UNSUBSCRIBED)


def parse_fault(text: str) -> Fault:
    """The fault of the text of an `undertow.venue.wire.frames.ErrorFrame`."""
    kind = next(kind for kind in SocketFault if text.startswith(kind.value.rstrip(".")))
    if kind in _NAMING:
        try:
            return Fault(kind, text, decode_subscription(text[len(kind.value) :].encode()))
        except WireError:
            return Fault(kind, text)
    found = _ID.search(text) if kind is SocketFault.TOO_MANY_POSTS else None
    return Fault(kind, text, post_id=int(found[1]) if found else None)
