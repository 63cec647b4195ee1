"""What the live loop is made of, as protocols: where rows come from and where actions go."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Received(NamedTuple):
    """Rows that came in at one moment for one coin.

    ``rows``: shape (n,), `undertow.events.EVENT`, all with one receive time, the last row of a book
    message flagged END. ``snapshots``: shape (m, 4, depth); ``ref`` of a SNAPSHOT row counts in it.
    ``exch_ns`` never runs backward from one `Received` of a coin to the next, so rows need no order
    but the one they came in.
    """

    coin: str
    rows: NDArray[np.void]
    snapshots: NDArray[np.float64]


Deliver = Callable[[Received], None]
"""Takes rows into the live loop, in order of receipt, on the event loop's thread."""


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
