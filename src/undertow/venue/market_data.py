"""Market data that stay up: a `MarketFeed` on its connections, rows handed on as they come.

Coins are spread over connections (a coin's subscriptions stay together), so that what kills one
socket takes few coins with it. A guard looks after subscriptions that go silent on a socket that
lives: they are renewed, and then the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from undertow.venue.client import VenueClient
from undertow.venue.connection import ConnectionSettings, Tap
from undertow.venue.feed import MarketFeed
from undertow.venue.limits import MAX_CONNECTIONS, MAX_SUBSCRIPTIONS
from undertow.venue.received import Deliver
from undertow.venue.wire.frames import Frame
from undertow.venue.wire.subscriptions import Subscription, coin_of

_GUARD_S: Final = 1.0
_PATIENCE_S: Final = 5.0
"""How long a renewed subscription has to speak before its socket is given up."""
_MOST_MARKET_CONNECTIONS: Final = MAX_CONNECTIONS - 4
"""Others need some: the account, orders, a second process on the machine."""

OnUp = Callable[[int], None]


class _Group:
    """The coins of one connection (`StreamListener`)."""

    def __init__(self, owner: MarketData, coins: Sequence[str]) -> None:
        self._owner, self.coins = owner, tuple(coins)
        self.renewed: dict[Subscription, float] = {}

    def on_up(self, epoch: int, now_ns: int) -> None:
        self.renewed.clear()
        self._owner.up()

    def on_down(self, reason: str, now_ns: int) -> None:
        self._owner.feed.on_down(self.coins)
        self._owner.down(self.coins, reason)

    def on_stall(self, seconds: float, now_ns: int) -> None:
        """Books come whole: what was missed of them is in the next."""

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        self._owner.take(frame, recv_ns)

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        self._owner.quarantined[subscription] = reason


class MarketData:
    """Feeds `deliver` with the rows of `feed`'s coins.

    `coins_per_connection`: the venue allows 10 connections and 1000 subscriptions per IP address.
    `on_lost(coins, reason)` is told when a connection is lost, `on_back` when one stands. Raises ValueError
    where the limits cannot be kept.
    """

    def __init__(
        self,
        client: VenueClient,
        feed: MarketFeed,
        deliver: Deliver,
        *,
        coins_per_connection: int = 10,
        settings: ConnectionSettings | None = None,
        tap: Tap | None = None,
        on_lost: Callable[[Sequence[str], str], None] | None = None,
        on_back: Callable[[], None] | None = None,
    ) -> None:
        wanted = feed.subscriptions()
        if len(wanted) > MAX_SUBSCRIPTIONS:
            raise ValueError(
                f"coins = {len(feed.coins)} need {len(wanted)} subscriptions; the venue allows"
                f" {MAX_SUBSCRIPTIONS} per address: trade fewer coins"
            )
        self.feed, self._deliver, self._on_lost = feed, deliver, on_lost
        self._on_back = on_back
        self.quarantined: dict[Subscription, str] = {}
        """Subscriptions the venue will not have, and why: their coins cannot be traded."""
        size = max(coins_per_connection, -(-len(feed.coins) // _MOST_MARKET_CONNECTIONS))
        self._groups = [_Group(self, feed.coins[at : at + size]) for at in range(0, len(feed.coins), size)]
        self.connections = [client.connection(g, settings=settings, tap=tap) for g in self._groups]
        for group, connection in zip(self._groups, self.connections, strict=True):
            mine = set(group.coins)
            connection.subscribe(*(s for s in wanted if coin_of(s) in mine))
        self._subscribe_references(wanted)
        self._guarding: asyncio.TimerHandle | None = None
        self._clock = client.clock

    @property
    def is_up(self) -> bool:
        """Whether every connection is up."""
        return all(connection.is_up for connection in self.connections)

    def start(self) -> None:
        """Connect, on the running event loop."""
        for connection in self.connections:
            connection.start()
        self._guarding = asyncio.get_running_loop().call_later(_GUARD_S, self._guard)

    async def close(self) -> None:
        """Disconnect for good."""
        if self._guarding is not None:
            self._guarding.cancel()
        await asyncio.gather(*(connection.close() for connection in self.connections))

    def take(self, frame: Frame, recv_ns: int) -> None:
        """One message of any connection."""
        for received in self.feed.take(frame, recv_ns):
            self._deliver(received)

    def up(self) -> None:
        """A connection stands again."""
        if self._on_back is not None:
            self._on_back()

    def down(self, coins: Sequence[str], reason: str) -> None:
        """The connection of `coins` is lost."""
        if self._on_lost is not None:
            self._on_lost(coins, reason)

    def _subscribe_references(self, wanted: Sequence[Subscription]) -> None:
        """References that are not traded go to the first connection with a coin that follows them."""
        traded = set(self.feed.coins)
        for subscription in wanted:
            other = coin_of(subscription)
            if other in traded:
                continue
            for group, connection in zip(self._groups, self.connections, strict=True):
                if any(other in self.feed.references.get(coin, ()) for coin in group.coins):
                    connection.subscribe(subscription)
                    break

    def _guard(self) -> None:
        """Once a second: renew what is silent, give up a socket on which that did not help."""
        loop = asyncio.get_running_loop()
        self._guarding = loop.call_later(_GUARD_S, self._guard)
        silent = self.feed.silent(self._clock.now_ns())
        for group, connection in zip(self._groups, self.connections, strict=True):
            mine = [s for s in silent if coin_of(s) in group.coins]
            if not connection.is_up:
                continue
            for old in [s for s in group.renewed if s not in mine]:
                del group.renewed[old]
            for subscription in mine:
                since = group.renewed.get(subscription)
                if since is None:
                    group.renewed[subscription] = loop.time()
                    connection.renew(subscription)
                elif loop.time() - since > _PATIENCE_S:
                    group.renewed.clear()
                    connection.restart(f"{coin_of(subscription)}: the book stays silent")
                    break
