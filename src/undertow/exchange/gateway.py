"""Hyperliquid's protocol over an `Exchange`, without any network library.

A binding (`server`, `inprocess`) hands in HTTP bodies and socket frames; what comes back are bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from undertow.clock import Clock
from undertow.exchange import info, intake
from undertow.exchange.core import Exchange
from undertow.exchange.directory import Directory
from undertow.exchange.hub import Hub, Send
from undertow.exchange.intake import MALFORMED, Answered, Intake
from undertow.exchange.ip_limits import Peer, Peers
from undertow.exchange.server_socket import ServerSocket
from undertow.exchange.streams import Streams
from undertow.exchange.subscriptions import Names

_encode = msgspec.json.Encoder().encode


class Gateway:
    """The face of one exchange.

    ``clock`` is the exchange's time (and that of the limits per minute); sockets that fall silent are
    closed by the event loop's time. ``limits`` off lifts what an IP address may do.
    """

    def __init__(self, exchange: Exchange, clock: Clock, *, limits: bool = True) -> None:
        self.exchange, self._clock = exchange, clock
        self.enforces_limits = limits
        self.hub = Hub()
        directory = Directory(exchange)
        self.names: Names = directory
        self.info = info.Info(directory)
        self.streams = Streams(directory, self.hub, self.info)
        self.block_ns = exchange.rules.block_ns
        self._intake = Intake(exchange)
        self._peers = Peers()
        self._sockets: dict[ServerSocket, None] = {}
        self._waiting: dict[asyncio.Future[tuple[int, bytes]], None] = {}
        self._open = True

    @property
    def n_sockets(self) -> int:
        """Sockets open."""
        return len(self._sockets)

    def now_ns(self) -> int:
        """The exchange's time."""
        return self._clock.now_ns()

    def advance(self) -> None:
        """Let the exchange come to the clock's time and publish what happened."""
        now_ns = self._clock.now_ns()
        self.exchange.advance(now_ns)
        self.streams.publish(self.exchange.drain(), now_ns)

    async def http(self, path: str, body: bytes, peer: str) -> tuple[int, bytes]:
        """Status and body of the reply to a request posted from an IP address."""
        if not self._open:
            return 502, b""
        try:
            request = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return 422, MALFORMED
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None

        def answered(status: int, reply: bytes) -> None:
            if not future.done():
                future.set_result((status, reply))

        self.request(path, request, self._peers.of(peer), answered)
        try:
            return await future
        finally:
            del self._waiting[future]

    def request(self, path: str, request: Any, peer: Peer, answered: Answered) -> None:
        """Handle a decoded request; `answered` may be called before this returns."""
        if path == "/info":
            answered(*self._answer_info(request, peer))
        elif path == "/exchange":
            if self._overweight(peer, intake.weight_of(request)):
                answered(429, b"null")
            else:
                self._intake.submit(request, answered)
        else:
            answered(404, b"")

    def admits(self, peer: str) -> bool:
        """Whether an IP address may open a socket now; counts the attempt."""
        if not self._open:
            return False
        return not self.enforces_limits or self._peers.of(peer).may_connect(self.now_ns())

    def open_socket(self, send: Send, drop: Callable[[], None], peer: str) -> ServerSocket:
        """The venue's end of a new websocket of an IP address that was admitted."""
        socket = ServerSocket(self, send, drop, self._peers.of(peer))
        self._sockets[socket] = None
        return socket

    def peer(self, address: str) -> Peer:
        """What an IP address has spent and holds open."""
        return self._peers.of(address)

    def forget(self, socket: ServerSocket) -> None:
        """A socket has ended."""
        self._sockets.pop(socket, None)

    def shut(self) -> None:
        """Drop every socket, answer what waits with 502 and refuse what comes, as a venue going down."""
        self._open = False
        for socket in tuple(self._sockets):
            socket.end()
        for future in tuple(self._waiting):
            if not future.done():
                future.set_result((502, b""))

    def reopen(self) -> None:
        """Accept connections again; the exchange has kept its state."""
        self._open = True

    def _answer_info(self, request: Any, peer: Peer) -> tuple[int, bytes]:
        kind = request.get("type") if isinstance(request, dict) else None
        if self._overweight(peer, info.weight_of(kind)):
            return 429, b"null"
        try:
            reply, extra = self.info.answer(request)
        except info.Malformed:
            return 422, MALFORMED
        if extra:
            peer.weight.charge(extra, self.now_ns())
        return 200, _encode(reply)

    def _overweight(self, peer: Peer, weight: int) -> bool:
        return self.enforces_limits and not peer.weight.spend(weight, self.now_ns())
