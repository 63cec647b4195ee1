"""The order manager's limits before the paper matcher: the same `Limits`, the same refusals.

What is on its way, resting or being cancelled is known here from what was sent and what was answered, as
it is to a real account: nothing is looked up in the matcher.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    EVENT,
    FILL,
    INFERRED,
    LOCAL,
    MODIFY,
    OPEN,
    REJECTED,
)
from undertow.trading.orders.account_limits import AccountGate, worst_lots
from undertow.trading.orders.coins import Coin
from undertow.trading.orders.limits import Breach, Gate, Limits
from undertow.trading.orders.mids import Mids
from undertow.trading.orders.order import Order
from undertow.trading.restraint import OWN_IDS, Restraint
from undertow.trading.seams import Received


@dataclass
class _Book:
    """What a coin has out, in lots."""

    coin: Coin
    gate: Gate
    position: int = 0
    orders: dict[int, Order] = field(default_factory=dict)

    def exposure(self, side: int) -> int:
        """Lots on a side that could still fill; of an order and the one that replaces it, the larger."""
        total = 0
        for order in self.orders.values():
            if order.side == side:
                heir = None if order.replaced_by is None else self.orders.get(order.replaced_by)
                total += order.leaves if heir is None else max(order.leaves - heir.leaves, 0)
        return total


class PaperLimits:
    """Lets pass what the limits allow; the rest is answered by `refusals`."""

    def __init__(
        self, coins: list[Coin], limits: Mapping[str, Limits], account: AccountGate | None = None
    ) -> None:
        self._books = {coin.name: _Book(coin, Gate(coin, limits[coin.name])) for coin in coins}
        self._account, self._mids = account, Mids()
        self._restraints: dict[str, Restraint] = {}
        self._refused: deque[Received] = deque()

    @property
    def refused(self) -> dict[tuple[str, Breach], int]:
        """Refusals by coin and limit."""
        return {(name, why): n for name, book in self._books.items() for why, n in book.gate.refused.items()}

    def restrain(self, coin: str, restraint: Restraint | None) -> None:
        """The kill switch leaves no more of `coin` than `restraint` (None: everything)."""
        if restraint is None:
            self._restraints.pop(coin, None)
        else:
            self._restraints[coin] = restraint

    def on_market(self, received: Received) -> None:
        """Note where the market is."""
        self._mids.see(received)

    def pass_on(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> NDArray[np.void]:
        """The actions that may leave, in order."""
        book = self._books[coin]
        keep = np.ones(len(actions), dtype=bool)
        for at, action in enumerate(actions):
            if action["kind"] != CANCEL:
                keep[at] = self._enter(book, now_ns, action)
        return actions if keep.all() else actions[keep]

    def _enter(self, book: _Book, now_ns: int, action: np.void) -> bool:
        """Take in an order that may leave; False: it may not, and its answer waits."""
        order = _order_of(book.coin, now_ns, action)
        old = book.orders.get(int(action["target"])) if action["kind"] == MODIFY else None
        more = order.lots if old is None else max(order.lots - old.leaves, 0)
        why = self._breach(book, order, more, now_ns)
        if why is None:
            book.orders[order.id] = order
            if old is not None:
                old.replaced_by = order.id
            return True
        self._refuse(book.coin.name, order.id, order.side, REJECTED, float(action["qty"]), now_ns)
        if action["kind"] == MODIFY:
            self._refuse(book.coin.name, int(action["target"]), order.side, CANCEL_REJECTED, 0.0, now_ns)
        return False

    def _breach(self, book: _Book, order: Order, more: int, now_ns: int) -> Breach | None:
        name, side = book.coin.name, order.side
        if self._killed(book, order):
            book.gate.refused[Breach.KILLED] += 1
            return Breach.KILLED
        if self._account is not None:
            sides = [book.exposure(1), book.exposure(-1)]
            sides[0 if side > 0 else 1] += more
            worst = {other: self._worst(b, b.exposure(1), b.exposure(-1)) for other, b in self._books.items()}
            found = self._account.breach(name, worst, self._worst(book, *sides))
            if found is not None:
                book.gate.refused[found] += 1
                return found
        return book.gate.breach(order, book.position, book.exposure(side) + more, self._mids.of(name), now_ns)

    def _killed(self, book: _Book, order: Order) -> bool:
        restraint = self._restraints.get(book.coin.name)
        if restraint is None or (order.id >= OWN_IDS and order.reduce_only):
            return False
        return restraint.shut or (order.side in restraint.sides and order.side * book.position >= 0)

    def _worst(self, book: _Book, bids: int, asks: int) -> float:
        lots = worst_lots(book.position, bids, asks)
        return book.coin.qty_of(lots) * self._mids.of(book.coin.name) if lots else 0.0

    def _refuse(self, coin: str, order_id: int, side: int, code: int, qty: float, now_ns: int) -> None:
        row = np.zeros(1, dtype=EVENT)
        row["exch_ns"] = row["recv_ns"] = now_ns
        row["kind"], row["code"], row["ref"], row["side"] = ACK, code, order_id, side
        row["qty"], row["flags"] = qty, LOCAL | INFERRED
        self._refused.append(Received(coin, row, np.empty((0, 4, 1))))

    def refusals(self) -> Iterator[Received]:
        """Answers to what did not leave."""
        while self._refused:
            yield self._refused.popleft()

    def answered(self, coin: str, rows: NDArray[np.void]) -> None:
        """Answers of the matcher, as they are delivered."""
        book = self._books[coin]
        for row in rows:
            order = book.orders.get(int(row["ref"]))
            if row["kind"] == FILL:
                lots = book.coin.lots_near(float(row["qty"]))
                book.position += int(row["side"]) * lots
                if order is not None:
                    order.filled += lots
                    if order.leaves == 0:
                        del book.orders[order.id]
            elif row["kind"] == ACK and order is not None:
                if row["code"] == CANCEL_REJECTED:
                    order.replaced_by = None
                elif row["code"] != OPEN:
                    del book.orders[order.id]


def _order_of(coin: Coin, now_ns: int, action: np.void) -> Order:
    """The order of an action; one of no lots where its size is not a size."""
    qty = float(action["qty"])
    lots = coin.lots_near(qty) if math.isfinite(qty) and coin.is_whole(qty) else 0
    side, tick, tif = int(action["side"]), int(action["tick"]), int(action["tif"])
    return Order(coin.name, int(action["id"]), "", side, tick, lots, tif, bool(action["reduce_only"]), now_ns)
