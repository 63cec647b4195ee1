"""What happened on the exchange, in order: the events `Exchange.drain` hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.orders import Order


class Traded(NamedTuple):
    """A public trade. ``side``: the aggressor's; users: buyer and seller; ``hash`` of the transaction."""

    coin: Coin
    side: int
    tick: int
    steps: int
    time_ms: int
    hash: int
    tid: int
    buyer: str
    seller: str


class BookChanged(NamedTuple):
    """The best bid or ask (price, size or count) is another after this block."""

    coin: Coin
    time_ms: int


class OrderUpdate(NamedTuple):
    """A new status of an order. ``left``: steps remaining at that moment."""

    user: str
    order: Order
    status: str
    left: int
    time_ms: int


class Fill(NamedTuple):
    """A fill of an account's order. ``closed_micro``: gross of fees.

    ``fee_micro`` < 0: rebate; ``builder_micro`` is part of it.
    ``liquidation``: (liquidated user, mark tick, ``market`` or ``backstop``).
    """

    user: str
    coin: Coin
    tick: int
    steps: int
    side: int
    time_ms: int
    start_steps: int
    direction: str
    closed_micro: int
    hash: int
    oid: int
    crossed: bool
    fee_micro: int
    tid: int
    cloid: str | None
    liquidation: tuple[str, int, str] | None = None
    builder_micro: int = 0


class FundingPaid(NamedTuple):
    """A funding payment. ``micro`` < 0: the user paid. ``rate``: 1e-10 of notional for the hour."""

    user: str
    coin: Coin
    micro: int
    steps: int
    rate: int
    time_ms: int


class FundingSettled(NamedTuple):
    """The hour's funding of a coin. ``rate``, ``premium``: units of 1e-10."""

    coin: Coin
    rate: int
    premium: int
    time_ms: int


class Liquidated(NamedTuple):
    """An account was liquidated. ``backstop``: positions and collateral went to the liquidator."""

    lid: int
    user: str
    liquidator: str
    notional_micro: int
    value_micro: int
    backstop: bool
    time_ms: int


class NonUserCancel(NamedTuple):
    """An order was canceled by the exchange, not by its owner."""

    user: str
    coin: Coin
    oid: int
    time_ms: int


class ContextChanged(NamedTuple):
    """Oracle, mark or funding of a coin are new."""

    coin: Coin
    time_ms: int


class AccountChanged(NamedTuple):
    """Money came or went other than by a fill or funding: deposits, transfers, margin, leverage."""

    user: str
    time_ms: int


Event: TypeAlias = (
    Traded
    | BookChanged
    | OrderUpdate
    | Fill
    | FundingPaid
    | FundingSettled
    | Liquidated
    | NonUserCancel
    | ContextChanged
    | AccountChanged
)
