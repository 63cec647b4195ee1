"""The server's end of one websocket: frames of text in, frames out; no network library.

Texts of error frames: facts, section 2 (measured on mainnet by others).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from undertow.exchange.hub import Send, frame
from undertow.exchange.ip_limits import INFLIGHT_POSTS, SUBSCRIPTIONS, Peer
from undertow.exchange.subscriptions import Fatal, Subscription, Unreadable, parse

if TYPE_CHECKING:
    from undertow.exchange.gateway import Gateway

IDLE_S = 60.0
"""A socket whose client says nothing for this long is closed (s, on the event loop's time)."""

PONG = b'{"channel":"pong"}'
TOO_MANY_REQUESTS = "429 Too Many Requests"


class ServerSocket:
    """One client's socket: its subscriptions, its posts, its limits.

    ``send(data)`` sends one text frame, ``drop()`` breaks the connection without a closing handshake
    (a client sees 1006). Both are ignored by a binding whose socket is gone.
    """

    def __init__(self, gateway: Gateway, send: Send, drop: Callable[[], None], peer: Peer) -> None:
        self._gateway, self._send, self._drop, self._peer = gateway, send, drop, peer
        self._subscriptions: dict[str, Subscription] = {}
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._idle = self._loop.call_later(IDLE_S, self._check_idle)
        peer.connections += 1

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        return self._open

    def on_text(self, text: bytes | str) -> None:
        """One message of the client's."""
        if not self._open:
            return
        self._heard = self._loop.time()
        now_ns = self._gateway.now_ns()
        if self._gateway.enforces_limits and not self._peer.messages.spend(1, now_ns):
            self._error("Cannot send more than 2000 messages per minute.")
            return
        try:
            self._handle(text)
        except Unreadable:
            shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
            self._error(f"Error parsing JSON into valid websocket request: {shown}")
        except Fatal:
            self.end()

    def on_close(self) -> None:
        """The connection is gone; may be called more than once."""
        if not self._open:
            return
        self._open = False
        self._idle.cancel()
        self._peer.connections -= 1
        for subscription in tuple(self._subscriptions.values()):
            self._leave(subscription)
        self._gateway.forget(self)

    def end(self) -> None:
        """Break the connection without a word, as the venue does."""
        if self._open:
            self.on_close()
            self._drop()

    def _handle(self, text: bytes | str) -> None:
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Unreadable("not JSON") from fault
        method = request.get("method") if isinstance(request, dict) else None
        if method == "ping":
            self._send(PONG)
        elif method == "subscribe":
            self._subscribe(parse(request.get("subscription"), self._gateway.names))
        elif method == "unsubscribe":
            self._unsubscribe(parse(request.get("subscription"), self._gateway.names))
        elif method == "post":
            self._post(request)
        else:
            raise Unreadable("unknown method")

    def _subscribe(self, subscription: Subscription) -> None:
        if subscription.text in self._subscriptions:
            self._error(f"Already subscribed: {subscription.text}")
            return
        if self._gateway.enforces_limits:
            if self._peer.subscriptions >= SUBSCRIPTIONS:
                self._error("Cannot subscribe to more than 1000 channels.")
                return
            if subscription.user and not self._peer.may_track(subscription.user):
                self._error("Cannot track more than 10 total users.")
                return
        self._subscriptions[subscription.text] = subscription
        self._peer.subscriptions += 1
        if subscription.user:
            self._peer.track(subscription.user)
        self._acknowledge("subscribe", subscription)
        for data in self._gateway.streams.first(subscription):
            self._send(data)
        self._gateway.hub.join(subscription, self, self._send)

    def _unsubscribe(self, subscription: Subscription) -> None:
        if subscription.text not in self._subscriptions:
            self._error(f"Already unsubscribed: {subscription.text}")
            return
        self._leave(subscription)
        self._acknowledge("unsubscribe", subscription)

    def _leave(self, subscription: Subscription) -> None:
        del self._subscriptions[subscription.text]
        self._gateway.hub.leave(subscription, self)
        self._peer.subscriptions -= 1
        if subscription.user:
            self._peer.forget(subscription.user)

    def _acknowledge(self, method: str, subscription: Subscription) -> None:
        echo = {"method": method, "subscription": subscription.fields}
        self._send(frame("subscriptionResponse", echo))

    def _error(self, text: str) -> None:
        self._send(frame("error", text))

    def _post(self, request: dict[str, Any]) -> None:
        number, wanted = request.get("id"), request.get("request")
        if (
            not isinstance(number, int)
            or isinstance(number, bool)
            or number < 0
            or not isinstance(wanted, dict)
        ):
            raise Unreadable("post needs id and request")
        kind, payload = wanted.get("type"), wanted.get("payload")
        if kind not in ("info", "action") or not isinstance(payload, dict):
            raise Unreadable("post is of type info or action")
        if self._gateway.enforces_limits and self._peer.inflight_posts >= INFLIGHT_POSTS:
            self._error(f"too many pending post requests id={number}")
            return
        self._peer.inflight_posts += 1

        def answered(status: int, body: bytes) -> None:
            self._peer.inflight_posts -= 1
            if self._open:
                self._send(_post_reply(number, kind, payload, status, body))

        path = "/info" if kind == "info" else "/exchange"
        self._gateway.request(path, payload, self._peer, answered)

    def _check_idle(self) -> None:
        left = self._heard + IDLE_S - self._loop.time()
        if left <= 0.0:
            self.end()
        else:
            self._idle = self._loop.call_later(left, self._check_idle)


def _post_reply(number: int, kind: str, payload: dict[str, Any], status: int, body: bytes) -> bytes:
    response: dict[str, Any]
    if status == 429:
        response = {"type": "error", "payload": TOO_MANY_REQUESTS}
    elif status != 200:
        response = {"type": "error", "payload": f"{status} {body.decode('utf-8', 'replace')}"}
    elif kind == "info":
        response = {"type": "info", "payload": {"type": payload.get("type"), "data": msgspec.Raw(body)}}
    else:
        response = {"type": "action", "payload": msgspec.Raw(body)}
    return frame("post", {"id": number, "response": response})
