"""Account orders resting on one coin, by level, and their place behind the background's quantity.

At a level, background quantity and account orders are served in the order they came. What the
background held when an order joined is *ahead* of it: fills take from the front, so they shorten it
one for one; withdrawals shorten it pro rata; what joins later is behind.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from undertow.exchange.numbers import divide
from undertow.exchange.orders import Order


@dataclass(slots=True)
class Level:
    """The account orders at one price, first come first; ``seen``: background steps last seen there."""

    tick: int
    seen: int
    orders: list[Order] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """What the orders have left."""
        return sum(order.left for order in self.orders)

    def look(self, now: int) -> None:
        """The background now holds `now` here, for reasons other than trades."""
        if now < self.seen:
            for order in self.orders:
                order.ahead = divide(order.ahead * now, self.seen)
        self.seen = now

    def traded(self, steps: int) -> None:
        """`steps` of the background here were filled, from the front."""
        self.seen -= steps
        for order in self.orders:
            order.ahead = max(0, order.ahead - steps)


class Side:
    """The levels of one side, best first by `best`."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.levels: dict[int, Level] = {}
        self._keys: list[int] = []  # -side·tick, ascending: best first

    def __len__(self) -> int:
        return len(self._keys)

    def best(self) -> int | None:
        """Best tick with an account order."""
        return -self.side * self._keys[0] if self._keys else None

    def ticks(self) -> list[int]:
        """All ticks, best first."""
        return [-self.side * key for key in self._keys]

    def add(self, order: Order, background: int) -> None:
        """`order` joins its level, where the background holds `background`."""
        level = self.levels.get(order.tick)
        if level is None:
            level = self.levels[order.tick] = Level(order.tick, background)
            insort(self._keys, -self.side * order.tick)
        level.look(background)
        order.ahead = background
        level.orders.append(order)
        order.resting = True

    def overtake(self, order: Order, since_ns: int) -> None:
        """A paid order passes those behind it in priority that are younger than `since_ns`."""
        orders = self.levels[order.tick].orders
        at = len(orders) - 1
        while at > 0 and orders[at - 1].priority < order.priority and orders[at - 1].time_ns > since_ns:
            at -= 1
        if at < len(orders) - 1:
            order.ahead = orders[at].ahead
            orders.remove(order)
            orders.insert(at, order)

    def remove(self, order: Order) -> None:
        """`order` leaves the book."""
        level = self.levels[order.tick]
        level.orders.remove(order)
        order.resting = False
        if not level.orders:
            del self.levels[order.tick]
            key = -self.side * order.tick
            self._keys.pop(bisect_left(self._keys, key))


class Resting:
    """Both sides. ``version`` counts changes of the set of levels."""

    def __init__(self) -> None:
        self.bids, self.asks = Side(1), Side(-1)
        self._watched: tuple[list[Level], NDArray[np.int64]] | None = None

    def of(self, side: int) -> Side:
        """The orders of `side`."""
        return self.bids if side > 0 else self.asks

    def empty(self) -> bool:
        """Whether no account order rests here."""
        return not self.bids._keys and not self.asks._keys

    def add(self, order: Order, background: int) -> None:
        """See `Side.add`."""
        self._watched = None
        self.of(order.side).add(order, background)

    def remove(self, order: Order) -> None:
        """See `Side.remove`."""
        self._watched = None
        self.of(order.side).remove(order)

    def watched(self) -> tuple[list[Level], NDArray[np.int64]]:
        """All levels, and their (side, tick) as an array of shape (n, 2)."""
        if self._watched is None:
            pairs = [(s.side, level) for s in (self.bids, self.asks) for level in s.levels.values()]
            where = np.array([(side, level.tick) for side, level in pairs], np.int64).reshape(-1, 2)
            self._watched = [level for _, level in pairs], where
        return self._watched

    def orders(self) -> Iterator[Order]:
        """Every order, bids before asks, best first, in time order."""
        for side in (self.bids, self.asks):
            for tick in side.ticks():
                yield from side.levels[tick].orders
