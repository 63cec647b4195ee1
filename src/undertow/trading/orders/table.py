"""The own-order table: by the desk's id, by the venue's oid, by cloid; what stands and what lately stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from undertow.trading.orders.cloid import OrderName, cloid_of, name_of
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.order import Order, State

RECENT: Final = 4096
"""Orders remembered after their end, for reports that come late."""


class Table:
    """Own orders of one session (a number of 32 bits that names it on every cloid)."""

    def __init__(self, session: int, coins: Coins) -> None:
        self.session, self.coins = session, coins
        self._live: dict[str, dict[int, Order]] = {name: {} for name in coins.by_name}
        self._recent: dict[tuple[str, int], Order] = {}
        self._by_oid: dict[int, Order] = {}

    def cloid(self, coin: str, order_id: int) -> str:
        """The cloid of the order the desk of `coin` calls `order_id`."""
        return cloid_of(OrderName(self.session, self.coins.by_name[coin].asset, order_id))

    def add(self, order: Order) -> None:
        """A new order. Raises ValueError where its id is taken."""
        if self.get(order.coin, order.id) is not None:
            raise ValueError(f"order {order.coin}#{order.id} exists already")
        self._live[order.coin][order.id] = order
        self.index(order)

    def index(self, order: Order) -> None:
        """Find `order` by its oid from now on, where it has one."""
        if order.oid:
            self._by_oid[order.oid] = order

    def get(self, coin: str, order_id: int) -> Order | None:
        """The order the desk calls `order_id`, as long as it is remembered."""
        live = self._live.get(coin)
        if live is None:
            return None
        return live.get(order_id) or self._recent.get((coin, order_id))

    def find(self, oid: int, cloid: str | None) -> Order | None:
        """The order a report of the venue is about; None where it is not one of this session's.

        A cloid outlives a modify where the venue keeps it: a report of an oid that is not the order's is
        then about the one that takes its place.
        """
        known = self._by_oid.get(oid)
        if known is not None:
            return known
        name = name_of(cloid)
        if name is None or name.session != self.session or name.asset not in self.coins.by_asset:
            return None
        order = self.get(self.coins.by_asset[name.asset].name, name.order_id)
        while order is not None and order.oid not in (0, oid):
            order = None if order.replaced_by is None else self.get(order.coin, order.replaced_by)
        return order

    def names(self, cloid: str | None) -> tuple[str, int] | None:
        """Coin and id of an order of this session by its cloid, whether or not it is remembered."""
        name = name_of(cloid)
        if name is None or name.session != self.session or name.asset not in self.coins.by_asset:
            return None
        return self.coins.by_asset[name.asset].name, name.order_id

    def standing(self, coin: str | None = None) -> Iterator[Order]:
        """Orders that have not ended, or whose last fills are not booked, oldest first, coin by coin."""
        for live in [self._live[coin]] if coin is not None else list(self._live.values()):
            yield from list(live.values())

    def open_orders(self, coin: str | None = None) -> list[Order]:
        """Orders that have not ended, as far as is known."""
        return [order for order in self.standing(coin) if not order.over]

    def retire(self, order: Order) -> None:
        """`order` has ended and the maker was told: remember it for a while only."""
        live = self._live[order.coin]
        if live.pop(order.id, None) is None:
            return
        self._recent[order.coin, order.id] = order
        if len(self._recent) > RECENT:
            oldest = self._recent.pop(next(iter(self._recent)))
            self._by_oid.pop(oldest.oid, None)

    def exposure(self, coin: str, side: int) -> int:
        """Lots on a side that could still fill or have filled unbooked.

        An order being replaced and the one that replaces it are never both in the book: the larger counts.
        """
        total = 0
        live = self._live[coin]
        for order in live.values():
            if order.side != side:
                continue
            successor = None if order.replaced_by is None else live.get(order.replaced_by)
            if successor is None or successor.over or order.over:
                total += order.leaves
            else:
                total += max(order.leaves - successor.leaves, 0)
        return total

    def in_state(self, *states: State) -> list[Order]:
        """Standing orders in one of `states`."""
        return [order for order in self.standing() if order.state in states]
