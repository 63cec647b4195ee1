"""Limits at the point of sending, which no model can argue with.

Whatever a maker asks for, an order leaves only if the position plus everything on its side that could still
fill stays within the limit, its value is not too large, its price is near the market, and orders are not
sent too fast. Cancels always leave. What is refused here is answered as REJECTED, counted, and never sent.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from undertow.trading.orders.coins import Coin
from undertow.trading.orders.order import Order

_SECOND: Final = 1_000_000_000


class Breach(StrEnum):
    """Which limit an order would break."""

    POSITION = "position"
    NOTIONAL = "notional"
    NO_PRICE = "no_price"
    BAND = "band"
    RATE = "rate"
    FORM = "form"
    """Not a valid order: size or price not positive, size not whole lots, value not finite."""
    CLOSED = "closed"
    """Nothing new is sent now: starting, recovering, stopping, or the venue asked for a pause."""
    EXHAUSTED = "exhausted"
    """No requests are left, and the order would not reduce the position."""
    KILLED = "killed"
    """The kill switch leaves no such order."""
    TOTAL = "total"
    """All coins together would be worth too much (`undertow.trading.orders.account_limits`)."""
    MARGIN = "margin"
    """The account could not carry it."""


WORDS: Final = {
    Breach.POSITION: "position and orders would be too large",
    Breach.NOTIONAL: "the order is worth too much",
    Breach.NO_PRICE: "no mid to judge its price by",
    Breach.BAND: "its price is too far from the mid",
    Breach.RATE: "too many orders in one second",
    Breach.FORM: "not a valid order",
    Breach.CLOSED: "nothing new is sent now (starting, recovering, stopping, or the venue asked for a pause)",
    Breach.EXHAUSTED: "no requests are left, and it would not reduce the position",
    Breach.KILLED: "the kill switch leaves no such order",
    Breach.TOTAL: "all coins together would be worth too much",
    Breach.MARGIN: "the account's margin would not carry it",
}
"""What each breach says of the order that did not leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one coin. Raises ValueError where one is not positive.

    ``max_position_qty`` is the largest position either way in the venue's unit; ``max_order_usd`` the largest
    value of one order; ``band`` the largest distance of an order's price from the mid, a fraction of it;
    ``orders_per_s`` how many orders may leave in any one second (modifies count, cancels do not).
    """

    max_position_qty: float
    max_order_usd: float = math.inf
    band: float = 0.1
    orders_per_s: int = 200

    def __post_init__(self) -> None:
        for name in ("max_position_qty", "max_order_usd", "band", "orders_per_s"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"limits: {name} = {value} must be positive")


class Gate:
    """Applies `Limits` to one coin; counts what it refused in ``refused``."""

    def __init__(self, coin: Coin, limits: Limits) -> None:
        self._coin, self._limits = coin, limits
        self.limit_lots = int(limits.max_position_qty / float(coin.lot_size) * (1.0 + 1e-12))
        self._sent_ns: deque[int] = deque()
        self.refused: Counter[Breach] = Counter()

    def breach(self, order: Order, position: int, exposure: int, mid: float, now_ns: int) -> Breach | None:
        """Why `order` may not leave, or None: it may, and counts as sent.

        `position` and `exposure` are lots: held, and on the order's side with the order itself counted in.
        """
        found = self._breach(order, position, exposure, mid, now_ns)
        if found is None:
            self._sent_ns.append(now_ns)
        else:
            self.refused[found] += 1
        return found

    def _breach(self, order: Order, position: int, exposure: int, mid: float, now_ns: int) -> Breach | None:
        if order.lots <= 0 or order.tick <= 0:
            return Breach.FORM
        if order.side * position + exposure > self.limit_lots:
            return Breach.POSITION
        px = self._coin.px_of(order.tick)
        if px * self._coin.qty_of(order.lots) > self._limits.max_order_usd * (1.0 + 1e-9):
            return Breach.NOTIONAL
        if not mid > 0.0:
            return Breach.NO_PRICE
        if abs(px / mid - 1.0) > self._limits.band * (1.0 + 1e-9):
            return Breach.BAND
        while self._sent_ns and now_ns - self._sent_ns[0] >= _SECOND:
            self._sent_ns.popleft()
        return Breach.RATE if len(self._sent_ns) >= self._limits.orders_per_s else None
