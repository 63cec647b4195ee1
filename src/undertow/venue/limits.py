"""Limits per IP: weight of HTTP requests, websockets, what is sent over them.

Counted on our side so that none is ever hit; the local exchange enforces the same. Times come from
the caller, in ns. Source: Hyperliquid docs, "Rate limits and user limits".
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from undertow.venue.wire.actions import Action, batch_size

MINUTE_NS: Final = 60_000_000_000
IP_WEIGHT_PER_MINUTE: Final = 1200
MAX_CONNECTIONS: Final = 10
MAX_NEW_CONNECTIONS_PER_MINUTE: Final = 30
MAX_SUBSCRIPTIONS: Final = 1000
MAX_USERS: Final = 10
MAX_MESSAGES_PER_MINUTE: Final = 2000
MAX_INFLIGHT_POSTS: Final = 100


def action_weight(members: int) -> int:
    """Weight per IP of an action of `members` orders or cancels."""
    return 1 + members // 40


def weight_of(action: Action) -> int:
    """Weight per IP of an action."""
    return action_weight(batch_size(action))


class SlidingWindow:
    """Amounts spent over the last `window_ns`, against a limit."""

    def __init__(self, limit: int, window_ns: int = MINUTE_NS) -> None:
        if limit <= 0 or window_ns <= 0:
            raise ValueError(f"limit = {limit} and window_ns = {window_ns} must be positive")
        self.limit, self._window_ns = limit, window_ns
        self._spent: deque[tuple[int, int]] = deque()
        self._total = 0

    def _forget(self, now_ns: int) -> None:
        while self._spent and self._spent[0][0] <= now_ns - self._window_ns:
            self._total -= self._spent.popleft()[1]

    def left(self, now_ns: int) -> int:
        """What may still be spent now; negative where more was spent than allowed."""
        self._forget(now_ns)
        return self.limit - self._total

    def spend(self, amount: int, now_ns: int) -> None:
        """Note that `amount` was spent now, whether allowed or not."""
        self._forget(now_ns)
        if self._spent and self._spent[-1][0] >= now_ns:
            when, before = self._spent.pop()
            self._spent.append((when, before + amount))
        else:
            self._spent.append((now_ns, amount))
        self._total += amount

    def take(self, amount: int, now_ns: int) -> bool:
        """Spend `amount` if that is allowed; whether it was."""
        if amount > self.left(now_ns):
            return False
        self.spend(amount, now_ns)
        return True

    def wait_ns(self, amount: int, now_ns: int) -> int:
        """Nanoseconds until `amount` may be spent: 0 if now.

        Raises `ValueError` where `amount` is above the limit itself.
        """
        if amount > self.limit:
            raise ValueError(f"{amount} can never be spent: the limit is {self.limit}")
        missing = amount - self.left(now_ns)
        for when, spent in self._spent:
            if missing <= 0:
                break
            missing -= spent
            wait = when + self._window_ns - now_ns
            if missing <= 0:
                return wait
        return 0


class IpWeight(SlidingWindow):
    """The weight of HTTP requests: 1200 a minute per IP."""

    def __init__(self, limit: int = IP_WEIGHT_PER_MINUTE) -> None:
        super().__init__(limit)


class SocketLimits:
    """What an IP may do by websocket. Each ``may_...`` only asks; the verbs note what was done."""

    def __init__(self) -> None:
        self.connections = 0
        self.inflight_posts = 0
        self._subscriptions = 0
        self._users: Counter[str] = Counter()
        self._opened = SlidingWindow(MAX_NEW_CONNECTIONS_PER_MINUTE)
        self._messages = SlidingWindow(MAX_MESSAGES_PER_MINUTE)

    @property
    def subscriptions(self) -> int:
        """Subscriptions standing."""
        return self._subscriptions

    @property
    def users(self) -> int:
        """Different accounts subscribed to."""
        return len(self._users)

    def connect_wait_ns(self, now_ns: int) -> int | None:
        """Nanoseconds until a socket may be opened; None while too many are open."""
        return None if self.connections >= MAX_CONNECTIONS else self._opened.wait_ns(1, now_ns)

    def opened(self, now_ns: int) -> None:
        """A socket was opened (or tried)."""
        self.connections += 1
        self._opened.spend(1, now_ns)

    def closed(self) -> None:
        """A socket is gone."""
        self.connections = max(0, self.connections - 1)

    def may_subscribe(self, user: str | None = None) -> bool:
        """Whether another subscription (about `user`) is allowed."""
        known = user is None or user.lower() in self._users
        return self._subscriptions < MAX_SUBSCRIPTIONS and (known or self.users < MAX_USERS)

    def subscribed(self, user: str | None = None) -> None:
        """A subscription stands."""
        self._subscriptions += 1
        if user is not None:
            self._users[user.lower()] += 1

    def unsubscribed(self, user: str | None = None) -> None:
        """A subscription ended."""
        self._subscriptions = max(0, self._subscriptions - 1)
        if user is None:
            return
        self._users[user.lower()] -= 1
        if self._users[user.lower()] <= 0:
            del self._users[user.lower()]

    def message_wait_ns(self, now_ns: int) -> int:
        """Nanoseconds until a message may be sent."""
        return self._messages.wait_ns(1, now_ns)

    def sent(self, now_ns: int) -> None:
        """A message was sent."""
        self._messages.spend(1, now_ns)

    def may_post(self) -> bool:
        """Whether another request may be posted before an answer comes."""
        return self.inflight_posts < MAX_INFLIGHT_POSTS

    def posted(self) -> None:
        """A request was posted."""
        self.inflight_posts += 1

    def answered(self) -> None:
        """A posted request was answered, or its socket is gone."""
        self.inflight_posts = max(0, self.inflight_posts - 1)
