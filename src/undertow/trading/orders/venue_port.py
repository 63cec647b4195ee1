"""The venue client as the order manager's `VenuePort`, and the account's events as its reports.

The wire's floats are read back as the decimals they were sent as (their shortest text), so money stays exact.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import undertow.venue.account_events as events
from undertow.trading.orders.batching import Batch, action_of
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.ledger import Fill, Payment
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.orders.port import (
    Done,
    Filled,
    Outcome,
    Refused,
    Reply,
    Report,
    Resting,
    Unanswered,
    Why,
)
from undertow.venue.client import VenueClient
from undertow.venue.errors import Refused as WireRefused
from undertow.venue.failures import NotSent, VenueFailure
from undertow.venue.histories import fills_since
from undertow.venue.refusals import Refusal
from undertow.venue.wire import account as wire
from undertow.venue.wire import replies
from undertow.venue.wire.info import (
    ClearinghouseStateRequest,
    FrontendOpenOrdersRequest,
    OrderStatusRequest,
)
from undertow.venue.wire.info_replies import OrderFound

_WHY: Final = {
    Refusal.NEVER_PLACED: Why.GONE,
    Refusal.CANNOT_MODIFY: Why.GONE,
    Refusal.POST_ONLY: Why.WOULD_MATCH,
    Refusal.IOC_NO_MATCH: Why.NO_MATCH,
    Refusal.REDUCE_ONLY: Why.REDUCE_ONLY,
    Refusal.BUDGET: Why.EXHAUSTED,
    Refusal.IP_LIMIT: Why.TOO_FAST,
    Refusal.NONCE_DUPLICATE: Why.NONCE_USED,
    Refusal.NONCE_LOW: Why.NONCE_LOW,
    Refusal.NONCE_WINDOW: Why.NONCE_LOW,
    Refusal.EXPIRED: Why.EXPIRED,
    Refusal.POST_ONLY_PERIOD: Why.POST_ONLY_PHASE,
    Refusal.HALTED: Why.HALTED,
}


def _refused(refused: WireRefused) -> Refused:
    return Refused(_WHY.get(refused.refusal, Why.OTHER), refused.text)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def fill_of(fill: wire.Fill, coin: Coin) -> Fill:
    """A fill of the wire."""
    return Fill(
        fill.coin,
        fill.oid,
        fill.tid,
        fill.cloid,
        fill.sign,
        _decimal(fill.px),
        coin.lots_near(fill.sz),
        _decimal(fill.fee),
        fill.crossed,
        fill.time_ms,
        coin.lots_near(fill.start_position),
        _decimal(fill.closed_pnl),
        fill.fee_token,
        fill.hash,
    )


def payment_of(payment: wire.FundingPayment) -> Payment:
    """A funding payment of the wire."""
    return Payment(payment.coin, payment.time_ms, _decimal(payment.usdc))


def report_of(order: wire.Order | wire.FrontendOrder, status: str, time_ms: int, coin: Coin | None) -> Report:
    """What the wire says of an order; one on a coin that is not traded keeps no quantities."""
    lots = coin.lots_near(order.sz) if coin else 0
    asked = lots if coin is None or order.orig_sz is None else coin.lots_near(order.orig_sz)
    tick = coin.tick_near(order.limit_px) if coin else 0
    reduce_only = bool(order.reduce_only)
    return Report(
        order.coin, order.oid, order.cloid, order.sign, tick, lots, asked, status, time_ms, reduce_only
    )


class ClientPort:
    """`undertow.trading.orders.port.VenuePort` of a `VenueClient`."""

    def __init__(self, client: VenueClient, coins: Coins) -> None:
        if client.account is None:
            raise ValueError("account is not set: give the client the address to trade for (account=...)")
        self._client, self._coins, self._user = client, coins, client.account

    def next_nonce(self) -> int:
        """The client's next nonce."""
        return self._client.nonces.next()

    def resync_nonces(self) -> None:
        """The client has learned the venue's floor from the refusal itself; above it there may be others."""
        self._client.nonces.leap()

    def now_ms(self) -> int:
        """The venue's time."""
        return self._client.time.venue_ms(self._client.clock.now_ns())

    async def read_time(self) -> None:
        """Ask for the venue's time."""
        try:
            await self._client.read_time()
        except VenueFailure as error:
            raise Unanswered(str(error)) from None

    async def act(self, batch: Batch, nonce: int, expires_ms: int | None) -> Reply:
        """Sign and send."""
        action = action_of(batch, self._coins)
        try:
            reply = await self._client.act(action, nonce=nonce, expires_after=expires_ms)
        except NotSent as error:
            return Reply(Refused(Why.OTHER, f"not sent: {error}"), [])
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        if reply.refused is not None and reply.kind == "err":
            return Reply(_refused(reply.refused), [])
        coin = [self._coins.by_name[order.coin] for order in batch.orders]
        return Reply(None, [_outcome(s, c) for s, c in zip(reply.statuses, coin, strict=True)])

    async def burn(self, nonce: int) -> Reply:
        """Use up a nonce."""
        try:
            reply = await self._client.burn(nonce)
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        return Reply(None if reply.refused is None else _refused(reply.refused), [])

    async def open_orders(self, dex: str) -> list[Report]:
        """Open orders on a dex."""
        try:
            orders = await self._client.info(FrontendOpenOrdersRequest(user=self._user, dex=dex), urgent=True)
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        coins = self._coins.by_name
        return [report_of(order, "open", order.timestamp_ms, coins.get(order.coin)) for order in orders]

    async def order_status(self, key: int | str) -> Report | None:
        """One order."""
        try:
            reply = await self._client.info(OrderStatusRequest(user=self._user, oid=key), urgent=True)
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        if not isinstance(reply, OrderFound):
            return None
        record = reply.order
        coin = self._coins.by_name.get(record.order.coin)
        return report_of(record.order, record.status_text, record.status_time_ms, coin)

    async def fills_since(self, start_ms: int) -> list[Fill]:
        """Own fills on the session's coins."""
        try:
            fills = await fills_since(self._client, self._user, max(start_ms, 0))
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        coins = self._coins.by_name
        return [fill_of(fill, coins[fill.coin]) for fill in fills if fill.coin in coins]

    async def positions(self, dex: str) -> dict[str, int]:
        """Positions of the session's coins on a dex."""
        try:
            state = await self._client.info(ClearinghouseStateRequest(user=self._user, dex=dex), urgent=True)
        except VenueFailure as error:
            raise Unanswered(str(error)) from None
        held = {entry.position.coin: entry.position.szi for entry in state.asset_positions}
        ours = [coin for coin in self._coins.by_name.values() if coin.dex == dex]
        return {coin.name: coin.lots_near(held.get(coin.name, 0.0)) for coin in ours}


