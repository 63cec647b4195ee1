"""The request budget of an address: 10000 requests and one more per USD ever traded.

Every order and cancel of a batch counts one. Cancels have a larger allowance, so that orders can be
pulled when the budget is gone; then one action per ten seconds passes, and a refusal costs nothing.
Between two readings of ``userRateLimit`` the budget is predicted from what was sent and traded.
Source: Hyperliquid docs, "Rate limits and user limits"; the pace of a spent budget as recorded.
"""

from __future__ import annotations

import math
from typing import Final

from undertow.venue.wire.actions import Action, Cancel, CancelByCloid, batch_size
from undertow.venue.wire.info_replies import UserRateLimit

INITIAL: Final = 10_000
CANCELS_MORE: Final = 100_000
SPENT_PACE_NS: Final = 10_000_000_000


def cancel_cap(cap: int) -> int:
    """Allowance of cancels where that of orders is `cap`: min(cap + 100000, 2 cap)."""
    return min(cap + CANCELS_MORE, 2 * cap)


class RequestBudget:
    """What an address has used of its budget and has left: read from the exchange, predicted between.

    ``used`` counts orders and cancels since the address exists; ``cap`` grows with ``traded``.
    """

    def __init__(self, volume_usd: float = 0.0, used: int = 0) -> None:
        """`volume_usd`: traded ever; the address is new by default."""
        self._volume_usd, self._cap_more = volume_usd, float(INITIAL)
        self.used = used
        self._surplus = 0
        self._last_passed_ns: int | None = None

    @property
    def cap(self) -> int:
        """Requests allowed: 10000 + volume (or as last read, grown since), bought ones included."""
        return math.floor(self._cap_more + self._volume_usd + 1e-6) + self._surplus

    @property
    def left(self) -> int:
        """Orders that may still be sent; never negative."""
        return max(0, self.cap - self.used)

    @property
    def cancels_left(self) -> int:
        """Cancels that may still be sent; never negative."""
        return max(0, cancel_cap(self.cap) - self.used)

    @property
    def volume_usd(self) -> float:
        """Volume traded ever, USD, as read and grown since."""
        return self._volume_usd

    def read(self, reply: UserRateLimit, unconfirmed: int = 0) -> None:
        """Take the exchange's own figures.

        `unconfirmed`: requests sent of which no answer had come when this was asked for; they may
        not be in it and are added.
        """
        self._volume_usd = reply.cum_vlm
        self._cap_more = reply.n_requests_cap - reply.cum_vlm
        self._surplus = reply.n_requests_surplus  # bought and not yet used; 0 while used > 0
        self.used = reply.n_requests_used + unconfirmed

    def traded(self, notional_usd: float, credit: float = 1.0) -> None:
        """A fill of `notional_usd`, of which the part `credit` counts (growth mode counts less)."""
        self._volume_usd += notional_usd * credit

    def bought(self, requests: int) -> None:
        """`requests` more were reserved."""
        self._surplus += requests

    def sent(self, action: Action, now_ns: int) -> None:
        """An action went out."""
        self.spend(batch_size(action), now_ns)

    def spend(self, members: int, now_ns: int) -> None:
        """`members` orders or cancels went out."""
        self.used += members
        self._last_passed_ns = now_ns

    def refused(self, members: int) -> None:
        """The exchange refused them for the budget: they cost nothing (but the pace is kept)."""
        self.used = max(0, self.used - members)

    def corrected(self, used: int, cap: int) -> None:
        """Take the figures of a refusal: ``Too many cumulative requests sent (used > cap)``."""
        self.used, self._surplus = used, 0
        self._cap_more = cap - self._volume_usd

    def wait_ns(self, action: Action, now_ns: int) -> int:
        """Nanoseconds until the exchange would take `action`: 0 where the budget allows it."""
        return self.wait_for_ns(batch_size(action), isinstance(action, Cancel | CancelByCloid), now_ns)

    def wait_for_ns(self, members: int, cancels: bool, now_ns: int) -> int:
        """`wait_ns` of an action of `members` orders or `cancels`.

        A spent budget lets one action pass per ten seconds, whatever it holds.
        """
        if members <= (self.cancels_left if cancels else self.left) or self._last_passed_ns is None:
            return 0
        return max(0, self._last_passed_ns + SPENT_PACE_NS - now_ns)
