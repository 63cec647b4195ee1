"""``orderUpdates`` and ``openOrders``: what became of an account's orders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Event, OrderUpdate
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.orders import open_orders
from undertow.exchange.shapes import order_update
from undertow.exchange.subscriptions import Subscription


class OrderUpdates:
    """Statuses of an account's orders on all dexes: no snapshot, no user, one frame per block."""

    kinds: tuple[str, ...] = ("orderUpdates",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """Nothing."""
        return []

    def on_events(self, events: Sequence[Event]) -> None:
        """A frame may hold an order's ``open`` and its ``filled``."""
        updates = [event for event in events if isinstance(event, OrderUpdate)]
        if not updates:
            return
        for channel in self._hub.of("orderUpdates"):
            mine = (u for u in updates if u.user == channel.subscription.user)
            for _, block in groupby(mine, key=lambda update: update.time_ms):
                channel.publish(frame("orderUpdates", [order_update(update) for update in block]))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""


class OpenOrders:
    """All open orders of an account on a dex, whole, after every block that changed one."""

    kinds: tuple[str, ...] = ("openOrders",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """The open orders."""
        return [self._frame(subscription)]

    def on_events(self, events: Sequence[Event]) -> None:
        """Once for each account and dex with a changed order."""
        changed = {(e.user, e.order.coin.dex.name) for e in events if isinstance(e, OrderUpdate)}
        if not changed:
            return
        for channel in self._hub.of("openOrders"):
            subscription = channel.subscription
            if (subscription.user, subscription.fields["dex"]) in changed:
                channel.publish(self._frame(subscription))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""

    def _frame(self, subscription: Subscription) -> bytes:
        user, dex = subscription.user, subscription.fields["dex"]
        orders = open_orders(self._directory, user, dex, frontend=True)
        return frame("openOrders", {"dex": dex, "user": user, "orders": orders})
