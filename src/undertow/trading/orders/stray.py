"""Open orders nobody here knows: of an earlier session of ours, or of somebody else on the account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from undertow.clock import Clock
from undertow.kernel.desk import GTC
from undertow.trading.orders.cloid import name_of
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.port import Report

STRANGER: Final = -1


def stranger(report: Report) -> Order:
    """An order as reported, in no table: fit to be canceled by its oid."""
    order = Order(
        report.coin,
        STRANGER,
        report.cloid or "",
        report.side,
        report.tick,
        report.lots,
        GTC,
        report.reduce_only,
        report.time_ms * 1_000_000,
    )
    order.state, order.oid = State.RESTING, report.oid
    return order


class Strays:
    """Says each stray once; cancels those of ours, and by option the others, whenever one is seen."""

    def __init__(
        self, clock: Clock, notices: Notices, cancel: Callable[[list[Order]], None], cancel_foreign: bool
    ) -> None:
        self._clock, self._notices, self._cancel = clock, notices, cancel
        self._cancel_foreign = cancel_foreign
        self._said: dict[int, None] = {}

    def see(self, report: Report) -> bool:
        """An open order of no maker of this session; returns whether it is being canceled."""
        ours = name_of(report.cloid) is not None
        if report.oid not in self._said:
            self._said[report.oid] = None
            kind = Kind.ORPHAN if ours else Kind.FOREIGN_ORDER
            whose = "an earlier session" if ours else "somebody else"
            text = f"open order {report.oid} of {whose}"
            self._notices.tell(self._clock.now_ns(), kind, report.coin, text, report.side * report.lots)
        if not (ours or self._cancel_foreign):
            return False
        self.cancel(report)
        return True

    def cancel(self, report: Report) -> None:
        """Cancel the order of `report`."""
        order = stranger(report)
        order.to(State.CANCELING)
        self._cancel([order])
