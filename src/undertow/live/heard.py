"""An execution whose answers are also heard by who watches the session."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from undertow.events import FILL
from undertow.records import Rec
from undertow.trading.seams import Deliver, Execution, Received

OnFill = Callable[[str, Rec], None]
"""Hears a coin and a FILL row its maker has just been shown."""


class HeardExecution:
    """`execution`, with `on_fill` called after each fill it delivers."""

    def __init__(self, execution: Execution, on_fill: OnFill) -> None:
        self._execution, self._on_fill = execution, on_fill

    async def start(self, deliver: Deliver) -> None:
        """See `Execution.start`."""

        def heard(received: Received) -> None:
            deliver(received)
            fills = received.rows[received.rows["kind"] == FILL]
            for row in fills.view(np.recarray):
                self._on_fill(received.coin, row)

        await self._execution.start(heard)

    @property
    def positions(self) -> dict[str, float]:
        """Positions the execution found, by coin, in the venue's unit."""
        return dict(getattr(self._execution, "positions", {}))

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """See `Execution.send`."""
        self._execution.send(coin, now_ns, actions)

    def on_market(self, received: Received) -> None:
        """See `Execution.on_market`."""
        self._execution.on_market(received)

    def on_time(self, now_ns: int) -> None:
        """See `Execution.on_time`."""
        self._execution.on_time(now_ns)

    async def stop(self) -> None:
        """See `Execution.stop`."""
        await self._execution.stop()
