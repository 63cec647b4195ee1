"""What a connection brings, to whom it concerns: market data to the makers, the account's to the orders."""

from __future__ import annotations

from undertow.clock import Clock
from undertow.monitor.facts import Connection as LinkFacts
from undertow.trading.session import LiveSession
from undertow.venue.account_feed import AccountFeed
from undertow.venue.connection import Connection
from undertow.venue.feed import MarketFeed
from undertow.venue.wire.frames import Frame
from undertow.venue.wire.subscriptions import Subscription


class Streams:
    """The listener of a session's one connection. `facts` is kept for the screen."""

    def __init__(
        self,
        feed: MarketFeed,
        session: LiveSession,
        account: AccountFeed | None,
        facts: LinkFacts,
        clock: Clock,
    ) -> None:
        self._feed, self._session, self._account = feed, session, account
        self._facts, self._clock = facts, clock
        self._stale: dict[tuple[str, int], bool] = {}
        self.quarantined: dict[Subscription, str] = {}

    def subscribe(self, connection: Connection) -> None:
        """Ask `connection` for everything that is wanted."""
        connection.subscribe(*self._feed.subscriptions())
        if self._account is not None:
            connection.subscribe(*self._account.subscriptions())

    def on_up(self, epoch: int, now_ns: int) -> None:
        """Every subscription stands."""
        self._facts.state, self._facts.since_ns = "up", now_ns
        self._facts.attempt, self._facts.note = 0, ""
        self._facts.reconnects = epoch - 1
        if self._account is not None:
            self._account.on_up(epoch, now_ns)

    def on_down(self, reason: str, now_ns: int) -> None:
        """What was known no longer holds."""
        self._facts.state, self._facts.since_ns = "down", now_ns
        self._facts.attempt, self._facts.note = self._facts.attempt + 1, reason
        self._feed.on_down()
        self.look(now_ns)
        if self._account is not None:
            self._account.on_down(reason, now_ns)

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        """One message."""
        received = self._feed.take(frame, recv_ns)
        for message in received:
            self._session.deliver(message)
        if not received and self._account is not None:
            self._account.on_frame(frame, recv_ns)

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        """The venue will not have one of the subscriptions."""
        self.quarantined[subscription] = reason
        self._facts.note = f"{subscription}: {reason}"
        if self._account is not None:
            self._account.on_quarantined(subscription, reason)

    def look(self, now_ns: int) -> None:
        """Tell the session which sides are stale; called a few times a second."""
        for coin in self._feed.coins:
            for side in (1, -1):
                stale = self._feed.stale(coin, side, now_ns) is not None
                if stale != self._stale.get((coin, side), False):
                    self._stale[coin, side] = stale
                    self._session.set_stale(coin, stale, side)
