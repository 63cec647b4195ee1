"""What one IP address may do in a minute: requests by weight, messages, connections, subscriptions, users.

Figures: Hyperliquid docs, "Rate limits and user limits" (facts, section 2).
"""

from __future__ import annotations

from collections import deque

WEIGHT_PER_MINUTE = 1200
CONNECTIONS = 10
NEW_CONNECTIONS_PER_MINUTE = 30
SUBSCRIPTIONS = 1000
USERS = 10
MESSAGES_PER_MINUTE = 2000
INFLIGHT_POSTS = 100
MINUTE_NS = 60_000_000_000


class Window:
    """How much was spent in the last minute, against a limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self._spent = limit, 0
        self._entries: deque[tuple[int, int]] = deque()

    def spend(self, amount: int, now_ns: int) -> bool:
        """Spend `amount` at `now_ns` if the minute still allows it; False where it does not."""
        self._forget(now_ns)
        if self._spent + amount > self._limit:
            return False
        self.charge(amount, now_ns)
        return True

    def charge(self, amount: int, now_ns: int) -> None:
        """Spend `amount` whatever the limit: what a reply turned out to weigh."""
        self._forget(now_ns)
        self._entries.append((now_ns, amount))
        self._spent += amount

    def _forget(self, now_ns: int) -> None:
        while self._entries and self._entries[0][0] <= now_ns - MINUTE_NS:
            self._spent -= self._entries.popleft()[1]


class Peer:
    """One IP address: its windows and what it holds open."""

    def __init__(self) -> None:
        self.weight = Window(WEIGHT_PER_MINUTE)
        self.messages = Window(MESSAGES_PER_MINUTE)
        self.new_connections = Window(NEW_CONNECTIONS_PER_MINUTE)
        self.connections = 0
        self.subscriptions = 0
        self.inflight_posts = 0
        self.users: dict[str, int] = {}
        """Subscriptions held open per user address."""

    def may_track(self, user: str) -> bool:
        """Whether a subscription for `user` stays within the ten users of an address."""
        return user in self.users or len(self.users) < USERS

    def track(self, user: str) -> None:
        """Count one more subscription for `user`."""
        self.users[user] = self.users.get(user, 0) + 1

    def forget(self, user: str) -> None:
        """Count one fewer."""
        left = self.users[user] - 1
        if left:
            self.users[user] = left
        else:
            del self.users[user]

    def may_connect(self, now_ns: int) -> bool:
        """Whether one more socket may open now; counts the attempt against the minute."""
        return self.new_connections.spend(1, now_ns) and self.connections < CONNECTIONS


class Peers:
    """All addresses that were heard of."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def of(self, address: str) -> Peer:
        """The peer at an address."""
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = Peer()
        return peer
