"""An account's order, from its acceptance to its one terminal status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.coin import Coin

Tif = Literal["Alo", "Ioc", "Gtc"]

OPEN: Final = "open"
FILLED: Final = "filled"
CANCELED: Final = "canceled"
TRIGGERED: Final = "triggered"
LIVE: Final = frozenset({OPEN, TRIGGERED})
"""The statuses that are not an order's last."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What sets a trigger order off. ``tick``: mark price. ``market``: then sent as an Ioc order."""

    tick: int
    market: bool
    tpsl: Literal["tp", "sl"]

    def hit(self, side: int, mark_tick: int) -> bool:
        """Whether an order of `side` is set off at `mark_tick`."""
        above = (side < 0) == (self.tpsl == "tp")
        return mark_tick >= self.tick if above else mark_tick <= self.tick


@dataclass(slots=True, eq=False)
class Order:
    """An order. ``tick`` and steps on its coin's grid; ``left`` is what is not yet filled.

    ``ahead``: steps of the background before it at its level. ``priority``: rate paid (1e-8) for a
    better place. ``builder``: fee to a builder, tenths of a bp. ``parent`` and ``children``: of grouping
    normalTpsl.
    """

    oid: int
    account: Account
    coin: Coin
    side: int
    tick: int
    size: int
    tif: Tif
    reduce_only: bool
    cloid: str | None
    time_ns: int
    left: int = 0
    ahead: int = 0
    priority: int = 0
    builder: int = 0
    trigger: Trigger | None = None
    position_tpsl: bool = False
    waiting: bool = False
    status: str = OPEN
    status_ns: int = 0
    filled_micro: int = 0
    resting: bool = False
    parent: Order | None = None
    children: list[Order] = field(default_factory=list)
    siblings: list[Order] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Steps filled."""
        return self.size - self.left

    @property
    def live(self) -> bool:
        """Whether it can still change."""
        return self.status in LIVE
