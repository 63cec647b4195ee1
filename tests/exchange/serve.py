"""A local exchange in a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from undertow.exchange.local import LocalExchange, LocalSpec

T = TypeVar("T")


class Threaded:
    """A running local exchange; `call` runs something on its event loop and waits."""

    def __init__(self, local: LocalExchange, loop: asyncio.AbstractEventLoop) -> None:
        self.local, self._loop = local, loop
        self.url = local.url

    def call(self, what: Callable[[], T]) -> T:
        async def once() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(once(), self._loop).result(10)

    def drop_sockets(self) -> None:
        """Break every websocket, as a venue that restarts its front."""
        gateway = self.local.gateway

        def both() -> None:
            gateway.shut()
            gateway.reopen()

        self.call(both)


@contextmanager
def served(spec: LocalSpec) -> Iterator[Threaded]:
    ready = threading.Event()
    kept: list[Threaded] = []

    async def main() -> None:
        local = LocalExchange(spec)
        await local.start()
        loop = asyncio.get_running_loop()
        stop.append(asyncio.Event())
        kept.append(Threaded(local, loop))
        ready.set()
        await stop[0].wait()
        await local.stop()

    stop: list[asyncio.Event] = []
    thread = threading.Thread(target=lambda: asyncio.run(main()), name="local exchange")
    thread.start()
    try:
        assert ready.wait(150), "the exchange did not start"
        yield kept[0]
    finally:
        if kept:
            kept[0]._loop.call_soon_threadsafe(stop[0].set)
        thread.join(10)
