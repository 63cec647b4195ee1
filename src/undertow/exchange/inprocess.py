"""The exchange without sockets: `venue.transport`'s seams on a `Gateway` in the same process.

With latency each way, jitter and faults from seeds; on a `clock.VirtualLoop` a session is a
deterministic function of its seeds.
"""

from __future__ import annotations

import asyncio
import random

from undertow.exchange.faults import Fate, Faults
from undertow.exchange.gateway import Gateway
from undertow.exchange.server_socket import ServerSocket
from undertow.exchange.way import Latency, Way
from undertow.venue.transport import Listener, Socket

__all__ = ["InProcess", "InProcessSocket", "Latency"]

BAD_GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n"


class InProcessSocket:
    """A client's end of a socket to a gateway (`venue.transport.Socket`)."""

    def __init__(self, network: InProcess, listener: Listener) -> None:
        self._network, self._listener = network, listener
        self._up, self._down = network.way_up(), network.way_down()
        self._open = True
        self.half_open = False
        """While True whatever is sent vanishes and nothing arrives; neither side is told."""
        self._server: ServerSocket | None = None

    def attach(self, server: ServerSocket) -> None:
        """Name the other end."""
        self._server = server

    def send(self, data: bytes) -> None:
        """Send one text message."""
        if not self._open or self.half_open:
            return
        for copy in self._network.faults.upward(data):
            self._up.carry(lambda: self._at_server(data), copy.delay_s, in_order=copy.in_order)

    def close(self) -> None:
        """Close it: both sides are told, unless it is half-open (then only this one)."""
        if self._open:
            self._hang_up("closed by us")
            self._tell_server()

    def break_off(self, reason: str) -> None:
        """Break the connection under both ends at once."""
        self._tell_server()
        self._hang_up(reason)

    def deliver(self, data: bytes) -> None:
        """A frame of the venue's sets out."""
        if not self._open or self.half_open:
            return
        for copy in self._network.faults.downward(data):
            self._down.carry(lambda: self._at_client(data), copy.delay_s, in_order=copy.in_order)

    def dropped(self) -> None:
        """The venue has dropped the connection."""
        if not self.half_open:
            self._down.carry(lambda: None if self.half_open else self._hang_up("1006"))

    def _at_server(self, data: bytes) -> None:
        if not self.half_open and self._server is not None:
            self._server.on_text(data)

    def _at_client(self, data: bytes) -> None:
        if self._open and not self.half_open:
            self._listener.on_message(data, self._network.gateway.now_ns())

    def _tell_server(self) -> None:
        server = self._server
        if server is not None and not self.half_open:
            self._up.carry(server.on_close)

    def _hang_up(self, reason: str) -> None:
        if not self._open:
            return
        self._open = False
        self._network.forget(self)
        asyncio.get_running_loop().call_soon(self._listener.on_closed, reason)


class InProcess:
    """Both seams of `venue.transport` (`Connector` and `Http`) on a gateway in this process.

    ``peer`` is the IP address the gateway sees; ``timeout_s`` what a client waits for a lost reply.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        latency: Latency | None = None,
        faults: Faults | None = None,
        peer: str = "127.0.0.1",
        seed: int = 0,
        timeout_s: float = 10.0,
    ) -> None:
        self.gateway = gateway
        self.latency = latency or Latency()
        self.faults = faults or Faults()
        self._peer, self._timeout_s = peer, timeout_s
        self._rng = random.Random(seed)
        self._sockets: dict[InProcessSocket, None] = {}

    @property
    def sockets(self) -> tuple[InProcessSocket, ...]:
        """The open sockets, oldest first."""
        return tuple(self._sockets)

    async def connect(self, listener: Listener) -> Socket:
        """A new socket. Raises `ConnectionRefusedError` where a fault or a limit of the venue says so."""
        way = self.way_up()
        await asyncio.sleep(way.travel_s() + self.way_down().travel_s())
        refused = self.faults.connecting()
        if refused is not None:
            raise ConnectionRefusedError(refused)
        if not self.gateway.admits(self._peer):
            raise ConnectionRefusedError("the venue takes no more connections from this address")
        socket = InProcessSocket(self, listener)
        socket.attach(self.gateway.open_socket(socket.deliver, socket.dropped, self._peer))
        self._sockets[socket] = None
        return socket

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the reply. Raises `TimeoutError` where request or reply was lost."""
        fate = self.faults.request(path, body)
        if fate is Fate.REQUEST_LOST:
            await asyncio.sleep(self._timeout_s)
            raise TimeoutError(f"no reply from {path} within {self._timeout_s:g} s")
        await asyncio.sleep(self.way_up().travel_s())
        if fate is Fate.TOO_MANY:
            status, reply = 429, b"null"
        elif fate is Fate.SERVER_ERROR:
            status, reply = 502, BAD_GATEWAY
        else:
            status, reply = await self.gateway.http(path, body, self._peer)
        if fate is Fate.REPLY_LOST:
            await asyncio.sleep(self._timeout_s)
            raise TimeoutError(f"no reply from {path} within {self._timeout_s:g} s")
        if fate is Fate.SERVER_ERROR_AFTER:
            status, reply = 502, BAD_GATEWAY
        await asyncio.sleep(self.way_down().travel_s())
        return status, reply

    async def close(self) -> None:
        """Nothing is kept open between requests."""

    def break_sockets(self, reason: str = "1006") -> None:
        """Break every open socket."""
        for socket in self.sockets:
            socket.break_off(reason)

    def half_open(self) -> None:
        """Make every open socket half-open: it looks alive and carries nothing."""
        for socket in self.sockets:
            socket.half_open = True

    def forget(self, socket: InProcessSocket) -> None:
        """A socket has ended."""
        self._sockets.pop(socket, None)

    def way_up(self) -> Way:
        """A new way to the venue."""
        return Way(self.latency.up_s, self.latency.jitter_s, self._rng)

    def way_down(self) -> Way:
        """A new way from the venue."""
        return Way(self.latency.down_s, self.latency.jitter_s, self._rng)
