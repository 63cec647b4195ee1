"""HTTP to the venue on httpx: kept-alive connections, timeouts, and no request sent twice that could act.

A kept-alive connection that the venue has dropped shows only when it is used. A question (``/info``)
is then asked once more on a fresh one; an action (``/exchange``) never is, since it may have arrived.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

TIMEOUT_S: Final = 10.0
_OWN_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
"""No proxy of the environment stands between us and these."""
_HEADERS: Final = {"Content-Type": "application/json"}


class HttpxClient:
    """`undertow.venue.transport.Http` for the network at `base_url` (no trailing path)."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        connect_timeout_s: float = 3.0,
        keepalive_s: float = 20.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s),
            limits=httpx.Limits(
                max_connections=16, max_keepalive_connections=8, keepalive_expiry=keepalive_s
            ),
            headers=_HEADERS,
            trust_env=urlsplit(base_url).hostname not in _OWN_MACHINE,
            transport=transport,
        )

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the reply. Raises OSError or TimeoutError where none came.

        `ConnectionRefusedError` where it was certainly not sent: no connection could be made.
        """
        try:
            return await self._once(path, body)
        except ConnectionResetError:
            if path != "/info":
                raise
        return await self._once(path, body)

    async def _once(self, path: str, body: bytes) -> tuple[int, bytes]:
        try:
            reply = await self._client.post(self._base + path, content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ConnectionRefusedError(f"{self._base}{path}: not connected: {error}") from error
        except httpx.TimeoutException as error:
            raise TimeoutError(f"{path}: no reply in time ({type(error).__name__})") from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            raise ConnectionResetError(f"{path}: the connection was dropped: {error}") from error
        except httpx.TransportError as error:
            raise ConnectionError(f"{path}: {type(error).__name__}: {error}") from error
        return reply.status_code, reply.content

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()
