"""Websockets on the `websockets` package: pure Python, everywhere."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from undertow.clock import Clock
from undertow.venue.sockets import CONNECT_TIMEOUT_S, MAX_FRAME_BYTES
from undertow.venue.transport import Listener, Socket


class WebsocketsConnector:
    """Opens websockets to `url`, without compression (the venue has none)."""

    def __init__(self, url: str, clock: Clock, *, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._url, self._clock, self._timeout_s = url, clock, timeout_s

    async def connect(self, listener: Listener) -> Socket:
        """A new socket whose messages go to `listener`. Raises OSError or TimeoutError."""
        try:
            connection = await connect(
                self._url,
                compression=None,
                ping_interval=None,
                open_timeout=self._timeout_s,
                close_timeout=1.0,
                max_size=MAX_FRAME_BYTES,
            )
        except (InvalidHandshake, InvalidURI) as error:
            raise ConnectionError(f"{self._url}: the websocket was refused: {error}") from error
        return _WebsocketsSocket(connection, listener, self._clock)


class _WebsocketsSocket:
    """A `Socket` over a `websockets` connection: one task reads, one writes."""

    def __init__(self, connection: ClientConnection, listener: Listener, clock: Clock) -> None:
        self._connection, self._listener, self._clock = connection, listener, clock
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._closed = False
        self._writer = asyncio.ensure_future(self._write())
        self._reader = asyncio.ensure_future(self._read())

    def send(self, data: bytes) -> None:
        if not self._closed:
            self._outgoing.put_nowait(data)

    def close(self) -> None:
        if not self._closed:
            self._outgoing.put_nowait(None)

    async def _read(self) -> None:
        reason = "closed"
        try:
            while True:
                data = await self._connection.recv(decode=False)
                self._listener.on_message(data, self._clock.now_ns())
        except ConnectionClosed as closed:
            received = closed.rcvd
            reason = (
                "closed without a word (1006)"
                if received is None
                else f"closed by the venue: {received.code} {received.reason}".strip()
            )
        finally:
            self._closed = True
            self._writer.cancel()
            self._listener.on_closed(reason)

    async def _write(self) -> None:
        try:
            while (data := await self._outgoing.get()) is not None:
                await self._connection.send(data, text=True)
            await self._connection.close()
        except ConnectionClosed:
            return
