"""Every message a websocket receives, decoded in one pass to its own type.

`decode_frame` returns one of `Frame`; a channel not listed comes back as an `UnknownFrame`, anything
that is not what its channel promises raises `WireError`, whatever the bytes. Source: Hyperliquid docs,
"Websocket".
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from undertow.venue.wire import account, market
from undertow.venue.wire.posts import Post
from undertow.venue.wire.scalars import Wire, WireError
from undertow.venue.wire.subscriptions import Acknowledged

GREETING: Final = b"Websocket connection established."
_INFLATED_LIMIT: Final = 8 << 20


class _Channel(Wire, frozen=True, gc=False, tag_field="channel"):
    """Base of frames: the tag is the channel."""


class L2BookFrame(_Channel, frozen=True, gc=False, tag="l2Book"):
    """A book snapshot."""

    data: market.L2Book


class BboFrame(_Channel, frozen=True, gc=False, tag="bbo"):
    """The best bid and ask."""

    data: market.Bbo


class TradesFrame(_Channel, frozen=True, gc=False, tag="trades"):
    """Prints of one coin."""

    data: list[market.Trade]


class ActiveAssetCtxFrame(_Channel, frozen=True, gc=False, tag="activeAssetCtx"):
    """Context of a perpetual."""

    data: market.ActiveAssetCtx


class ActiveSpotAssetCtxFrame(_Channel, frozen=True, gc=False, tag="activeSpotAssetCtx"):
    """Context of a spot pair."""

    data: market.ActiveSpotAssetCtx


class AllMidsFrame(_Channel, frozen=True, gc=False, tag="allMids"):
    """Mids of a dex."""

    data: market.AllMids


class FastAssetCtxsFrame(_Channel, frozen=True, gc=False, tag="fastAssetCtxs"):
    """Marks and mids that changed, by coin (inflated)."""

    data: dict[str, market.FastCtx]


class AllDexsAssetCtxsFrame(_Channel, frozen=True, gc=False, tag="allDexsAssetCtxs"):
    """Contexts of every dex, by position."""

    data: market.AllDexsAssetCtxs


class CandleFrame(_Channel, frozen=True, gc=False, tag="candle"):
    """A candle."""

    data: market.Candle


class OrderUpdatesFrame(_Channel, frozen=True, gc=False, tag="orderUpdates"):
    """Order updates in the order they happened; one order may appear more than once."""

    data: list[account.OrderUpdate]


class UserFillsFrame(_Channel, frozen=True, gc=False, tag="userFills"):
    """Fills."""

    data: account.UserFills


class UserEventFrame(_Channel, frozen=True, gc=False, tag="user"):
    """An event of subscription userEvents."""

    data: account.UserEvent


class UserFundingsFrame(_Channel, frozen=True, gc=False, tag="userFundings"):
    """Funding payments."""

    data: account.UserFundings


class UserLedgerFrame(_Channel, frozen=True, gc=False, tag="userNonFundingLedgerUpdates"):
    """Deposits, withdrawals, transfers."""

    data: account.UserLedgerUpdates


class ClearinghouseFrame(_Channel, frozen=True, gc=False, tag="clearinghouseState"):
    """Margin and positions."""

    data: account.UserClearinghouseState


class OpenOrdersFrame(_Channel, frozen=True, gc=False, tag="openOrders"):
    """Open orders."""

    data: account.UserOpenOrders


class ActiveAssetDataFrame(_Channel, frozen=True, gc=False, tag="activeAssetData"):
    """Leverage and room in one coin."""

    data: account.ActiveAssetData


class NotificationFrame(_Channel, frozen=True, gc=False, tag="notification"):
    """A line for a person."""

    data: account.Notification


class WebData3Frame(_Channel, frozen=True, gc=False, tag="webData3"):
    """The front end's summary."""

    data: account.WebData3


class AckFrame(_Channel, frozen=True, gc=False, tag="subscriptionResponse"):
    """The acknowledgement of a (un)subscription, before its first snapshot."""

    data: Acknowledged


