"""The seam between a session and the network: one websocket, one HTTP endpoint.

Real sockets, an exchange in the same process and a transport that breaks on purpose are the same
call to everything above.
"""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Who hears what a socket receives. Called on the event loop, never from another thread."""

    def on_message(self, data: bytes, recv_ns: int) -> None:
        """One text message. `data` is only valid during the call where a transport reuses its buffer."""
        ...

    def on_closed(self, reason: str) -> None:
        """The socket is gone; nothing follows. Called once, also after `Socket.close`."""
        ...


class Socket(Protocol):
    """An open websocket."""

    def send(self, data: bytes) -> None:
        """Send one text message. Never blocks; on a socket that is gone it does nothing."""
        ...

    def close(self) -> None:
        """Close it; `Listener.on_closed` follows."""
        ...


class Connector(Protocol):
    """Opens websockets."""

    async def connect(self, listener: Listener) -> Socket:
        """A new socket whose messages go to `listener`. Raises `OSError` (or `TimeoutError`)."""
        ...


class Http(Protocol):
    """Posts JSON to the venue."""

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the reply to `body` posted to `path` (``/info``, ``/exchange``).

        Raises `OSError` (or `TimeoutError`) where no reply came; the request may have been received.
        """
        ...

    async def close(self) -> None:
        """Close idle connections."""
        ...
