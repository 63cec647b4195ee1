"""What the maker is told about an order, and when: each thing once, in an order its desk can take.

OPEN before the first fill that rested, fills before the end, the end once every fill before it is booked. An
order whose fills add up to what was asked needs no end: the desk drops it with the last fill.
"""

from __future__ import annotations

from undertow.events import CANCEL_REJECTED, FILLED, OPEN
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.outbox import Outbox
from undertow.trading.orders.table import Table


class Teller:
    """Turns what has become of orders into rows, and retires the orders that are done with."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table, self._outbox = table, outbox

    def tell(self, order: Order, exch_ns: int) -> None:
        """Tell whatever is new about `order`."""
        if order.told_end:
            return
        if not order.over:
            self._tell_standing(order, exch_ns)
        elif order.settled:
            order.told_end = True
            if order.code != FILLED or order.filled < order.lots:
                left = 0 if order.code == FILLED else order.lots - order.filled
                self._outbox.ack(order, order.code, left, exch_ns)
            self._table.retire(order)

    def _tell_standing(self, order: Order, exch_ns: int) -> None:
        if order.state == State.RESTING and not order.told_open:
            order.told_open = True
            self._outbox.ack(order, OPEN, order.leaves, exch_ns)
        if order.state == State.RESTING and order.owed and not order.cancel_wanted:
            order.owed = False
            self._outbox.ack(order, CANCEL_REJECTED, order.leaves, exch_ns)
