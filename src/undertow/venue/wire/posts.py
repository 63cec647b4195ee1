"""Replies to requests posted over the websocket. Source: Hyperliquid docs, "Post requests"."""

from __future__ import annotations

import msgspec

from undertow.venue.wire.scalars import Id, Wire


class InfoAnswer(Wire, frozen=True, gc=False):
    """What /info would have replied, undecoded (`undertow.venue.wire.info.decode_info` reads it)."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Response(Wire, frozen=True, gc=False, tag_field="type"):
    """Base of the three kinds of answer."""


class PostedInfo(_Response, frozen=True, gc=False, tag="info"):
    """An answer to an info request."""

    payload: InfoAnswer


class PostedAction(_Response, frozen=True, gc=False, tag="action"):
    """An answer to an action: the body /exchange would have replied, for `replies.decode_reply`."""

    payload: msgspec.Raw


class PostedError(_Response, frozen=True, gc=False, tag="error"):
    """A refusal of the request as such; the text mirrors an HTTP status."""

    payload: str


class Post(Wire, frozen=True, gc=False):
    """The answer to the request of the same id."""

    id: Id
    response: PostedInfo | PostedAction | PostedError