def _outcome(status: replies.Status, coin: Coin) -> Outcome:
    if isinstance(status, replies.Resting):
        return Resting(status.oid)
    if isinstance(status, replies.Filled):
        return Filled(status.oid, coin.lots_near(status.total_sz))
    if isinstance(status, replies.Failed):
        return _refused(status.error)
    if isinstance(status, replies.Success):
        return Done()
    text = status.text if isinstance(status, replies.Unread) else status.on
    return Refused(Why.UNREAD, text)


class AccountReports:
    """Takes an `undertow.venue.account_feed.AccountFeed`'s events to a `VenueExecution`."""

    def __init__(self, execution: VenueExecution) -> None:
        self._to, self._coins = execution, execution.coins.by_name

    def __call__(self, event: events.AccountEvent) -> None:
        """One event."""
        if isinstance(event, events.OrderChanged):
            update = event.update
            coin = self._coins.get(update.order.coin)
            report = report_of(update.order, update.status_text, update.status_time_ms, coin)
            self._to.on_reports([report])
        elif isinstance(event, events.Filled):
            coin = self._coins.get(event.fill.coin)
            if coin is not None:
                self._to.on_fills([fill_of(event.fill, coin)])
        elif isinstance(event, events.Canceled):
            self._to.on_canceled([event.cancel.oid])
        elif isinstance(event, events.Paid):
            self._to.on_payments([payment_of(event.payment)])
        elif isinstance(event, events.Lost):
            self._to.on_disconnected()
        elif isinstance(event, events.Recovered):
            self._to.on_connected()
