"""Websockets on picows, the fastest there is for Python; `connector` takes `websockets` where it is absent.

picows hands out memory that it reuses at the next frame. A message is copied once on arrival (0.1 µs
for a book of 4 kB), so that decoders may keep slices of it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from undertow.clock import Clock
from undertow.venue.transport import Connector, Listener, Socket

CONNECT_TIMEOUT_S: Final = 3.0
"""A connection that is not open by then is tried anew: quicker than waiting for a lost SYN."""
MAX_FRAME_BYTES: Final = 64 << 20


class PicowsConnector:
    """Opens websockets to `url`. Raises ImportError where picows is not installed (Windows)."""

    def __init__(self, url: str, clock: Clock, *, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        import picows

        self._picows: Any = picows
        self._listener_class = _listener_class(picows)
        self._url, self._clock, self._timeout_s = url, clock, timeout_s

    async def connect(self, listener: Listener) -> Socket:
        """A new socket whose messages go to `listener`. Raises OSError or TimeoutError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                transport, _ = await self._picows.ws_connect(
                    lambda: self._listener_class(listener, self._clock),
                    self._url,
                    websocket_handshake_timeout=self._timeout_s,
                    max_frame_size=MAX_FRAME_BYTES,
                    enable_auto_ping=False,
                )
        except self._picows.WSError as error:
            raise ConnectionError(f"{self._url}: the websocket was refused: {error}") from error
        return _PicowsSocket(transport, self._picows)


class _PicowsSocket:
    """A `Socket` over a picows transport."""

    def __init__(self, transport: Any, picows: Any) -> None:
        self._transport, self._text = transport, picows.WSMsgType.TEXT
        self._normal = picows.WSCloseCode.OK

    def send(self, data: bytes) -> None:
        if not self._transport.is_disconnected:
            self._transport.send(self._text, data)

    def close(self) -> None:
        if not self._transport.is_disconnected:
            self._transport.send_close(self._normal)
            self._transport.disconnect()


def _listener_class(picows: Any) -> Any:
    """The picows listener, made when picows is known to be there."""

    class PicowsListener(picows.WSListener):  # type: ignore[misc]
        """Hands whole text messages to a `Listener`."""

        def __init__(self, listener: Listener, clock: Clock) -> None:
            super().__init__()
            self._listener, self._clock = listener, clock
            self._parts: list[bytes] = []
            self._reason = ""

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            kind = frame.msg_type
            if kind in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION):
                data = frame.get_payload_as_bytes()
                if not frame.fin or self._parts:
                    self._parts.append(data)
                    if not frame.fin:
                        return
                    data = b"".join(self._parts)
                    self._parts = []
                self._listener.on_message(data, self._clock.now_ns())
            elif kind == picows.WSMsgType.CLOSE:
                code = frame.get_close_code()
                self._reason = (
                    f"closed by the venue: {getattr(code, 'value', code)} {frame.get_close_reason() or ''}"
                )
                transport.send_close(picows.WSCloseCode.OK)
                transport.disconnect()

        def on_ws_disconnected(self, transport: Any) -> None:
            self._listener.on_closed(self._reason.strip() or "closed without a word (1006)")

    return PicowsListener


def connector(url: str, clock: Clock, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Connector:
    """The best connector this machine has for `url`."""
    try:
        return PicowsConnector(url, clock, timeout_s=timeout_s)
    except ImportError:
        from undertow.venue.sockets_fallback import WebsocketsConnector

        return WebsocketsConnector(url, clock, timeout_s=timeout_s)
