"""``userFills``, ``userEvents`` (on channel ``user``) and ``notification``: an account's trades and blows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Event, Fill, FundingPaid, Liquidated, NonUserCancel
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.history import fills_of
from undertow.exchange.numbers import plain, usd
from undertow.exchange.shapes import aggregated, fill, funding
from undertow.exchange.subscriptions import Subscription


def blocks(events: Iterable[Fill]) -> list[list[Fill]]:
    """Fills grouped by the block they fell in."""
    return [list(group) for _, group in groupby(events, key=lambda event: event.time_ms)]


class UserFills:
    """Fills: a snapshot first, flagged ``isSnapshot``; afterwards the flag is absent."""

    kinds: tuple[str, ...] = ("userFills",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """The latest fills, newest first."""
        user, merge = subscription.user, subscription.fields["aggregateByTime"]
        fills = fills_of(self._directory, user, aggregate=merge)
        return [frame("userFills", {"isSnapshot": True, "user": user, "fills": fills})]

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame per block with fills."""
        fills = [event for event in events if isinstance(event, Fill)]
        if not fills:
            return
        for channel in self._hub.of("userFills"):
            subscription = channel.subscription
            for block in blocks(e for e in fills if e.user == subscription.user):
                shapes = [fill(event) for event in block]
                if subscription.fields["aggregateByTime"]:
                    shapes = aggregated(shapes, block)
                channel.publish(frame("userFills", {"user": subscription.user, "fills": shapes}))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""


class UserEvents:
    """Fills, funding, liquidations and cancels by the exchange, on the channel named ``user``."""

    kinds: tuple[str, ...] = ("userEvents",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """Nothing."""
        return []

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame for the fills of a block, one for each other event, in their order."""
        for channel in self._hub.of("userEvents"):
            user = channel.subscription.user
            mine = [e for e in events if getattr(e, "user", "") == user]
            for kind, group in groupby(mine, key=lambda e: (type(e), e.time_ms)):
                for data in _user_data(kind[0], list(group)):
                    channel.publish(frame("user", data))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""


def _user_data(kind: type, events: list[Any]) -> list[dict[str, Any]]:
    if kind is Fill:
        return [{"fills": [fill(event) for event in events]}]
    if kind is FundingPaid:
        return [{"funding": funding(event)} for event in events]
    if kind is NonUserCancel:
        return [{"nonUserCancel": [{"coin": event.coin.name, "oid": event.oid} for event in events]}]
    if kind is Liquidated:
        return [{"liquidation": _liquidation(event)} for event in events]
    return []


def _liquidation(event: Liquidated) -> dict[str, Any]:
    return {
        "lid": event.lid,
        "liquidator": event.liquidator,
        "liquidated_user": event.user,
        "liquidated_ntl_pos": usd(event.notional_micro),
        "liquidated_account_value": usd(event.value_micro),
    }


class Notifications:
    """A sentence for a person: a resting order of theirs was filled."""

    kinds: tuple[str, ...] = ("notification",)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """Nothing."""
        return []

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame per fill of a resting order."""
        fills = [event for event in events if isinstance(event, Fill) and not event.crossed]
        for channel in self._hub.of("notification") if fills else ():
            for event in fills:
                if event.user == channel.subscription.user:
                    channel.publish(frame("notification", {"notification": sentence(event)}))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""


def sentence(event: Fill) -> str:
    """What the notification of a fill says."""
    coin = event.coin
    done = "Bought" if event.side > 0 else "Sold"
    size = plain(event.steps, coin.sz_decimals)
    price = plain(event.tick, coin.px_decimals)
    return f"Resting order filled: {done} {size} {coin.name} at ${price}"
