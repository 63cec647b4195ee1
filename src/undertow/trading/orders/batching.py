"""Actions of one decision made into as few signed requests as the venue's rules allow.

A block takes cancels and post-only orders before everything else, but only requests that hold nothing else:
so cancels (prioritised), modifies, post-only orders and takers go apart, in this order. A modify is sent in
its post-only form. No request holds more than `MOST`; each 40 entries weigh one more on the IP's budget.
Source: Hyperliquid docs, "Optimizing latency", "Exchange endpoint", "Rate limits".
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple, TypeVar

from undertow.kernel.desk import GTC, IOC, POST_ONLY
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.order import Order
from undertow.venue.wire import actions as wire

T = TypeVar("T")

_KINDS: Final = {POST_ONLY: wire.ALO, GTC: wire.GTC, IOC: wire.IOC}
MOST: Final = 160
"""Entries of one request: the venue refuses a whole request of more than 200 cancels."""


class Deed(IntEnum):
    """What a request does, in the order in which requests of one decision leave."""

    CANCEL = 1
    """By oid, prioritised."""
    CANCEL_BY_CLOID = 2
    MODIFY = 3
    PLACE = 4
    """Post-only orders."""
    TAKE = 5
    """Orders that may trade at once."""


class Batch(NamedTuple):
    """One request. ``orders``: to cancel, or to place; ``targets``: the oids a modify replaces."""

    deed: Deed
    orders: tuple[Order, ...]
    targets: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        """Weight on the IP's budget."""
        return 1 + len(self.orders) // 40

    @property
    def requests(self) -> int:
        """Requests it counts as on the address's budget."""
        return len(self.orders)


def batches(cancels: list[Order], modifies: list[tuple[Order, Order]], news: list[Order]) -> list[Batch]:
    """Requests for `cancels`, `modifies` (old, new) and `news`, in the order in which they should leave."""
    out = cancel_batches(cancels)
    for part in _parts(modifies):
        new = tuple(pair[1] for pair in part)
        out.append(Batch(Deed.MODIFY, new, tuple(pair[0].oid for pair in part)))
    for deed, wanted in ((Deed.PLACE, True), (Deed.TAKE, False)):
        chosen = [order for order in news if (order.tif == POST_ONLY) == wanted]
        out += [Batch(deed, tuple(part)) for part in _parts(chosen)]
    return out


def cancel_batches(orders: list[Order]) -> list[Batch]:
    """Requests that cancel `orders`: by oid where it is known, else by cloid."""
    out = [Batch(Deed.CANCEL, tuple(part)) for part in _parts([order for order in orders if order.oid])]
    by_cloid = [order for order in orders if not order.oid]
    return out + [Batch(Deed.CANCEL_BY_CLOID, tuple(part)) for part in _parts(by_cloid)]


def _parts(items: list[T]) -> list[list[T]]:
    """`items` in parts of at most `MOST`."""
    return [items[at : at + MOST] for at in range(0, len(items), MOST)]


def action_of(batch: Batch, coins: Coins) -> wire.Action:
    """`batch` as the action that is signed and sent: optional keys left out, never false."""
    if batch.deed == Deed.CANCEL:
        oids = [wire.CancelSpec(coins.by_name[o.coin].asset, o.oid) for o in batch.orders]
        return wire.Cancel(oids, fast=True)
    if batch.deed == Deed.CANCEL_BY_CLOID:
        cloids = [wire.CancelByCloidSpec(coins.by_name[o.coin].asset, o.cloid) for o in batch.orders]
        return wire.CancelByCloid(cloids, fast=True)
    specs = [_spec(order, coins) for order in batch.orders]
    if batch.deed == Deed.MODIFY:
        pairs = zip(batch.targets, specs, strict=True)
        return wire.BatchModify([wire.ModifySpec(oid, spec) for oid, spec in pairs])
    return wire.PlaceOrders(specs)


def _spec(order: Order, coins: Coins) -> wire.OrderSpec:
    coin = coins.by_name[order.coin]
    return wire.order_spec(
        coin.asset,
        order.side,
        coin.price(order.tick),
        coin.size(order.lots),
        _KINDS[order.tif],
        reduce_only=order.reduce_only,
        cloid=order.cloid,
    )
