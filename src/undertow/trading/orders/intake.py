"""Reports of the venue taken in: order updates, fills, payments. From the stream or asked for, alike.

Reports come in any order, twice, and late. What an order is comes from the first that says it; quantity
comes from fills alone, each booked once; a report is at most a reason to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from undertow.events import CANCELED, EXPIRED, FILLED, REJECTED
from undertow.trading.orders.ledger import Fill, Ledger, Payment
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.outbox import FOREIGN, Outbox
from undertow.trading.orders.port import Report
from undertow.trading.orders.table import Table
from undertow.trading.orders.teller import Teller
from undertow.trading.orders.writing import Writing

_MS: Final = 1_000_000
_ALIVE: Final = ("open", "triggered")
_EXPIRED: Final = ("iocCancelRejected", "reduceOnlyRejected", "reduceOnlyCanceled")


def code_of(status: str, takes: bool) -> int | None:
    """ACK code of a status word: 0 still open, None where the word is unknown."""
    if status in _ALIVE:
        return 0
    if status == "filled":
        return FILLED
    if status in _EXPIRED:
        return EXPIRED
    if status == "rejected" or status.endswith("Rejected"):
        return REJECTED
    if status in ("canceled", "scheduledCancel", "internalCancel") or status.endswith("Canceled"):
        return EXPIRED if takes else CANCELED
    return None


class Intake:
    """Applies reports to the table and the ledger, and has the makers told.

    `inquire` is called with an order whose state or last fills must be asked for if nothing more is heard,
    `cancel` with one that is to be canceled now that the venue has it, `stray` with a report of an open
    order that no maker of this session knows.
    """

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        outbox: Outbox,
        teller: Teller,
        notices: Notices,
        inquire: Callable[[Order], None],
        cancel: Callable[[Order], None],
        stray: Callable[[Report], object],
        writing: Writing,
    ) -> None:
        self.table, self.ledger, self._outbox, self._teller = table, ledger, outbox, teller
        self._notices, self._inquire, self._cancel, self._stray = notices, inquire, cancel, stray
        self._writing = writing

    def changed(self, order: Order, exch_ns: int) -> None:
        """`order` has changed: find it by its oid, tell its maker, and ask where an end lacks its fills."""
        if order.id < 0:  # not of this session's table: it was only canceled
            return
        self.table.index(order)
        if order.open_question and not order.flying:
            self._inquire(order)
        self._teller.tell(order, exch_ns)
        self._writing.order(order)
        if order.cancel_wanted and order.state == State.RESTING:
            order.cancel_wanted = False
            order.to(State.CANCELING)
            self._cancel(order)

    def reports(self, reports: Iterable[Report], now_ns: int) -> None:
        """Order updates, or the answer to a question about orders."""
        for report in reports:
            order = self.table.find(report.oid, report.cloid)
            if order is not None:
                self._report(order, report, now_ns)
            elif report.coin in self.table.coins.by_name and report.status in _ALIVE:
                self._stray(report)

    def _report(self, order: Order, report: Report, now_ns: int) -> None:
        code = code_of(report.status, order.takes)
        if code is None:
            text = f"order {order.id}: unknown status {report.status!r}"
            self._notices.tell(now_ns, Kind.ODD, order.coin, text)
            order.doubt()
        elif code == 0:
            if order.over and order.oid != report.oid:  # thought never to have been placed
                self._stray(report)
                return
            order.acknowledge(report.oid)
        else:
            order.oid = order.oid or report.oid
            order.end(code, final_of(order, report, code))
        self.changed(order, report.time_ms * _MS)

    def canceled(self, oid: int, now_ns: int) -> None:
        """The venue canceled an order of its own accord; how much of it had filled is not said."""
        order = self.table.find(oid, None)
        if order is not None:
            order.end(CANCELED, None)
            self.changed(order, now_ns)

    def fills(self, fills: Iterable[Fill], now_ns: int) -> None:
        """Own fills, oldest first; those known already have no effect."""
        for fill in fills:
            if fill.coin in self.ledger.accounts and self.ledger.book(fill):
                self._fill(fill, now_ns)

    def _fill(self, fill: Fill, now_ns: int) -> None:
        order = self.table.find(fill.oid, fill.cloid)
        if order is None:
            name = self.table.names(fill.cloid)
            if name is None:
                text = f"fill of order {fill.oid}, which this session did not send"
                self._notices.tell(now_ns, Kind.FOREIGN_FILL, fill.coin, text, fill.side * fill.lots)
            order_id = FOREIGN if name is None else name[1]
            self._writing.fill(fill, order_id)
            self._outbox.fill(fill, order_id)
            return
        if fill.crossed:
            order.oid = order.oid or fill.oid
        else:
            order.acknowledge(fill.oid)
        self.table.index(order)
        self._teller.tell(order, fill.time_ms * _MS)
        order.book(fill.lots)
        if order.replaced_by is not None and not order.told_end:
            text = f"order {order.id} filled while being replaced by {order.replaced_by}"
            self._notices.tell(now_ns, Kind.OVERFILL, order.coin, text, fill.lots)
        self._writing.fill(fill, order.id)
        self._outbox.fill(fill, order.id)
        self.changed(order, fill.time_ms * _MS)

    def complete(self) -> None:
        """Every fill up to the ledger's ``complete_ms`` is booked."""
        self._writing.watermark(self.ledger.complete_ms)

    def payments(self, payments: Iterable[Payment]) -> None:
        """Funding payments; those known already have no effect."""
        for payment in payments:
            if payment.coin in self.ledger.accounts and self.ledger.pay(payment):
                self._writing.payment(payment)


def final_of(order: Order, report: Report, code: int) -> int:
    """What an order that ended as `report` says has filled in all."""
    if code == REJECTED:
        return 0
    if code == FILLED and not order.takes:
        return report.orig_lots
    return report.orig_lots - report.lots
