"""A maker's actions checked and entered: what may leave, what is refused on the spot."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import CANCEL, CANCEL_REJECTED, CANCELED, MODIFY, REJECTED
from undertow.trading.orders.account_limits import AccountGate, worst_lots
from undertow.trading.orders.ledger import Ledger
from undertow.trading.orders.limits import WORDS, Breach, Gate
from undertow.trading.orders.mids import Mids
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.outbox import Outbox
from undertow.trading.orders.sender import Sender
from undertow.trading.orders.table import Table
from undertow.trading.restraint import OWN_IDS, Restraint


class Action(NamedTuple):
    """A row of `undertow.kernel.desk.ACTION`, field by field."""

    id: int
    target: int
    tick: int
    qty: float
    kind: int
    side: int
    tif: int
    reduce_only: int
    level: int


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
        account: AccountGate | None = None,
    ) -> None:
        self._table, self._ledger, self.gates, self._mids = table, ledger, gates, mids
        self._outbox, self._notices, self._sender = outbox, notices, sender
        self._account = account
        self._worst_usd: dict[str, float] = {}  # of the coins, while one batch is looked at
        self._restraints: dict[str, Restraint] = {}
        self.closed = True

    def restrain(self, coin: str, restraint: Restraint | None) -> None:
        """The kill switch leaves no more of `coin` than `restraint` (None: everything)."""
        if restraint is None:
            self._restraints.pop(coin, None)
        else:
            self._restraints[coin] = restraint

    def admit(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> Admitted:
        """Orders to cancel, pairs to modify (old, new) and orders to place, of one decision."""
        self._worst_usd = {}
        cancels: list[Order] = []
        modifies: list[tuple[Order, Order]] = []
        news: list[Order] = []
        for values in actions.tolist():
            action = Action(*values)
            if action.kind == CANCEL:
                order = self._cancel(coin, now_ns, action)
                if order is not None:
                    cancels.append(order)
            elif action.kind == MODIFY:
                pair = self._modify(coin, now_ns, action)
                if pair is not None:
                    modifies.append(pair)
            else:
                order = self._new(coin, now_ns, action)
                if order is not None:
                    news.append(order)
        return cancels, modifies, news

    def _cancel(self, coin: str, now_ns: int, action: Action) -> Order | None:
        order_id = action.target
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

    def _modify(self, coin: str, now_ns: int, action: Action) -> tuple[Order, Order] | None:
        old = self._table.get(coin, action.target)
        new = self._order(coin, now_ns, action)
        if old is None or old.state != State.RESTING or not old.oid:
            self._refuse(coin, new.id, action, REJECTED, now_ns)
            if old is not None and not old.over:
                old.owed = True  # answered once it is known what it is; till then the desk leaves it alone
            return None
        if old.side != new.side or self._breach(new, max(new.lots - old.leaves, 0), now_ns):
            self._refuse(coin, new.id, action, REJECTED, now_ns)
            self._refuse(coin, old.id, action, CANCEL_REJECTED, now_ns)
            return None
        new.replaces, old.replaced_by = old.id, new.id
        old.owed = True
        old.to(State.MODIFYING)
        self._table.add(new)
        return old, new

    def _new(self, coin: str, now_ns: int, action: Action) -> Order | None:
        order = self._order(coin, now_ns, action)
        if self._breach(order, order.lots, now_ns):
            self._refuse(coin, order.id, action, REJECTED, now_ns)
            return None
        self._table.add(order)
        return order

    def _order(self, coin: str, now_ns: int, action: Action) -> Order:
        """The order of an action; one of no lots where its size is not a size."""
        terms = self._table.coins.by_name[coin]
        qty = action.qty
        lots = terms.lots_near(qty) if math.isfinite(qty) and terms.is_whole(qty) else 0
        return Order(
            coin,
            action.id,
            self._table.cloid(coin, action.id),
            action.side,
            action.tick,
            lots,
            action.tif,
            bool(action.reduce_only),
            now_ns,
        )

    def _breach(self, order: Order, more: int, now_ns: int) -> bool:
        """Whether `order`, which adds `more` lots to its side, may not leave; then it is counted and told."""
        gate = self.gates[order.coin]
        position = self._ledger.accounts[order.coin].lots
        exposure = self._table.exposure(order.coin, order.side) + more
        found = self._closed(order, position) or self._too_much(order, position, more)
        if found is None:
            found = gate.breach(order, position, exposure, self._mids.of(order.coin), now_ns)
        else:
            gate.refused[found] += 1
        if found is None:
            return False
        text = WORDS[found]
        if found is Breach.POSITION:
            worst = exposure + order.side * position
            text = f"position and orders would come to {worst} of {gate.limit_lots} lots"
        self._notices.tell(now_ns, Kind.LIMIT, order.coin, text, order.lots)
        return True

    def _closed(self, order: Order, position: int) -> Breach | None:
        """What keeps any order of its kind back now."""
        if self.closed or self._sender.held or self._sender.muted:
            return Breach.CLOSED
        grows = order.side * position >= 0
        if self._sender.exhausted and grows:
            return Breach.EXHAUSTED
        restraint = self._restraints.get(order.coin)
        if restraint is None or (order.id >= OWN_IDS and order.reduce_only):
            return None
        return Breach.KILLED if restraint.shut or (grows and order.side in restraint.sides) else None

    def _too_much(self, order: Order, position: int, more: int) -> Breach | None:
        """What the account as a whole does not allow."""
        if self._account is None:
            return None
        for coin in self._table.coins.by_name:
            if coin == order.coin or coin not in self._worst_usd:
                self._worst_usd[coin] = self._worst(coin, 0, 0)
        bids, asks = (more, 0) if order.side > 0 else (0, more)
        return self._account.breach(order.coin, self._worst_usd, self._worst(order.coin, bids, asks))

    def _worst(self, coin: str, more_bids: int, more_asks: int) -> float:
        """Worst case of a coin, USD, with these lots added; NaN without a price."""
        bids, asks = (self._table.exposure(coin, side) for side in (1, -1))
        position = self._ledger.accounts[coin].lots
        lots = worst_lots(position, bids + more_bids, asks + more_asks)
        return self._table.coins.by_name[coin].qty_of(lots) * self._mids.of(coin) if lots else 0.0

    def _refuse(self, coin: str, order_id: int, action: Action, code: int, now_ns: int) -> None:
        self._outbox.refuse(coin, order_id, action.side, code, action.qty, now_ns)
