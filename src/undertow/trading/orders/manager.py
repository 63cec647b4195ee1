"""`VenueExecution`: a maker's actions to the venue, and what comes of them back as ACK and FILL rows.

    send ─► admission (limits) ─► batches ─► sender ─► venue
                                                │        │ stream
    rows ◄─ outbox ◄─ teller ◄─ table, ledger ◄─┴─ intake ◄─ inquiry, recovery (asked for)

Nothing here decides what to quote; nothing above can send what the limits forbid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from undertow.clock import Clock
from undertow.trading.orders.account_limits import AccountGate
from undertow.trading.orders.admission import Admission
from undertow.trading.orders.batching import batches, cancel_batches
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.inquiry import Inquiry, Patience
from undertow.trading.orders.intake import Intake
from undertow.trading.orders.ledger import Fill, Ledger, Payment
from undertow.trading.orders.limits import Gate, Limits
from undertow.trading.orders.memory import Memory, recall, remember
from undertow.trading.orders.mids import Mids
from undertow.trading.orders.notices import Kind, Notice, Notices
from undertow.trading.orders.order import Order
from undertow.trading.orders.outbox import Outbox
from undertow.trading.orders.port import Report, VenuePort
from undertow.trading.orders.recover import Recovery
from undertow.trading.orders.replies import Replies
from undertow.trading.orders.sender import Sender
from undertow.trading.orders.stopping import Stopping
from undertow.trading.orders.stray import Strays
from undertow.trading.orders.table import Table
from undertow.trading.orders.teller import Teller
from undertow.trading.orders.writing import JournalPort, Writing
from undertow.trading.restraint import Restraint
from undertow.trading.seams import Deliver, Received


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOptions:
    """How orders are managed.

    ``expire_after_s``: orders and modifies that reach the venue later than this are void (None: never; the
    venue charges five requests for one that does). ``cancel_foreign``: cancel open orders on the session's
    coins that are not ours. ``audit_every_s``: how often orders and position are compared with the venue's.
    """

    expire_after_s: float | None = 10.0
    cancel_foreign: bool = False
    audit_every_s: float = 30.0
    patience: Patience = field(default_factory=Patience)


class VenueExecution:
    """`undertow.trading.seams.Execution` on a venue.

    `session` (32 bits) names the session on every order; the same number after a restart finds them again.
    Reports of the account's stream go to `on_reports`, `on_fills`, `on_canceled` and `on_payments`; its
    breaks and returns to `on_disconnected` and `on_connected`. All on the event loop's thread.

    With a `journal` every request is durable in it before it leaves, every answer, fill and payment before a
    maker is shown it.
    """

    def __init__(
        self,
        port: VenuePort,
        coins: Coins,
        limits: Mapping[str, Limits],
        clock: Clock,
        *,
        session: int,
        options: OrderOptions | None = None,
        listener: Callable[[Notice], None] | None = None,
        account: AccountGate | None = None,
        journal: JournalPort | None = None,
    ) -> None:
        self._clock, self._listener = clock, listener
        self._writing = writing = Writing(journal, clock, self._unwritten)
        self.options = options or OrderOptions()
        self.coins = coins
        self.notices = Notices(self._hear)
        self.table = Table(session, coins)
        self.ledger = Ledger({name: coin.lot_size for name, coin in coins.by_name.items()})
        self.mids = Mids()
        self._outbox = Outbox(coins, clock, writing)
        self._strays = Strays(
            clock, self.notices, lambda orders: self._cancel(orders, "stray"), self.options.cancel_foreign
        )
        teller = Teller(self.table, self._outbox)
        self._intake = Intake(
            self.table,
            self.ledger,
            self._outbox,
            teller,
            self.notices,
            inquire=lambda order: self._inquiry.add(order),
            cancel=lambda order: self._cancel([order], "owed"),
            stray=self._strays.see,
            writing=writing,
        )
        self._inquiry = Inquiry(port, self._intake, clock, self.notices, self.options.patience)
        replies = Replies(self._intake, self.notices)
        self.sender = Sender(
            port,
            self._intake,
            replies,
            clock,
            self.notices,
            self.options.expire_after_s,
            writing,
            through=self._inquiry.nudge,
        )
        self._recovery = Recovery(
            port, self._intake, self._inquiry, self._strays, clock, self.notices, writing
        )
        gates = {name: Gate(coin, limits[name]) for name, coin in coins.by_name.items()}
        self.admission = Admission(
            self.table, self.ledger, gates, self.mids, self._outbox, self.notices, self.sender, account
        )
        self._stopping = Stopping(self.table, self._recovery, self._inquiry, self.sender, self._strays)
        self._remembered: Memory | None = None
        self._early: list[Callable[[], None]] | None = []
        self._heard = True  # by the account's stream
        self._missed = False  # something of it, while `start` was under way
        self._recovering: asyncio.Task[None] | None = None
        self._auditing: asyncio.Task[None] | None = None
        self._stopped: asyncio.Task[None] | None = None
        self._audit_at_ns = 0

    # ---- the live loop's side -----------------------------------------------------------------

    def memory(self) -> Memory:
        """What another process needs to go on from here, with desks of the same moment."""
        return remember(self.table, self.ledger, self.sender.nonces)

    def adopt(self, memory: Memory) -> None:
        """Go on where another process of the same `session` stopped. To be called before `start`."""
        recall(memory, self.table, self.ledger)
        self._remembered = memory

    async def start(self, deliver: Deliver) -> None:
        """Recover: no unknown order of ours left, position found. `positions` then tells it."""
        self._outbox.open(deliver)
        self._tell_missed()
        await self._recovery.start(self._remembered)
        early, self._early = self._early, None
        for step in early or []:
            step()
        self._outbox.flush()
        self._audit_at_ns = self._clock.now_ns() + round(self.options.audit_every_s * 1e9)
        self.admission.closed = not self._heard or self._missed
        if self._heard and self._missed and self._stopped is None:
            self._recovering = asyncio.get_running_loop().create_task(self._recover())
        self._missed = False

    @property
    def positions(self) -> dict[str, float]:
        """Position of each coin in the venue's unit, by what is booked."""
        return {
            name: self.coins.by_name[name].qty_of(account.lots)
            for name, account in self.ledger.accounts.items()
        }

    @property
    def is_blind(self) -> bool:
        """Whether what happens to orders is not known just now: no new ones are taken."""
        return self.admission.closed

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """Take a batch of actions; what the limits refuse is answered at once, the rest is sent."""
        cancels, modifies, news = self.admission.admit(coin, now_ns, actions)
        for batch in batches(cancels, modifies, news):
            self.sender.send(batch)

    def restrain(self, coin: str, restraint: Restraint | None) -> None:
        """The kill switch leaves no more of `coin` than `restraint` (None: everything)."""
        self.admission.restrain(coin, restraint)

    def on_market(self, received: Received) -> None:
        """Note where the market is."""
        self.mids.see(received)
        self._outbox.saw_market(received)

    def on_time(self, now_ns: int) -> None:
        """Compare with the venue from time to time."""
        idle = self._auditing is None or self._auditing.done()
        if now_ns >= self._audit_at_ns and idle and not self.admission.closed:
            self._audit_at_ns = now_ns + round(self.options.audit_every_s * 1e9)
            self._auditing = asyncio.get_running_loop().create_task(self._recovery.audit())

    async def stop(self) -> None:
        """Cancel every order of ours and wait until none is left. Raises `OrdersLeft` where some are.

        Called again, or cancelled and called again, it is the same stop.
        """
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        self.admission.closed = True
        for task in (self._recovering, self._auditing):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._inquiry.hurry()
        try:
            await self._stopping.run()
        finally:
            await self._inquiry.close()
            self._outbox.close()

    # ---- the account stream's side ------------------------------------------------------------

    def on_reports(self, reports: list[Report]) -> None:
        """Order updates."""
        self._take(lambda: self._intake.reports(reports, self._clock.now_ns()))

    def on_fills(self, fills: list[Fill]) -> None:
        """Own fills, from any stream, repeated or not."""
        self._take(lambda: self._intake.fills(fills, self._clock.now_ns()))

    def on_canceled(self, oids: list[int]) -> None:
        """Orders the venue canceled of its own accord."""

        def take() -> None:
            for oid in oids:
                self._intake.canceled(oid, self._clock.now_ns())

        self._take(take)

    def on_payments(self, payments: list[Payment]) -> None:
        """Funding payments."""
        self._take(lambda: self._intake.payments(payments))

    def on_disconnected(self) -> None:
        """The stream broke: nothing new is sent until what was missed has been asked for."""
        self._heard, self._missed = False, self._early is not None
        self.admission.closed = True
        self._inquiry.pause()
        if self._recovering is not None:
            self._recovering.cancel()
            self._recovering = None

    def on_connected(self) -> None:
        """The stream is back, subscribed. While `start` is under way it goes on with its questions."""
        self._heard = True
        if self._early is not None:
            self._inquiry.hurry()
        elif self._stopped is None:
            self._recovering = asyncio.get_running_loop().create_task(self._recover())

    def hurry(self) -> None:
        """The venue can be reached again: what was lost is made sure of now, not when patience ends."""
        self.sender.hurry()
        if self._heard:
            self._inquiry.hurry()

    async def _recover(self) -> None:
        self.sender.hurry()
        await self._recovery.again()
        self.admission.closed = False

    def _take(self, step: Callable[[], None]) -> None:
        if self._early is not None:  # the position they change is not known yet
            self._early.append(step)
            return
        step()
        self._outbox.flush()

    def _cancel(self, orders: list[Order], reason: str) -> None:
        for batch in cancel_batches(orders):
            self.sender.send(batch, reason)

    def _tell_missed(self) -> None:
        """What was booked before, but never shown to the desks adopted."""
        if self._remembered is None:
            return
        for fill, order_id in self._remembered.untold:
            self._outbox.fill(fill, order_id)
        for order, exch_ns in self._remembered.ends:
            self._outbox.ack(order, order.code, max(order.lots - order.filled, 0), exch_ns)
        self._outbox.flush()

    # ---- what is written down ---------------------------------------------------------------------

    def _hear(self, notice: Notice) -> None:
        self._writing.notice(notice)
        if self._listener is not None:
            self._listener(notice)

    def _unwritten(self, why: str) -> None:
        self.notices.tell(self._clock.now_ns(), Kind.JOURNAL, "", why)
