"""What the order manager writes down, and when: before bytes leave, before a maker is shown a row.

Everything gathers in the journal as it happens; `Writing.commit` makes it durable in one transaction. It is
called at the two places where something is acted on: `Sender` before a request leaves, `Outbox` before rows
are delivered. Without a journal all of it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from undertow.clock import Clock
from undertow.journal.rows import Ack, Decision, FillRow, Intent, Landed, Opening, PaymentRow
from undertow.journal.schema import JournalError
from undertow.trading.orders.batching import Batch, Deed
from undertow.trading.orders.ledger import Fill, Payment
from undertow.trading.orders.notices import Kind, Notice
from undertow.trading.orders.order import Order


class JournalPort(Protocol):
    """The journal, as far as orders need it (`undertow.journal.store.Journal`)."""

    @property
    def pending(self) -> bool:
        """Whether rows have gathered that are not durable yet."""
        ...

    def intents(self, intents: Iterable[Intent]) -> None:
        """A request is about to be sent."""
        ...

    def landed(self, landed: Landed) -> None:
        """The fate of a request is known."""
        ...

    def ack(self, ack: Ack) -> None:
        """What is known of an order has changed."""
        ...

    def fill(self, fill: FillRow) -> None:
        """A fill, not seen before."""
        ...

    def payment(self, payment: PaymentRow) -> None:
        """A funding payment, not seen before."""
        ...

    def decision(self, decision: Decision) -> None:
        """A decision of risk, or a thing to know."""
        ...

    def opening(self, openings: Iterable[Opening], old_fills: Iterable[tuple[int, int]]) -> None:
        """Positions the session starts from, and the late fills that are part of them."""
        ...

    def watermark(self, complete_ms: int) -> None:
        """Every fill up to this time of the venue's has been seen."""
        ...

    def commit(self, *, synced: bool = False) -> None:
        """Make what has gathered durable. Raises `JournalError`."""
        ...


_TOLD: Final = frozenset(
    {
        Kind.LIMIT,
        Kind.REFUSED,
        Kind.REQUESTS_EXHAUSTED,
        Kind.FOREIGN_ORDER,
        Kind.FOREIGN_FILL,
        Kind.ORPHAN,
        Kind.POSITION,
        Kind.OVERFILL,
        Kind.ODD,
    }
)
"""Notices that are written down; the others are about questions asked."""
_CANCELS: Final = (Deed.CANCEL, Deed.CANCEL_BY_CLOID)


class Writing:
    """Writes what happens to orders and money into `journal` (None: nowhere).

    `broken` is called once, with the reason, when the journal cannot be written: from then on nothing may
    be sent but cancels, and what the venue says is still told (a restart asks for it again).
    """

    def __init__(self, journal: JournalPort | None, clock: Clock, broken: Callable[[str], None]) -> None:
        self._journal, self._clock, self._broken = journal, clock, broken
        self.failed = False

    @property
    def _open(self) -> JournalPort | None:
        return None if self.failed else self._journal

    def commit(self) -> bool:
        """Make durable what has gathered; False where the journal can no longer be written."""
        journal = self._open
        if journal is None:
            return not self.failed
        if not journal.pending:
            return True
        try:
            journal.commit()
        except JournalError as fault:
            self.failed = True
            self._broken(str(fault))
            return False
        return True

    def request(self, batch: Batch, nonce: int, reason: str) -> None:
        """`batch` is to be sent with `nonce`."""
        if (journal := self._open) is None:
            return
        cancels, deed, now_ns = batch.deed in _CANCELS, int(batch.deed), self._clock.now_ns()
        targets = batch.targets or tuple(o.oid if cancels else 0 for o in batch.orders)
        journal.intents(
            Intent(
                now_ns,
                nonce,
                deed,
                o.coin,
                o.id,
                target,
                o.cloid,
                o.side,
                o.tick,
                o.lots,
                o.tif,
                o.reduce_only,
                o.replaces,
                reason,
            )
            for o, target in zip(batch.orders, targets, strict=True)
        )

    def landed(self, nonce: int, how: str) -> None:
        """What became of the request with `nonce` is known."""
        if (journal := self._open) is not None:
            journal.landed(Landed(nonce, self._clock.now_ns(), how))

    def order(self, order: Order) -> None:
        """`order` is as it is now, if that differs from what was written last."""
        if (journal := self._open) is None:
            return
        now = (order.oid, order.code, order.final, order.told_end)
        if now != order.written:
            order.written = now
            journal.ack(Ack(self._clock.now_ns(), order.coin, order.id, *now))

    def fill(self, fill: Fill, order_id: int) -> None:
        """`fill`, just booked, is of the order the desk calls `order_id`."""
        if (journal := self._open) is not None:
            journal.fill(
                FillRow(
                    self._clock.now_ns(),
                    fill.coin,
                    fill.oid,
                    fill.tid,
                    order_id,
                    fill.cloid,
                    fill.side,
                    fill.px,
                    fill.lots,
                    fill.fee,
                    fill.crossed,
                    fill.time_ms,
                    fill.start_lots,
                    fill.closed_pnl,
                    fill.fee_token,
                    fill.hash,
                )
            )

    def payment(self, payment: Payment) -> None:
        """`payment`, just booked."""
        if (journal := self._open) is not None:
            now_ns = self._clock.now_ns()
            journal.payment(PaymentRow(now_ns, payment.coin, payment.time_ms, payment.usd))

    def notice(self, notice: Notice) -> None:
        """A limit refused, the venue refused, something is odd."""
        if notice.kind in _TOLD and (journal := self._open) is not None:
            decision = Decision(notice.now_ns, str(notice.kind), notice.coin, notice.text, notice.value)
            journal.decision(decision)

    def opening(self, lots: dict[str, int], old: Iterable[tuple[int, int]], ignore_before_ms: int) -> None:
        """Where the session starts."""
        if (journal := self._open) is not None:
            now_ns = self._clock.now_ns()
            journal.opening([Opening(now_ns, coin, n, ignore_before_ms) for coin, n in lots.items()], old)

    def watermark(self, complete_ms: int) -> None:
        """Every fill up to `complete_ms` is booked."""
        if (journal := self._open) is not None:
            journal.watermark(complete_ms)