class PongFrame(_Channel, frozen=True, gc=False, tag="pong"):
    """The answer to a ping."""


class ErrorFrame(_Channel, frozen=True, gc=False, tag="error"):
    """A fault in what we sent; `undertow.venue.socket_faults.parse_fault` reads the text."""

    data: str


class PostFrame(_Channel, frozen=True, gc=False, tag="post"):
    """The reply to a request posted on the socket."""

    data: Post


class _DeflatedFrame(_Channel, frozen=True, gc=False, tag="fastAssetCtxs"):
    data: str


class UnknownFrame(msgspec.Struct, frozen=True, gc=False):
    """A well-formed message of a channel we do not know, as it came."""

    channel: str
    raw: bytes = b""
    omitted: ClassVar[tuple[str, ...]] = ()


class GreetingFrame(msgspec.Struct, frozen=True, gc=False):
    """The bare text some gateways send first."""


_Plain: TypeAlias = (
    L2BookFrame
    | BboFrame
    | TradesFrame
    | ActiveAssetCtxFrame
    | ActiveSpotAssetCtxFrame
    | AllMidsFrame
    | AllDexsAssetCtxsFrame
    | CandleFrame
    | OrderUpdatesFrame
    | UserFillsFrame
    | UserEventFrame
    | UserFundingsFrame
    | UserLedgerFrame
    | ClearinghouseFrame
    | OpenOrdersFrame
    | ActiveAssetDataFrame
    | NotificationFrame
    | WebData3Frame
    | AckFrame
    | PongFrame
    | ErrorFrame
    | PostFrame
)
Frame: TypeAlias = _Plain | FastAssetCtxsFrame | UnknownFrame | GreetingFrame


class _AnyChannel(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_FRAME: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_Plain | _DeflatedFrame, strict=False)
_ANY: Final = msgspec.json.Decoder(_AnyChannel)
_FAST: Final = msgspec.json.Decoder(dict[str, market.FastCtx], strict=False)
CHANNELS: Final = frozenset(str(frame.__struct_config__.tag) for frame in (*_Plain.__args__, _DeflatedFrame))
"""Every channel with a type of its own."""


def decode_frame(data: bytes | memoryview) -> Frame:
    """The typed value of one websocket message.

    Raises `WireError`, and nothing else, where it is not JSON or not what its channel promises.
    """
    try:
        frame = _FRAME.decode(data)
    except (ValueError, RecursionError, OverflowError) as fault:
        return _unlisted(bytes(data), fault)
    if type(frame) is _DeflatedFrame:
        return FastAssetCtxsFrame(inflate_ctxs(frame.data))
    return frame


def _unlisted(data: bytes, fault: Exception) -> Frame:
    if data == GREETING:
        return GreetingFrame()
    try:
        envelope = _ANY.decode(data)
    except (ValueError, RecursionError, OverflowError):
        raise WireError(f"not a message of the protocol ({fault})", data) from None
    if envelope.channel in CHANNELS:
        raise WireError(f"malformed {envelope.channel} ({fault})", data) from None
    return UnknownFrame(envelope.channel, data)


def inflate_ctxs(text: str) -> dict[str, market.FastCtx]:
    """Contexts by coin of the text of a fastAssetCtxs message: base64 of a raw deflate of JSON.

    Raises `WireError`, also where it would inflate beyond 8 MiB.
    """
    try:
        inflater = zlib.decompressobj(wbits=-15)
        plain = inflater.decompress(base64.b64decode(text, validate=True), _INFLATED_LIMIT)
        if not inflater.eof:
            raise ValueError("truncated or too long")
        return _FAST.decode(plain)
    except (ValueError, zlib.error, RecursionError, OverflowError) as fault:
        raise WireError(f"malformed fastAssetCtxs ({fault})", text[:200].encode()) from None


def deflate_ctxs(ctxs: bytes) -> str:
    """The text of a fastAssetCtxs message whose JSON is `ctxs`; inverse of `inflate_ctxs`."""
    deflater = zlib.compressobj(wbits=-15)
    return base64.b64encode(deflater.compress(ctxs) + deflater.flush()).decode()
