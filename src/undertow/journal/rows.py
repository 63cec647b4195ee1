"""The rows of a journal, as plain data. Sizes: whole lots; money: decimals; times: ns (ours), ms (its)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

CANCEL: Final = 1
CANCEL_BY_CLOID: Final = 2
MODIFY: Final = 3
PLACE: Final = 4
TAKE: Final = 5
DEEDS: Final = {
    CANCEL: "cancel",
    CANCEL_BY_CLOID: "cancel",
    MODIFY: "modify",
    PLACE: "place",
    TAKE: "take",
}
"""What a request does to an order."""


class CoinRow(NamedTuple):
    """A coin of the session: asset id, size of a tick and of a lot."""

    name: str
    asset: int
    tick_size: Decimal
    lot_size: Decimal


class Intent(NamedTuple):
    """One order, cancel or modify of a request, before its bytes leave.

    ``order_id`` the desk's (-1: of no desk); ``oid`` the venue's, of the order canceled or replaced (0:
    unknown); ``replaces`` the desk's id of the order a modify replaces; ``reason`` who wanted it.
    """

    time_ns: int
    nonce: int
    deed: int
    coin: str
    order_id: int
    oid: int
    cloid: str
    side: int
    tick: int
    lots: int
    tif: int
    reduce_only: bool
    replaces: int | None
    reason: str


class Landed(NamedTuple):
    """A request's fate is known: ``answered``, ``refused``, ``undone`` (it never happened), ``asked``."""

    nonce: int
    time_ns: int
    how: str


class Ack(NamedTuple):
    """What is known of an order has changed. ``code``: how it ended (an ACK code of `events`), 0: it has not.

    ``final``: what it will have filled in all, None while unknown; ``ended``: its maker has been told.
    """

    time_ns: int
    coin: str
    order_id: int
    oid: int
    code: int
    final: int | None
    ended: bool


class FillRow(NamedTuple):
    """An own fill; ``(oid, tid)`` is unique. ``order_id``: the desk's, -1 where no desk sent it.

    ``fee`` > 0 is paid. ``start_lots``: position before it as the venue says; ``closed_pnl``: the venue's,
    without fees.
    """

    time_ns: int
    coin: str
    oid: int
    tid: int
    order_id: int
    cloid: str | None
    side: int
    px: Decimal
    lots: int
    fee: Decimal
    crossed: bool
    exch_ms: int
    start_lots: int | None = None
    closed_pnl: Decimal | None = None
    fee_token: str = "USDC"
    hash: str = ""


class PaymentRow(NamedTuple):
    """A funding payment; ``usd`` > 0 was received. One per coin and hour."""

    time_ns: int
    coin: str
    exch_ms: int
    usd: Decimal


class Decision(NamedTuple):
    """A decision of risk, or a thing to know: ``kind`` names the rule, ``value`` its number."""

    time_ns: int
    kind: str
    coin: str
    text: str
    value: float = 0.0


class Opening(NamedTuple):
    """The position found when the session began. Fills before ``ignore_before_ms`` are part of it."""

    time_ns: int
    coin: str
    lots: int
    ignore_before_ms: int


class About(NamedTuple):
    """What a journal is of. ``number``: 32 bits that name the session on every order.

    ``spec`` and ``config``: JSON of what the session was asked to be; never a key or a signature.
    """

    number: int
    account: str
    network: str
    execution: str
    created_ns: int
    start_equity_usd: float
    spec: str
    config: str
