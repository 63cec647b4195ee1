"""What the live loop is made of, as protocols: where rows come from and where actions go."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.venue.received import Deliver, Received

__all__ = ["Deliver", "Execution", "Received"]


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
