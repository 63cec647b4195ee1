"""An address's budget of requests: what its traded volume entitles it to.

cap = 10000 + volume in dollars + reserved weight; cancels go on to min(cap + 100000, 2·cap). Beyond
that one action every ten seconds is let through. Refusals cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.exchange import errors
from undertow.exchange.numbers import MICRO

if TYPE_CHECKING:
    from undertow.exchange.listing import Rules


class Requests:
    """Counts of one address. ``counted_micro``: traded volume that counts toward the cap."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.used = 0
        self.reserved = 0
        self.counted_micro = 0
        self.traded_micro = 0
        self._slow_ns = -(2**62)

    @property
    def cap(self) -> int:
        """Requests allowed so far."""
        return self._rules.requests_free + self.counted_micro // MICRO + self.reserved

    @property
    def cancel_cap(self) -> int:
        """Requests allowed so far if they are cancels."""
        return min(self.cap + self._rules.cancels_extra, 2 * self.cap)

    def fault(self, count: int, cancels: bool, now_ns: int) -> str | None:
        """Charge `count` requests; or say why they are refused, and charge nothing."""
        limit = self.cancel_cap if cancels else self.cap
        if self.used + count > limit:
            if now_ns - self._slow_ns < self._rules.slow_action_ns:
                volume = f"{self.traded_micro // 10_000 / 100:.2f}"
                return errors.BUDGET.format(used=self.used + count, cap=limit, volume_usd=volume)
            self._slow_ns = now_ns
        self.used += count
        return None

    def charge(self, count: int) -> None:
        """Charge without asking (expired actions)."""
        self.used += count

    def traded(self, micro: int, counts: float) -> None:
        """`micro` of volume were traded, of which the part `counts` counts."""
        self.traded_micro += micro
        self.counted_micro += micro if counts == 1.0 else round(micro * counts)
