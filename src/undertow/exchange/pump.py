"""Drives a gateway with a clock: one step per block of the exchange, at real time or faster."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from undertow.exchange.gateway import Gateway

SHORTEST_STEP_S = 0.002
"""However fast the clock runs, the exchange is driven at most this often (s of the event loop)."""


class Pump:
    """Keeps the exchange at the clock's time until cancelled.

    ``speed`` is how many seconds of the clock pass per second of the event loop.
    """

    def __init__(self, gateway: Gateway, *, speed: float = 1.0) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed = {speed} must be positive")
        self._gateway = gateway
        self._step_s = max(gateway.block_ns / 1e9 / speed, SHORTEST_STEP_S)

    async def run(self) -> None:
        """Advance, wait for the next block, and so on."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._gateway.advance()
            due = max(due + self._step_s, loop.time())
            await asyncio.sleep(due - loop.time())


@contextlib.asynccontextmanager
async def pumping(gateway: Gateway, *, speed: float = 1.0) -> AsyncIterator[None]:
    """Drive `gateway` while the block runs; a fault of the exchange is raised at its end."""
    task = asyncio.create_task(Pump(gateway, speed=speed).run(), name="exchange")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        gateway.shut()
