"""Replies of /exchange, in all three shapes of error, as one status per order or cancel asked for.

A refusal comes for the request as a whole (``{"status":"err"}``), for one member of a batch, or once
for a whole batch that failed validation; the last is spread over the members. Source: Hyperliquid docs,
"Exchange endpoint", "Error responses".
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from undertow.venue.errors import Fate, Refused, RequestKind, parse_refusal
from undertow.venue.refusals import Refusal
from undertow.venue.wire.scalars import Id, Sz, Wire, WireError


class Resting(Wire, frozen=True, gc=False):
    """The order rests."""

    oid: Id
    cloid: str | None = None
    omitted = ("cloid",)


class Filled(Wire, frozen=True, gc=False):
    """The order was filled at once, ``total_sz`` at ``avg_px`` on average; the rest is gone."""

    total_sz: Sz
    avg_px: Sz
    oid: Id
    cloid: str | None = None
    omitted = ("cloid",)


class Failed(msgspec.Struct, frozen=True):
    """Refused. ``whole``: one refusal for the whole request, so that none of it was carried out."""

    error: Refused
    whole: bool = False

    def fate(self, request: RequestKind) -> Fate:
        """What became of the order (`Refused.fate`), knowing whether the whole request was refused.

        One "already canceled, or filled" for a batch does not say which: UNKNOWN.
        """
        fate = self.error.fate(request)
        if not self.whole or request == "order" or self.error.refusal is Refusal.NONCE_DUPLICATE:
            return fate
        if self.error.refusal in (Refusal.POST_ONLY, Refusal.UNKNOWN) or self.error.order_is_gone:
            return Fate.UNKNOWN
        return Fate.STANDS


class Success(msgspec.Struct, frozen=True, gc=False):
    """Done: a cancel, or an action that has no orders."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Accepted, waiting for a fill of its parent or for its trigger."""

    on: Literal["waitingForFill", "waitingForTrigger"]


class Unread(msgspec.Struct, frozen=True):
    """A status whose shape is new to us: the order's fate must be asked for."""

    text: str


Status: TypeAlias = Resting | Filled | Failed | Success | Waiting | Unread


class Reply(msgspec.Struct, frozen=True):
    """``statuses``: one per order or cancel of the action, in its order; ``kind``: the reply's type.

    ``refused``: set where the request as a whole was refused.
    """

    statuses: tuple[Status, ...]
    kind: str = "default"
    refused: Refused | None = None


class _Statuses(msgspec.Struct):
    statuses: list[msgspec.Raw]


class _Response(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    status: Literal["ok", "err"]
    response: msgspec.Raw = msgspec.Raw(b"null")


class _Member(msgspec.Struct):
    resting: Resting | None = None
    filled: Filled | None = None
    error: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_RESPONSE: Final = msgspec.json.Decoder(_Response)
_DATA: Final = msgspec.json.Decoder(_Statuses)
_MEMBER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_Member | str, strict=False)
_TEXT: Final = msgspec.json.Decoder(str)
_FAULTS: Final = (ValueError, RecursionError, OverflowError)


def _status(raw: msgspec.Raw) -> Status:
    try:
        member = _MEMBER.decode(raw)
    except _FAULTS:
        return Unread(bytes(raw)[:200].decode("utf-8", "replace"))
    if isinstance(member, _Member):
        if member.error is not None:
            return Failed(parse_refusal(member.error))
        return member.resting or member.filled or Unread(bytes(raw)[:200].decode("utf-8", "replace"))
    if member == "success":
        return Success()
    if member in ("waitingForFill", "waitingForTrigger"):
        return Waiting(member)
    return Unread(member[:200])


def _whole(text: str, members: int) -> Reply:
    refused = parse_refusal(text)
    return Reply((Failed(refused, whole=True),) * members, "err", refused)


def decode_reply(body: bytes | msgspec.Raw, members: int = 1) -> Reply:
    """The reply to an action of `members` orders or cancels. Raises `WireError` where it is none.

    Fewer statuses than members: one failure is spread over all; anything else leaves the rest Unread.
    """
    try:
        outer = _BODY.decode(body)
        if outer.status == "err":
            return _whole(_TEXT.decode(outer.response), members)
        response = _RESPONSE.decode(outer.response)
        if response.type == "default" or bytes(response.data) == b"null":
            return Reply((Success(),) * members, response.type)
        statuses = tuple(_status(raw) for raw in _DATA.decode(response.data).statuses)
    except _FAULTS as fault:
        raise WireError(f"not a reply to an action ({fault})", bytes(body)) from None
    if len(statuses) == 1 and members > 1 and isinstance(statuses[0], Failed):
        return Reply((Failed(statuses[0].error, whole=True),) * members, response.type, statuses[0].error)
    missing = (Unread("no status came"),) * (members - len(statuses))
    return Reply(statuses[:members] + missing, response.type)


def decode_http_reply(http_status: int, body: bytes, members: int = 1) -> Reply:
    """`decode_reply` of an HTTP response; a status of 429 or another failure is a refusal of the whole.

    A server's failure (5xx) says nothing about what was carried out: `WireError`.
    """
    if http_status == 200:
        return decode_reply(body, members)
    if http_status == 429:
        refused = Refused(refusal=Refusal.IP_LIMIT, text="429 Too Many Requests")
    elif 400 <= http_status < 500:
        refused = Refused(refusal=Refusal.BAD_REQUEST, text=f"HTTP {http_status}")
    else:
        raise WireError(f"HTTP {http_status}", body)
    return Reply((Failed(refused, whole=True),) * members, "err", refused)
