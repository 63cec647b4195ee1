"""Alerts by webhook: posted from a queue, never in the way of trading.

`Alerts.send` puts an alert into a bounded queue and returns; one task posts them. An alert alike one sent in
the last `repeat_s` is dropped, and no more than `per_minute` go out in a minute (kills are exempt from
that); what was held back is counted in the next one. A webhook that fails is tried again twice, then
given up: failures are counted and logged, they never raise.

Fills are gathered for `fills_every_s` into one alert a coin (0: they are not alerted).

Bodies: ``json`` the alert itself; ``slack`` ``{"text": …}`` (Slack, Mattermost, Rocket.Chat);
``discord`` ``{"content": …}``; ``telegram`` ``{"chat_id": …, "text": …}`` to the bot's sendMessage URL.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self
from urllib.parse import urlsplit

import msgspec

from undertow.clock import Clock
from undertow.monitor.log import time_text
from undertow.monitor.notable import Notable
from undertow.monitor.redact import redact

if TYPE_CHECKING:
    import httpx

Body = Literal["json", "slack", "discord", "telegram"]
TIMEOUT_S: Final = 10.0
RETRIES_S: Final = (1.0, 5.0)
QUEUE: Final = 100
ALERTED: Final = frozenset(
    {
        *("kill", "kill_cleared", "disconnected", "connected", "stale", "halted", "requests_low"),
        *("first_quote", "stopping"),
    }
)
"""Changes of a view (`undertow.monitor.notable`) that are worth an alert."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    time: str
    session: str
    coin: str
    kind: str
    text: str
    urgent: bool = False
    held_back: int = 0  # alerts dropped since the one before

    @property
    def line(self) -> str:
        """As one line of text."""
        coin = f" {self.coin}" if self.coin else ""
        held = f" ({self.held_back} alerts held back)" if self.held_back else ""
        return f"{'[!] ' if self.urgent else ''}undertow {self.session}{coin}: {self.text}{held}"


def body_of(alert: Alert, body: Body, chat_id: str = "") -> bytes:
    """What is posted."""
    if body == "slack":
        return msgspec.json.encode({"text": alert.line})
    if body == "discord":
        return msgspec.json.encode({"content": alert.line})
    if body == "telegram":
        return msgspec.json.encode({"chat_id": chat_id, "text": alert.line})
    return msgspec.json.encode({**msgspec.structs.asdict(alert), "line": alert.line})


