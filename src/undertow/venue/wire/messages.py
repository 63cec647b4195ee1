"""What a client sends over the websocket. Source: Hyperliquid docs, "Websocket", "Post requests"."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import Subscription


class _Message(msgspec.Struct, frozen=True, gc=False, tag_field="method"):
    """Base of messages: the tag is the method."""


class Subscribe(_Message, frozen=True, gc=False, tag="subscribe"):
    """Ask for a subscription; ``subscription`` as sent (`subscriptions.subscription_of` types it)."""

    subscription: dict[str, Any]


class Unsubscribe(_Message, frozen=True, gc=False, tag="unsubscribe"):
    """End a subscription."""

    subscription: dict[str, Any]


class Ping(_Message, frozen=True, gc=False, tag="ping"):
    """Keep the socket open."""


class PostRequest(msgspec.Struct, frozen=True, gc=False):
    """``type`` is ``info`` or ``action``; ``payload`` is the HTTP body."""

    type: str
    payload: msgspec.Raw


class PostMessage(_Message, frozen=True, gc=False, tag="post"):
    """A request over the websocket; the answer bears the same id."""

    id: int
    request: PostRequest


Message: TypeAlias = Subscribe | Unsubscribe | Ping | PostMessage
PING: Final = b'{"method":"ping"}'
_MESSAGE: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Message)


def encode_subscribe(subscription: Subscription) -> bytes:
    """The message that asks for `subscription`."""
    return b'{"method":"subscribe","subscription":' + msgspec.json.encode(subscription) + b"}"


def encode_unsubscribe(subscription: Subscription) -> bytes:
    """The message that ends `subscription`."""
    return b'{"method":"unsubscribe","subscription":' + msgspec.json.encode(subscription) + b"}"


def encode_post(request_id: int, kind: str, body: bytes) -> bytes:
    """The message that posts `body` (of /info: `kind` ``info``, of /exchange: ``action``)."""
    return b'{"method":"post","id":%d,"request":{"type":"%s","payload":%s}}' % (
        request_id,
        kind.encode(),
        body,
    )


def decode_message(data: bytes | memoryview) -> Message:
    """The typed message of a client. Raises `WireError` where it is none."""
    try:
        return _MESSAGE.decode(data)
    except (ValueError, RecursionError, OverflowError) as fault:
        raise WireError(f"not a message of a client ({fault})") from None
