"""A maker's actions checked and entered: what may leave, what is refused on the spot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.events import CANCEL, CANCEL_REJECTED, CANCELED, MODIFY, REJECTED
from undertow.records import Rec
from undertow.trading.orders.ledger import Ledger
from undertow.trading.orders.limits import Breach, Gate
from undertow.trading.orders.mids import Mids
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.outbox import Outbox
from undertow.trading.orders.sender import Sender
from undertow.trading.orders.table import Table

Admitted = tuple[list[Order], list[tuple[Order, Order]], list[Order]]


class Admission:
    """Enters actions into the table where the limits let them pass. ``closed``: only cancels pass."""

    def __init__(
        self,
        table: Table,
        ledger: Ledger,
        gates: dict[str, Gate],
        mids: Mids,
        outbox: Outbox,
        notices: Notices,
        sender: Sender,
    ) -> None:
        self._table, self._ledger, self.gates, self._mids = table, ledger, gates, mids
        self._outbox, self._notices, self._sender = outbox, notices, sender
        self.closed = True

    def admit(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> Admitted:
        """Orders to cancel, pairs to modify (old, new) and orders to place, of one decision."""
        cancels: list[Order] = []
        modifies: list[tuple[Order, Order]] = []
        news: list[Order] = []
        for action in actions:
            if action["kind"] == CANCEL:
                order = self._cancel(coin, now_ns, action)
                if order is not None:
                    cancels.append(order)
            elif action["kind"] == MODIFY:
                pair = self._modify(coin, now_ns, action)
                if pair is not None:
                    modifies.append(pair)
            else:
                order = self._new(coin, now_ns, action)
                if order is not None:
                    news.append(order)
        return cancels, modifies, news

    def _cancel(self, coin: str, now_ns: int, action: Rec) -> Order | None:
        order_id = int(action["target"])
        order = self._table.get(coin, order_id)
        if order is None:  # it never reached the venue, or ended long ago
            self._refuse(coin, order_id, action, CANCELED, now_ns)
        elif order.told_end:
            self._refuse(coin, order_id, action, order.code, now_ns)
        elif order.state == State.RESTING and self._sender.held:
            self._refuse(coin, order_id, action, CANCEL_REJECTED, now_ns)
        elif order.state == State.RESTING:
            order.owed = True
            order.to(State.CANCELING)
            return order
        elif not order.over:
            order.owed = order.cancel_wanted = True
        return None

    def _modify(self, coin: str, now_ns: int, action: Rec) -> tuple[Order, Order] | None:
        old = self._table.get(coin, int(action["target"]))
        new = self._order(coin, now_ns, action)
        if old is None or old.state != State.RESTING or not old.oid:
            self._refuse(coin, new.id, action, REJECTED, now_ns)
            if old is not None and not old.over:
                old.owed = True  # answered once it is known what it is; till then the desk leaves it alone
            return None
        exposure = self._table.exposure(coin, new.side) + max(new.lots - old.leaves, 0)
        if old.side != new.side or self._breach(new, exposure, now_ns):
            self._refuse(coin, new.id, action, REJECTED, now_ns)
            self._refuse(coin, old.id, action, CANCEL_REJECTED, now_ns)
            return None
        new.replaces, old.replaced_by = old.id, new.id
        old.owed = True
        old.to(State.MODIFYING)
        self._table.add(new)
        return old, new

    def _new(self, coin: str, now_ns: int, action: Rec) -> Order | None:
        order = self._order(coin, now_ns, action)
        exposure = self._table.exposure(coin, order.side) + order.lots
        if self._breach(order, exposure, now_ns):
            self._refuse(coin, order.id, action, REJECTED, now_ns)
            return None
        self._table.add(order)
        return order

    def _order(self, coin: str, now_ns: int, action: Rec) -> Order:
        """The order of an action; one of no lots where its size is not a size."""
        terms = self._table.coins.by_name[coin]
        order_id, qty = int(action["id"]), float(action["qty"])
        lots = terms.lots_near(qty) if np.isfinite(qty) and terms.is_whole(qty) else 0
        return Order(
            coin,
            order_id,
            self._table.cloid(coin, order_id),
            int(action["side"]),
            int(action["tick"]),
            lots,
            int(action["tif"]),
            bool(action["reduce_only"]),
            now_ns,
        )

    def _breach(self, order: Order, exposure: int, now_ns: int) -> bool:
        """Whether `order` may not leave; then it is counted and told."""
        gate = self.gates[order.coin]
        position = self._ledger.accounts[order.coin].lots
        if self.closed or self._sender.held:
            found: Breach | None = Breach.CLOSED
        elif self._sender.exhausted and order.side * position >= 0:
            found = Breach.EXHAUSTED
        else:
            found = gate.breach(order, position, exposure, self._mids.of(order.coin), now_ns)
        if found is None:
            return False
        if found in (Breach.CLOSED, Breach.EXHAUSTED):
            gate.refused[found] += 1
        text = found.value
        if found is Breach.POSITION:
            worst = exposure + order.side * position
            text = f"position and orders would come to {worst} of {gate.limit_lots} lots"
        self._notices.tell(now_ns, Kind.LIMIT, order.coin, text, order.lots)
        return True

    def _refuse(self, coin: str, order_id: int, action: Rec, code: int, now_ns: int) -> None:
        self._outbox.refuse(coin, order_id, int(action["side"]), code, float(action["qty"]), now_ns)
