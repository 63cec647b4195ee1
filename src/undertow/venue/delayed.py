"""A network of known delay between a session and an exchange on the same machine.

Both ways and on both transports, what is sent arrives `latency_ms` plus an exponential delay of mean
`jitter_ms` later, never before what was sent earlier; so a session beside a local exchange has the
latency that its orders would have at the venue.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import NamedTuple

from undertow.clock import Clock
from undertow.venue.transport import Connector, Http, Listener, Socket


class Delay(NamedTuple):
    """One way, milliseconds."""

    latency_ms: float
    jitter_ms: float = 0.0

    def draw_s(self, rng: random.Random) -> float:
        """One delay in seconds."""
        jitter = rng.expovariate(1.0 / self.jitter_ms) if self.jitter_ms > 0.0 else 0.0
        return (self.latency_ms + jitter) * 1e-3


class _Lane:
    """One direction of one connection: first in, first out."""

    def __init__(self, delay: Delay, rng: random.Random) -> None:
        self._delay, self._rng, self._last = delay, rng, 0.0

    def after(self, step: Callable[[], None]) -> None:
        """Do `step` when it has arrived."""
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + self._delay.draw_s(self._rng))
        loop.call_at(self._last, step)


class _LateListener:
    """Hears what arrives, later."""

    def __init__(self, listener: Listener, lane: _Lane, clock: Clock) -> None:
        self._listener, self._lane, self._clock = listener, lane, clock

    def on_message(self, data: bytes, recv_ns: int) -> None:
        kept = bytes(data)
        self._lane.after(lambda: self._listener.on_message(kept, self._clock.now_ns()))

    def on_closed(self, reason: str) -> None:
        self._lane.after(lambda: self._listener.on_closed(reason))


class _LateSocket:
    """Sends, later."""

    def __init__(self, socket: Socket, lane: _Lane) -> None:
        self._socket, self._lane = socket, lane

    def send(self, data: bytes) -> None:
        self._lane.after(lambda: self._socket.send(data))

    def close(self) -> None:
        self._socket.close()


class DelayedConnector:
    """`undertow.venue.transport.Connector` over `connector`, `delay` away."""

    def __init__(self, connector: Connector, clock: Clock, delay: Delay, seed: int = 0) -> None:
        self._connector, self._clock, self._delay = connector, clock, delay
        self._rng = random.Random(seed)

    async def connect(self, listener: Listener) -> Socket:
        """A new socket. Raises OSError or TimeoutError."""
        late = _LateListener(listener, _Lane(self._delay, self._rng), self._clock)
        await asyncio.sleep(2.0 * self._delay.draw_s(self._rng))
        return _LateSocket(await self._connector.connect(late), _Lane(self._delay, self._rng))


class DelayedHttp:
    """`undertow.venue.transport.Http` over `http`, `delay` away."""

    def __init__(self, http: Http, delay: Delay, seed: int = 0) -> None:
        self._http, self._delay = http, delay
        self._rng = random.Random(seed)

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the reply. Raises OSError or TimeoutError where none came."""
        await asyncio.sleep(self._delay.draw_s(self._rng))
        reply = await self._http.post(path, body)
        await asyncio.sleep(self._delay.draw_s(self._rng))
        return reply

    async def close(self) -> None:
        """Close idle connections."""
        await self._http.close()
