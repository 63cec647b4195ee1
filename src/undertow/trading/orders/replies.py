"""Replies to requests taken in: what each order of a batch has become."""

from __future__ import annotations

from typing import Final

from undertow.events import CANCELED, EXPIRED, FILLED, REJECTED
from undertow.trading.orders.batching import Batch, Deed
from undertow.trading.orders.intake import Intake
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.port import Done, Filled, Outcome, Refused, Reply, Resting, Why

_EXPIRES: Final = (Why.NO_MATCH, Why.REDUCE_ONLY)


class Replies:
    """Applies replies to the table by way of `intake`."""

    def __init__(self, intake: Intake, notices: Notices) -> None:
        self._intake, self._notices = intake, notices

    def take(self, batch: Batch, reply: Reply, now_ns: int) -> None:
        """The reply to `batch`. A reply that does not fit leaves its orders in doubt."""
        if reply.refused is not None:
            self._refused(batch, reply.refused, now_ns)
            return
        outcomes = reply.outcomes
        if len(outcomes) == 1 and len(batch.orders) > 1 and isinstance(outcomes[0], Refused):
            outcomes = outcomes * len(batch.orders)
        if len(outcomes) != len(batch.orders):
            text = f"{len(outcomes)} answers to {len(batch.orders)} orders of one {batch.deed.name}"
            self._notices.tell(now_ns, Kind.ODD, batch.orders[0].coin, text)
            self.doubt(batch, now_ns)
            return
        for order, outcome in zip(batch.orders, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self._notices.tell(now_ns, Kind.REFUSED, order.coin, outcome.text)
            if batch.deed in (Deed.CANCEL, Deed.CANCEL_BY_CLOID):
                self._cancel(order, outcome, now_ns)
            else:
                self._place(order, outcome, now_ns)

    def _refused(self, batch: Batch, refused: Refused, now_ns: int) -> None:
        """The whole request was refused: nothing of it was done, unless the nonce had been used by it."""
        coin = batch.orders[0].coin
        self._notices.tell(now_ns, Kind.REFUSED, coin, refused.text, len(batch.orders))
        if refused.why == Why.NONCE_USED:
            self.doubt(batch, now_ns)
        else:
            self.not_done(batch, now_ns)

    def not_done(self, batch: Batch, now_ns: int) -> None:
        """`batch` was not carried out and never will be."""
        for order in batch.orders:
            if batch.deed in (Deed.CANCEL, Deed.CANCEL_BY_CLOID):
                self._still_there(order, now_ns)
                continue
            old = self._replaced(order)
            if order.oid == 0 and not order.filled:
                order.end(REJECTED, 0)
            self._intake.changed(order, now_ns)
            if old is not None:
                self._still_there(old, now_ns)

    def doubt(self, batch: Batch, now_ns: int) -> None:
        """What has become of the orders of `batch` must be asked for."""
        for order in batch.orders:
            for one in (order, self._replaced(order)):
                if one is not None:
                    if not (one is order and one.state == State.RESTING and batch.deed >= Deed.MODIFY):
                        one.doubt()
                    self._intake.changed(one, now_ns)

    def _replaced(self, order: Order) -> Order | None:
        """The order that `order` was to replace, while it is remembered."""
        if order.replaces is None:
            return None
        return self._intake.table.get(order.coin, order.replaces)

    def _still_there(self, order: Order, now_ns: int) -> None:
        """A cancel or modify did not happen: the order rests as before, and the maker hears of it."""
        order.replaced_by = None
        order.found(order.oid)
        self._intake.changed(order, now_ns)

    def _cancel(self, order: Order, outcome: Outcome, now_ns: int) -> None:
        if isinstance(outcome, Done):
            order.end(CANCELED, None)
            self._intake.changed(order, now_ns)
        elif isinstance(outcome, Refused) and outcome.why not in (Why.GONE, Why.UNREAD):
            self._still_there(order, now_ns)
        else:
            order.doubt()
            self._intake.changed(order, now_ns)

    def _place(self, order: Order, outcome: Outcome, now_ns: int) -> None:
        old = self._replaced(order)
        if isinstance(outcome, Resting):
            order.acknowledge(outcome.oid)
        elif isinstance(outcome, Filled):
            self._filled(order, outcome)
        elif isinstance(outcome, Refused) and outcome.why != Why.UNREAD:
            order.end(EXPIRED if outcome.why in _EXPIRES else REJECTED, 0)
        else:
            order.doubt()
        if old is not None and not old.over:
            self._old_leg(old, outcome)
            self._intake.changed(old, now_ns)
        self._intake.changed(order, now_ns)

    def _filled(self, order: Order, outcome: Filled) -> None:
        order.oid = order.oid or outcome.oid
        if outcome.lots >= order.lots:
            order.end(FILLED, outcome.lots)
        elif order.takes:
            order.end(EXPIRED, outcome.lots)
        else:
            order.acknowledge(outcome.oid)
            if order.reduce_only:  # the rest may rest, or may have been more than the position
                order.doubt()

    def _old_leg(self, old: Order, outcome: Outcome) -> None:
        """A modify was answered: its target is gone with a new order, and may be gone without one."""
        if isinstance(outcome, Resting | Filled):
            old.end(CANCELED, None)
        else:
            old.replaced_by = None
            old.doubt()
