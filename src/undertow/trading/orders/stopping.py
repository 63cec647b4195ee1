"""Cancel everything of ours, and believe it only when the venue lists none of it."""

from __future__ import annotations

import asyncio
from typing import Final

from undertow.trading.orders.batching import cancel_batches
from undertow.trading.orders.cloid import name_of
from undertow.trading.orders.inquiry import Inquiry
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.port import Report, Unanswered
from undertow.trading.orders.recover import Recovery
from undertow.trading.orders.sender import Sender
from undertow.trading.orders.stray import Strays, stranger
from undertow.trading.orders.table import Table

ROUNDS: Final = 8
ROUND_S: Final = 5.0
_AGAIN_S: Final = (0.2, 0.5, 1.0, 2.0)


class OrdersLeft(RuntimeError):
    """Open orders of ours could not be canceled, or not be shown to be gone. ``oids``: those known."""

    def __init__(self, oids: list[int]) -> None:
        self.oids = oids
        known = f"orders {', '.join(map(str, oids))}" if oids else "orders whose state could not be asked for"
        super().__init__(f"{known} may still be open at the venue: cancel them there by hand")


class Stopping:
    """The end of a session."""

    def __init__(
        self, table: Table, recovery: Recovery, inquiry: Inquiry, sender: Sender, strays: Strays
    ) -> None:
        self._table, self._recovery, self._inquiry = table, recovery, inquiry
        self._sender, self._strays = sender, strays

    async def run(self) -> None:
        """Cancel until none is left: at most `ROUNDS` times. Raises `OrdersLeft`."""
        oids: list[int] = []
        for attempt in range(ROUNDS):
            self._cancel_known()
            await self._sender.wait(ROUND_S)
            try:
                ours = [report for report in await self._recovery.open_reports() if self._is_ours(report)]
            except Unanswered:
                oids = [order.oid for order in self._table.open_orders() if order.oid]
            else:
                oids = [report.oid for report in ours]
                if not oids and not self._sender.in_flight and await self._settled():
                    return
                self._cancel_listed(ours)
            await asyncio.sleep(_AGAIN_S[min(attempt, len(_AGAIN_S) - 1)])
        await self._sender.close(0.0)
        raise OrdersLeft(oids)

    def _is_ours(self, report: Report) -> bool:
        known = self._table.find(report.oid, report.cloid) is not None
        return known or name_of(report.cloid) is not None

    def _cancel_known(self) -> None:
        """One cancel of every order the table has resting."""
        resting = self._table.in_state(State.RESTING)
        for order in resting:
            order.to(State.CANCELING)
        for batch in cancel_batches(resting):
            self._sender.send(batch, "stop")

    def _cancel_listed(self, reports: list[Report]) -> None:
        """Cancel what the venue lists and the table has not as resting."""
        orders: list[Order] = []
        for report in reports:
            known = self._table.find(report.oid, report.cloid)
            if known is None or known.over or known.state == State.DOUBT:
                order = stranger(report)
                order.to(State.CANCELING)
                orders.append(order)
        for batch in cancel_batches(orders):
            self._sender.send(batch, "stop")

    async def _settled(self) -> bool:
        """Whether no order waits for its last fills or an answer, given a moment."""
        for _ in range(20):
            if not self._inquiry.pending and not any(self._table.standing()):
                return True
            await asyncio.sleep(0.1)
        return not self._table.open_orders()