class Alerts:
    """Sends alerts to one webhook. An async context manager; leaving it posts what is queued.

    The address may hold a token (Telegram's and Slack's do): it is shown nowhere. `client` replaces the HTTP
    client (tests); `failed` is told of a webhook given up, in words without the address.
    """

    def __init__(
        self,
        url: str,
        session: str,
        clock: Clock,
        *,
        body: Body = "json",
        chat_id: str = "",
        per_minute: int = 10,
        repeat_s: float = 300.0,
        fills_every_s: float = 0.0,
        client: httpx.AsyncClient | None = None,
        failed: Callable[[str], object] | None = None,
    ) -> None:
        parts = urlsplit(url)
        here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
        if not (parts.scheme == "https" and parts.hostname) and not here:
            raise ValueError("alerts.url must be an https:// address (http only for this machine)")
        if body == "telegram" and not chat_id:
            raise ValueError('alerts.chat_id is empty: alerts.body = "telegram" needs the chat to write to')
        self._url, self._session, self._clock, self._body, self._chat = url, session, clock, body, chat_id
        self._per_minute, self._repeat_ns = per_minute, round(repeat_s * 1e9)
        self._client, self._own_client, self._tell = client, client is None, failed
        self._queue: deque[Alert] = deque()
        self._awake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent_at: deque[int] = deque()
        self._seen: dict[tuple[str, str, str], int] = {}
        self._held = 0
        self._fills_every_s = fills_every_s
        self._fills: dict[str, list[str]] = {}
        self._fills_due: asyncio.TimerHandle | None = None
        self._closing = False
        self.sent = self.failures = self.dropped = 0

    def __repr__(self) -> str:
        return f"Alerts({self._body}, sent={self.sent}, failures={self.failures})"

    def notify(self, notable: Notable) -> None:
        """Send a change of the view, if it is of a kind that is alerted; fills are gathered first."""
        if notable.kind == "fill" and self._fills_every_s > 0.0:
            self._fills.setdefault(notable.coin, []).append(notable.text)
            if self._fills_due is None:
                loop = asyncio.get_running_loop()
                self._fills_due = loop.call_later(self._fills_every_s, self._tell_fills)
        elif notable.kind in ALERTED:
            self.send(notable.kind, notable.text, coin=notable.coin, urgent=notable.urgent)

    def _tell_fills(self) -> None:
        """One alert per coin for the fills that have gathered."""
        gathered, self._fills, self._fills_due = self._fills, {}, None
        for coin, texts in gathered.items():
            text = texts[0] if len(texts) == 1 else f"{len(texts)} fills, the last: {texts[-1]}"
            self.send("fill", text, coin=coin, key=f"{self._clock.now_ns()}")

    def send(self, kind: str, text: str, *, coin: str = "", urgent: bool = False, key: str = "") -> bool:
        """Queue an alert; False where it was held back. ``key`` tells repeats (its text less digits)."""
        now = self._clock.now_ns()
        alike = (kind, coin, key or "".join(c for c in text if not c.isdigit()))
        if not self._allowed(kind, alike, now):
            self._held += 1
            self.dropped += 1
            return False
        if len(self._queue) >= QUEUE:
            self._queue.popleft()
            self._held += 1
            self.dropped += 1
        alert = Alert(
            time=time_text(now),
            session=self._session,
            coin=coin,
            kind=kind,
            text=redact(text),
            urgent=urgent,
            held_back=self._held,
        )
        self._held = 0
        self._queue.append(alert)
        if self._awake is not None:
            self._awake.set()
        return True

    def _allowed(self, kind: str, alike: tuple[str, str, str], now: int) -> bool:
        """Not a repeat, and within the rate (which kills are exempt from)."""
        last = self._seen.get(alike)
        if last is not None and now - last < self._repeat_ns:
            return False
        while self._sent_at and now - self._sent_at[0] >= 60_000_000_000:
            self._sent_at.popleft()
        if kind != "kill" and len(self._sent_at) >= self._per_minute:
            return False
        self._seen = {k: at for k, at in self._seen.items() if now - at < self._repeat_ns}
        self._seen[alike] = now
        self._sent_at.append(now)
        return True

    async def __aenter__(self) -> Self:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S)
        self._awake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="alerts")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        assert self._awake is not None
        assert self._client is not None
        if self._fills_due is not None:
            self._fills_due.cancel()
            self._tell_fills()
        self._closing = True
        self._awake.set()
        try:
            await asyncio.wait_for(self._task, TIMEOUT_S)
        except TimeoutError:
            self.failures += len(self._queue)
        if self._own_client:
            await self._client.aclose()

    async def _run(self) -> None:
        assert self._awake is not None
        while True:
            while self._queue:
                await self._post(self._queue.popleft())
            if self._closing:
                return
            await self._awake.wait()
            self._awake.clear()

    async def _post(self, alert: Alert) -> None:
        """Post one alert, with retries; nothing but cancellation gets out."""
        reason = ""
        data = body_of(alert, self._body, self._chat)
        for wait in (*RETRIES_S, None):
            reason = await self._try(data)
            if not reason:
                self.sent += 1
                return
            if wait is None or self._closing:
                break
            await asyncio.sleep(wait)
        self.failures += 1
        if self._tell is not None:
            self._tell(f"alert {alert.kind} was not delivered: {reason}")

    async def _try(self, data: bytes) -> str:
        """Post once; empty if it was taken, else why not (without the address)."""
        assert self._client is not None
        try:
            reply = await self._client.post(
                self._url, content=data, headers={"Content-Type": "application/json"}
            )
        except Exception as error:  # a webhook must never stop trading, whatever it does
            return type(error).__name__
        return "" if reply.status_code < 300 else f"HTTP {reply.status_code}"
