"""The session's links to the venue: market data to the makers, the account's stream to the orders.

They are connections of their own, so that what ends one leaves the other. Which sides are stale the
session asks the feed itself, at every timer; a lost connection is told at once. `look` is for the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from undertow.monitor.facts import Connection as LinkFacts
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.session import LiveSession
from undertow.units import NS_PER_S
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.connection import Connection
from undertow.venue.feed import MarketFeed
from undertow.venue.market_data import MarketData
from undertow.venue.wire.subscriptions import Subscription

BLIND_S: Final = 3.0
"""So long the account's stream may be down before growing quotes are pulled, as where a book is silent."""


class Links:
    """Market data of `feed` to `session`; the stream of `account` to `orders` (both None: paper)."""

    def __init__(
        self,
        client: VenueClient,
        feed: MarketFeed,
        session: LiveSession,
        account: AccountFeed | None,
        facts: LinkFacts,
        orders: VenueExecution | None = None,
    ) -> None:
        self._feed, self._session, self._account, self._facts = feed, session, account, facts
        self._market = MarketData(client, feed, session.deliver, on_lost=self._lost, on_back=self._back)
        self._stream: Connection | None = None
        self._orders, self._blind_ns = orders, 0
        if account is not None:
            self._stream = client.connection(account)
            self._stream.subscribe(*account.subscriptions())

    @property
    def is_up(self) -> bool:
        """Whether every connection is up, and nothing of the account is missing."""
        account = self._account is None or self._account.is_complete
        return self._market.is_up and account

    @property
    def quarantined(self) -> dict[Subscription, str]:
        """Subscriptions the venue will not have, and why."""
        account = {} if self._account is None else self._account.quarantined
        return self._market.quarantined | account

    def start(self) -> None:
        """Connect, on the running event loop."""
        self._market.start()
        if self._stream is not None:
            self._stream.start()

    async def close(self) -> None:
        """Disconnect for good."""
        if self._account is not None:
            await self._account.close()
        if self._stream is not None:
            await self._stream.close()
        await self._market.close()

    def look(self, now_ns: int) -> None:
        """How the links stand, and whether the account can be seen: a session that cannot grows nothing."""
        blind = self._session.gate.blind = self._orders is not None and self._orders.is_blind
        self._blind_ns = (self._blind_ns or now_ns) if blind else 0
        self._note(now_ns)

    def _back(self) -> None:
        """A market connection stands: requests may well get through again too."""
        if self._orders is not None:
            self._orders.hurry()

    def stale(self, coin: str, side: int, now_ns: int) -> str | None:
        """Why growing quotes of a side may not stand: the feed's reason, or an account long unseen."""
        reason = self._feed.stale(coin, side, now_ns)
        if reason is None and self._blind_ns and now_ns - self._blind_ns > BLIND_S * NS_PER_S:
            return "the account's stream is down"
        return reason

    def _lost(self, coins: Sequence[str], reason: str) -> None:
        """A market connection is gone: its coins are stale at once."""
        self._facts.note = reason
        for coin in coins:
            self._session.set_stale(coin, True)

    def _note(self, now_ns: int) -> None:
        facts, connections = self._facts, list(self._market.connections)
        if self._stream is not None:
            connections.append(self._stream)
        down = next((c for c in connections if not c.is_up), None)
        waiting = self._account is not None and not self._account.is_complete
        state = "up" if down is None and not waiting else "recovering" if down is None else "down"
        if down is not None and max(c.epoch for c in connections) <= 1:
            state = "connecting"
        if state != facts.state:
            facts.state, facts.since_ns = state, now_ns  # type: ignore[assignment]
            if state == "up":
                facts.attempt, facts.note = 0, ""
        if down is not None:
            facts.note = down.reason
        facts.reconnects = sum(max(c.epoch - 1, 0) for c in connections)
        refused = self.quarantined
        if refused:
            subscription, reason = next(iter(refused.items()))
            facts.note = f"{subscription}: {reason}"


async def settled(links: Links, seconds: float) -> bool:
    """Wait up to `seconds` until every link is up; whether it is."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not links.is_up and loop.time() < until:
        await asyncio.sleep(0.05)
    return links.is_up
