"""The gateway on a TCP port: ``POST /info``, ``POST /exchange``, ``GET /ws``, on loopback by default."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections import deque

from aiohttp import WSMsgType, web

from undertow.exchange.gateway import Gateway
from undertow.exchange.pump import Pump
from undertow.exchange.spec import LOCAL_PORT
from undertow.exchange.way import Latency, Way

BACKLOG = 20_000
"""A client this many frames behind is dropped, as a venue drops who does not read."""


class _Outbox:
    """Frames on their way to one client; a task writes them, so sending never blocks the exchange."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, down: Way) -> None:
        self._ws, self._request, self._down = ws, request, down
        self._frames: deque[bytes] = deque()
        self._some = asyncio.Event()

    def send(self, data: bytes) -> None:
        """Queue one text frame, when it has come its way."""
        if self._down.instant:
            self._queue(data)
        else:
            self._down.carry(lambda: self._queue(data))

    def _queue(self, data: bytes) -> None:
        self._frames.append(data)
        self._some.set()
        if len(self._frames) > BACKLOG:
            self.drop()

    def drop(self) -> None:
        """Break the TCP connection: the client sees 1006."""
        self._frames.clear()
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def write(self) -> None:
        """Write until the connection is gone."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._some.wait()
                self._some.clear()
                while self._frames:
                    await self._ws.send_frame(self._frames.popleft(), WSMsgType.TEXT)


class Server:
    """An HTTP and websocket server in front of a gateway.

    ``port`` 0 takes a free one. `start` raises `OSError` where the port is taken. ``latency``: what is
    added to the way there and back, in seconds of this machine.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        host: str = "127.0.0.1",
        port: int = LOCAL_PORT,
        speed: float = 1.0,
        latency: Latency | None = None,
    ) -> None:
        self.gateway = gateway
        self._latency = latency or Latency()
        self._rng = random.Random(0)
        self._host, self._port, self._speed = host, port, speed
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None
        self._requests: dict[web.Request, None] = {}

    @property
    def url(self) -> str:
        """Base URL for clients, known once started."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen and let the exchange's time run."""
        app = web.Application(client_max_size=4 << 20)
        app.router.add_post("/info", self._post)
        app.router.add_post("/exchange", self._post)
        app.router.add_get("/ws", self._websocket)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port, backlog=1024)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = int(runner.addresses[0][1])
        self._pump = asyncio.create_task(Pump(self.gateway, speed=self._speed).run(), name="exchange")

    async def run(self) -> None:
        """Wait until cancelled; a fault of the exchange is raised here."""
        assert self._pump is not None, "start first"
        await asyncio.shield(self._pump)

    async def stop(self) -> None:
        """Close every socket, answer what is waiting, stop listening."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        self.gateway.shut()
        if self._runner is not None:
            await self._runner.cleanup()
        self._pump, self._runner = None, None

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except ConnectionResetError:  # whoever asked has gone
            return web.Response(status=499)
        await self._travel(self._latency.up_s)
        status, reply = await self.gateway.http(request.path, body, request.remote or "")
        await self._travel(self._latency.down_s)
        kind = "application/json" if status in (200, 429) else "text/plain"
        return web.Response(status=status, body=reply, content_type=kind)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=True, compress=False, max_msg_size=4 << 20)
        outbox = _Outbox(ws, request, self._way(self._latency.down_s))
        up = self._way(self._latency.up_s)
        if not self.gateway.admits(request.remote or ""):
            return web.Response(status=429, body=b"null", content_type="application/json")
        await ws.prepare(request)
        socket = self.gateway.open_socket(outbox.send, outbox.drop, request.remote or "")
        writer = asyncio.create_task(outbox.write(), name="socket")
        try:
            async for message in ws:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    if up.instant:
                        socket.on_text(message.data)
                    else:
                        up.carry(functools.partial(socket.on_text, message.data))
        finally:
            socket.on_close()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return ws

    def _way(self, latency_s: float) -> Way:
        return Way(latency_s, self._latency.jitter_s, self._rng)

    async def _travel(self, latency_s: float) -> None:
        way = self._way(latency_s)
        if not way.instant:
            await asyncio.sleep(way.travel_s())
