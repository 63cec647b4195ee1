"""What happens to an account: live from its subscriptions, and after every interruption asked for.

`AccountFeed` is a `StreamListener`. While its connection is down it emits `Lost`; once subscriptions
stand again it asks for fills since shortly before the interruption, payments, open orders and
positions, delivers what was missed exactly once, and emits `Recovered`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from undertow.units import NS_PER_MS, NS_PER_S
from undertow.venue.account_events import (
    AccountEvent,
    Canceled,
    Filled,
    Liquidated,
    Lost,
    OpenOrders,
    OrderChanged,
    Paid,
    PositionsRead,
    Recovered,
)
from undertow.venue.client import VenueClient
from undertow.venue.connection import ConnectionSettings
from undertow.venue.failures import VenueFailure
from undertow.venue.histories import fills_since, payments_since
from undertow.venue.once import Once
from undertow.venue.open_orders import dex_of, with_updates
from undertow.venue.position_check import PositionCheck
from undertow.venue.wire.account import ClearinghouseState, Fill, FundingPayment, OrderUpdate, UserEvent
from undertow.venue.wire.frames import (
    ClearinghouseFrame,
    Frame,
    OrderUpdatesFrame,
    UserEventFrame,
    UserFillsFrame,
    UserFundingsFrame,
)
from undertow.venue.wire.info import ClearinghouseStateRequest, FrontendOpenOrdersRequest
from undertow.venue.wire.subscriptions import (
    ClearinghouseStateSub,
    OrderUpdatesSub,
    Subscription,
    UserEventsSub,
    UserFillsSub,
    UserFundingsSub,
)

Emit = Callable[[AccountEvent], None]
Ask = Callable[[], Coroutine[Any, Any, None]]
_RETRY_S: Final = 0.5
_ENDED_KEPT: Final = 4096
_DOUBT_S: Final = 5.0
"""Least time between two recoveries because positions do not fit the fills."""
_AUDIT_S: Final = 60.0
"""How often fills and payments are asked for though the stream stands: a frame may have been lost."""
_HOUR_MS: Final = 3_600_000
"""A coin pays once an hour; stream and history may give its time differently."""


class AccountFeed:
    """The feed of `client.account` on `dexes` ("" is the main one).

    `emit` takes the events, in order, on the event loop. `since_ms`: fills and payments before it are
    history (the venue's time; after a restart, when the journal was last complete); `payments_since_ms`
    where payments need another. `orders` off: open orders are not asked for, by who asks for them itself
    (20 of the 1200 weight per minute each time and dex).
    """

    def __init__(
        self,
        client: VenueClient,
        emit: Emit,
        *,
        since_ms: int,
        dexes: Sequence[str] = ("",),
        orders: bool = True,
        payments_since_ms: int | None = None,
    ) -> None:
        if client.account is None:
            raise ValueError("account is not set: give the client the address to listen to (account=...)")
        self.account = client.account
        self.dexes = tuple(dexes)
        self.is_complete = False
        """Whether nothing is missing: the connection stands and recovery is done."""
        self.quarantined: dict[Subscription, str] = {}
        self._client, self._emit, self._asks_orders = client, emit, orders
        self._fills = Once(since_ms)
        self._payments = Once(since_ms if payments_since_ms is None else payments_since_ms)
        self._task: asyncio.Task[None] | None = None
        self._updates: list[OrderUpdate] | None = None
        self._epoch = 0
        self._doubted_ns = 0
        self._ended: dict[int, None] = {}
        self._check = PositionCheck()
        self._positions_ms: dict[str, int] = {}

    @property
    def settings(self) -> ConnectionSettings:
        """Settings for its connection: an account is often silent, so it is asked for a sign of life soon."""
        return ConnectionSettings(quiet_s=1.0)

    def subscriptions(self) -> list[Subscription]:
        """What to subscribe to."""
        user = self.account
        return [
            OrderUpdatesSub(user),
            UserFillsSub(user),
            UserEventsSub(user),
            UserFundingsSub(user),
            *(ClearinghouseStateSub(user, dex) for dex in self.dexes),
        ]

    def on_up(self, epoch: int, now_ns: int) -> None:
        """Subscriptions stand: recover."""
        self._stop()
        self._epoch = epoch
        self._updates = []
        self._task = asyncio.get_running_loop().create_task(self._recover(epoch))

    def on_stall(self, seconds: float, now_ns: int) -> None:
        """The socket was silent though it should not have been: recover as after a reconnect."""
        if self.is_complete:
            self.is_complete = False
            self.on_up(self._epoch, now_ns)

    def on_down(self, reason: str, now_ns: int) -> None:
        """The connection is lost."""
        self._stop()
        self.is_complete = False
        self._emit(Lost(reason, now_ns))

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        """The venue will not have one of the subscriptions."""
        self.quarantined[subscription] = reason

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        """One message; those that do not concern the account are ignored."""
        if isinstance(frame, OrderUpdatesFrame):
            self._take_updates(frame.data, recv_ns)
        elif isinstance(frame, UserFillsFrame):
            if self._is_ours(frame.data.user):
                self._take_fills(frame.data.fills, recv_ns, recovered=frame.data.is_snapshot)
        elif isinstance(frame, UserEventFrame):
            self._take_event(frame.data, recv_ns)
        elif isinstance(frame, UserFundingsFrame):
            if self._is_ours(frame.data.user):
                self._take_payments(frame.data.fundings, recv_ns, recovered=frame.data.is_snapshot)
        elif isinstance(frame, ClearinghouseFrame) and self._is_ours(frame.data.user):
            self._take_positions(frame.data.dex, frame.data.clearinghouse_state, recv_ns)

    async def close(self) -> None:
        """Stop recovering."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _is_ours(self, user: str) -> bool:
        return user.lower() == self.account

    def _take_updates(self, updates: Sequence[OrderUpdate], recv_ns: int) -> None:
        """Nothing is delivered of an order after its end: a report that comes then was overtaken."""
        for update in updates:
            if update.order.oid in self._ended:
                continue
            if update.status.terminal:
                self._ended[update.order.oid] = None
                if len(self._ended) > _ENDED_KEPT:
                    del self._ended[next(iter(self._ended))]
            if self._updates is not None:
                self._updates.append(update)
            self._emit(OrderChanged(update, recv_ns))

    def _take_positions(self, dex: str, state: ClearinghouseState, recv_ns: int) -> None:
        """A state older than one already delivered was overtaken."""
        time_ms = state.time_ms or 0
        if time_ms >= self._positions_ms.get(dex, 0):
            self._positions_ms[dex] = time_ms
            self._emit(PositionsRead(dex, state, recv_ns))
            listed = {p.position.coin: p.position.szi for p in state.asset_positions}
            flat = {coin: 0.0 for coin in self._check.coins() if dex_of(coin) == dex}
            if self._check.told(flat | listed, time_ms):
                self._doubt(recv_ns)

    def _doubt(self, now_ns: int) -> None:
        """Fills may have been missed: ask, if that is not being done already or was just now."""
        if self.is_complete and now_ns - self._doubted_ns > _DOUBT_S * NS_PER_S:
            self._doubted_ns = now_ns
            self.is_complete = False
            self.on_up(self._epoch, now_ns)

    def _take_event(self, event: UserEvent, recv_ns: int) -> None:
        if event.fills:
            self._take_fills(event.fills, recv_ns, recovered=False)
        if event.funding is not None:
            self._take_payments([event.funding], recv_ns, recovered=False)
        for cancel in event.non_user_cancel or ():
            self._emit(Canceled(cancel, recv_ns))
        if event.liquidation is not None:
            self._emit(Liquidated(event.liquidation, recv_ns))

    def _take_fills(self, fills: Sequence[Fill], recv_ns: int, *, recovered: bool) -> None:
        for fill in sorted(fills, key=_time_of) if recovered else fills:
            key = fill.key if fill.tid else (fill.oid, -fill.time_ms)
            if self._fills.is_new(key, fill.time_ms, recv_ns // NS_PER_MS):
                self._emit(Filled(fill, recv_ns, recovered))
                if self._check.filled(fill) and not recovered:
                    self._doubt(recv_ns)

    def _take_payments(self, payments: Sequence[FundingPayment], recv_ns: int, *, recovered: bool) -> None:
        for payment in sorted(payments, key=_time_of) if recovered else payments:
            key = (payment.time_ms // _HOUR_MS, payment.coin)
            if self._payments.is_new(key, payment.time_ms, recv_ns // NS_PER_MS):
                self._emit(Paid(payment, recv_ns, recovered))

    def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _recover(self, epoch: int) -> None:
        """Ask until everything is answered, then audit; the connection's end cancels it."""
        histories: list[Ask] = [self._recover_fills, self._recover_payments]
        states: list[Ask] = []
        for dex in self.dexes:
            states.append(partial(self._recover_positions, dex))
            if self._asks_orders:
                states.append(partial(self._recover_orders, dex))
        await self._ask_all([*histories, *states])
        self._updates = None
        self.is_complete = True
        self._fills.seal()
        self._payments.seal()
        self._emit(Recovered(epoch, self._client.clock.now_ns()))
        while True:
            await asyncio.sleep(_AUDIT_S)
            await self._ask_all(histories)
            self._fills.seal()
            self._payments.seal()

    async def _ask_all(self, waiting: list[Ask]) -> None:
        """Ask everything at once, again and again what was not answered."""
        while waiting:
            results = await asyncio.gather(*(ask() for ask in waiting), return_exceptions=True)
            failed = []
            for ask, result in zip(waiting, results, strict=True):
                if isinstance(result, VenueFailure):
                    failed.append(ask)
                elif isinstance(result, BaseException):
                    raise result
            waiting = failed
            if waiting:
                await asyncio.sleep(_RETRY_S)

    async def _recover_fills(self) -> None:
        fills = await fills_since(self._client, self.account, self._fills.resume_ms())
        self._take_fills(fills, self._client.clock.now_ns(), recovered=True)

    async def _recover_payments(self) -> None:
        payments = await payments_since(self._client, self.account, self._payments.resume_ms())
        self._take_payments(payments, self._client.clock.now_ns(), recovered=True)

    async def _recover_orders(self, dex: str) -> None:
        asked_ns, first = self._client.clock.now_ns(), len(self._updates or ())
        orders = await self._client.info(FrontendOpenOrdersRequest(user=self.account, dex=dex), urgent=True)
        merged = with_updates(orders, (self._updates or [])[first:], dex)
        self._emit(OpenOrders(dex, tuple(merged), asked_ns, self._client.clock.now_ns()))

    async def _recover_positions(self, dex: str) -> None:
        state = await self._client.info(ClearinghouseStateRequest(user=self.account, dex=dex), urgent=True)
        self._take_positions(dex, state, self._client.clock.now_ns())


def _time_of(entry: Fill | FundingPayment) -> int:
    return entry.time_ms
