"""What the live loop is made of, as protocols: where rows come from and where actions go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.venue.received import Deliver, Received

__all__ = ["Deliver", "Execution", "Holding", "Received", "Watcher"]


class Holding(NamedTuple):
    """What a coin means to the account: money gained since the session began (position at the mid, USD),
    the mid, the signed position and the unfilled quantity of bids and asks, in the venue's unit."""

    coin: str
    gained_usd: float
    mid_px: float
    position: float
    bids: float
    asks: float


class Watcher(Protocol):
    """Who watches a session over the makers' heads (`undertow.risk.guard`).

    What it decides it tells the session's `undertow.trading.gate.Gate`, and it takes effect within the
    call that showed it: what may stand no longer is canceled before any maker is shown the same rows.
    """

    def on_market(self, received: Received) -> None:
        """Market rows, before the maker sees them."""
        ...

    def on_holding(self, holding: Holding, now_ns: int, *, acted: bool) -> None:
        """A coin's account, after each answer and (`acted`) after each cycle of its maker."""
        ...

    def on_time(self, now_ns: int) -> None:
        """The clock has come to `now_ns`."""
        ...

    def own_orders(self, now_ns: int) -> Sequence[tuple[str, NDArray[np.void]]]:
        """Orders to be sent over the makers' heads (coin, ACTION), ids from `restraint.OWN_IDS` on."""
        ...


class Execution(Protocol):
    """Where a maker's actions go: the paper matcher or the venue's order manager.

    Answers come back as ACK and FILL rows through the `Deliver` given to `start`. Their ``ref`` is
    the id the maker's desk gave the order.
    """

    async def start(self, deliver: Deliver) -> None:
        """Make ready; rows may be delivered from now on."""
        ...

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """Take a batch of actions (`undertow.kernel.desk.ACTION`, a copy) decided at `now_ns`."""
        ...

    def on_market(self, received: Received) -> None:
        """Market rows, before the maker sees them (the paper matcher needs them; others do nothing)."""
        ...

    def on_time(self, now_ns: int) -> None:
        """The clock has come to `now_ns`; called at least once a cycle, before the makers' timers."""
        ...

    async def stop(self) -> None:
        """Cancel every working order and wait until none is left, then deliver nothing more."""
        ...
