"""The slow matcher's exact queue: every price has a plain list of orders, the market's and ours.

Shares no code with the engine's FIFO. Where the engine numbers orders and compares numbers, this
keeps real queues and walks them from the front.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tests.replay.reference import Order, ReferenceExchange, Request, Row


@dataclass
class OrderRow(Row):
    """An order-level row: kind is add, cancel, modify, exec or clear."""

    id: int = 0


@dataclass
class Theirs:
    """A market order in a queue; void since the book was cleared, unless shown again."""

    id: int
    side: int
    tick: int
    qty: int
    void: bool = False


class FifoReference(ReferenceExchange):
    """Runs order-level rows; prints fill nobody."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.queues: dict[tuple[int, int], list[Theirs | Order]] = defaultdict(list)
        self.theirs: dict[int, Theirs] = {}

    def see(self, row: Row) -> None:
        if isinstance(row, OrderRow):
            getattr(self, f"on_{row.kind}")(row)
        elif row.kind == "funding":
            super().see(row)

    def on_add(self, row: OrderRow) -> None:
        old = self.theirs.get(row.id)
        if old and not old.void:
            self.on_modify(row)
            return
        self.meet(row.side, row.tick, row.qty)
        if old and (old.side, old.tick) == (row.side, row.tick) and row.qty <= old.qty:
            old.qty, old.void = row.qty, False
        else:
            if old:
                self.take_out(old)
            self.put_in(row)
        self.show(row.side, row.tick)

    def on_cancel(self, row: OrderRow) -> None:
        order = self.theirs.get(row.id)
        if order:
            self.take_out(order)
            if not order.void:
                self.show(order.side, order.tick)

    def on_modify(self, row: OrderRow) -> None:
        order = self.theirs.get(row.id)
        if order is None:
            self.meet(row.side, row.tick, row.qty)
            self.put_in(row, front=True)
            self.show(row.side, row.tick)
        elif order.void:
            self.on_add(row)
        elif (row.tick, row.qty) == (order.tick, order.qty):
            return
        elif row.tick == order.tick and row.qty < order.qty:
            order.qty = row.qty
            self.show(order.side, order.tick)
        else:
            self.meet(order.side, row.tick, row.qty if row.tick != order.tick else row.qty - order.qty)
            self.take_out(order)
            self.show(order.side, order.tick)
            self.put_in(OrderRow(row.ns, row.kind, order.side, row.tick, row.qty, id=row.id))
            self.show(order.side, row.tick)

    def on_exec(self, row: OrderRow) -> None:
        order = self.theirs.get(row.id)
        known = order is not None and not order.void
        side, tick = (order.side, order.tick) if order and known else (row.side, row.tick)
        left = self.spend(side, tick + side, row.qty)
        for entry in list(self.queues[side, tick]):
            if entry is order and known:
                break
            if isinstance(entry, Theirs):
                if not known and not entry.void:
                    break
            elif entry in self.orders:
                filled = min(left, self.may_fill(entry))
                left -= filled
                self.fill(entry, filled)
        self.trim()

    def on_clear(self, row: OrderRow) -> None:
        for order in self.theirs.values():
            if row.side in (0, order.side):
                order.void = True
        for side in (1, -1):
            if row.side in (0, side):
                self.book.levels[side] = {}

    def rest(self, request: Request, qty: int, shrunk: bool) -> None:
        super().rest(request, qty, shrunk)
        self.queues[request.side, request.tick].append(self.orders[-1])

    def meet(self, side: int, tick: int, qty: int) -> None:
        """What newly appears at or through our prices would have met us."""
        self.spend(-side, tick, qty)
        self.trim()

    def put_in(self, row: OrderRow, *, front: bool = False) -> None:
        order = self.theirs[row.id] = Theirs(row.id, row.side, row.tick, row.qty)
        queue = self.queues[row.side, row.tick]
        queue.insert(0 if front else len(queue), order)

    def take_out(self, order: Theirs) -> None:
        del self.theirs[order.id]
        self.queues[order.side, order.tick] = [
            entry for entry in self.queues[order.side, order.tick] if entry is not order
        ]

    def show(self, side: int, tick: int) -> None:
        """The level's sum, as the feed gives it."""
        queue = self.queues[side, tick]
        self.book.set(side, tick, sum(o.qty for o in queue if isinstance(o, Theirs) and not o.void))
