"""What happens to an account, as typed events: each fill and payment once, orders as reported."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from undertow.venue.wire.account import (
    ClearinghouseState,
    Fill,
    FrontendOrder,
    FundingPayment,
    Liquidation,
    NonUserCancel,
    OrderUpdate,
)


class OrderChanged(NamedTuple):
    """An order's status changed. After a reconnect changes may be missing: see `OpenOrders`."""

    update: OrderUpdate
    recv_ns: int


class Filled(NamedTuple):
    """A fill of ours, never delivered twice. ``recovered``: it was asked for after an interruption."""

    fill: Fill
    recv_ns: int
    recovered: bool


class Paid(NamedTuple):
    """A funding payment, never delivered twice (``usdc`` < 0: we paid)."""

    payment: FundingPayment
    recv_ns: int
    recovered: bool


class Canceled(NamedTuple):
    """The exchange cancelled an order of its own accord (reduce-only cancels are not told here)."""

    cancel: NonUserCancel
    recv_ns: int


class Liquidated(NamedTuple):
    """The account was liquidated, whole or in part."""

    liquidation: Liquidation
    recv_ns: int


class PositionsRead(NamedTuple):
    """Margin and positions on `dex`, whole: positions not listed are flat."""

    dex: str
    state: ClearinghouseState
    recv_ns: int


class OpenOrders(NamedTuple):
    """Every order open on `dex`: one not listed that was known before ``asked_ns`` rests no longer.

    Reports that came while the question was under way have been worked in.
    """

    dex: str
    orders: tuple[FrontendOrder, ...]
    asked_ns: int
    recv_ns: int


class Lost(NamedTuple):
    """The account cannot be heard; events are missing until `Recovered`."""

    reason: str
    now_ns: int


class Recovered(NamedTuple):
    """Fills, payments, orders and positions are complete again (also after the first start)."""

    epoch: int
    now_ns: int


AccountEvent: TypeAlias = (
    OrderChanged | Filled | Paid | Canceled | Liquidated | PositionsRead | OpenOrders | Lost | Recovered
)
