"""The other end of a websocket as a script: acknowledges, pongs, closes on bad coins, goes deaf."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from undertow.clock import Clock
from undertow.venue.transport import Listener
from undertow.venue.wire.frames import Frame
from undertow.venue.wire.subscriptions import Subscription

LATENCY_S = 0.05


@dataclass
class FakeVenue:
    """A `Connector`. Behaviour is changed by its fields while it runs."""

    clock: Clock
    bad_coins: set[str] = field(default_factory=set)
    refuse: bool = False
    deaf: bool = False
    """Takes everything and says nothing: half-open."""
    no_pongs: bool = False
    lose_acks: Callable[[int], bool] = lambda k: False
    sockets: list[FakeSocket] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    acks: int = 0

    async def connect(self, listener: Listener) -> FakeSocket:
        await asyncio.sleep(LATENCY_S)
        if self.refuse:
            raise ConnectionRefusedError("refused by the test")
        self.connects.append(asyncio.get_running_loop().time())
        socket = FakeSocket(self, listener)
        self.sockets.append(socket)
        return socket

    @property
    def socket(self) -> FakeSocket:
        return self.sockets[-1]


class FakeSocket:
    def __init__(self, venue: FakeVenue, listener: Listener) -> None:
        self.venue, self.listener = venue, listener
        self.open = True
        self.sent: list[dict[str, Any]] = []
        self.subscribed: list[dict[str, Any]] = []

    def send(self, data: bytes) -> None:
        if self.open:
            self.sent.append(json.loads(data))
            if not self.venue.deaf:
                # Timers of one moment have no order of their own.
                later = LATENCY_S + 1e-6 * len(self.sent)
                asyncio.get_running_loop().call_later(later, self._receive, json.loads(data))

    def close(self) -> None:
        self.drop("closed by us")

    def drop(self, reason: str = "1006") -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().call_soon(self.listener.on_closed, reason)

    def say(self, message: Any) -> None:
        if self.open and not self.venue.deaf:
            self.listener.on_message(json.dumps(message).encode(), self.venue.clock.now_ns())

    def methods(self, method: str) -> list[dict[str, Any]]:
        return [m for m in self.sent if m["method"] == method]

    def _receive(self, message: dict[str, Any]) -> None:
        venue = self.venue
        if not self.open or venue.deaf:
            return
        if message["method"] == "ping":
            if not venue.no_pongs:
                self.say({"channel": "pong"})
        elif message["method"] == "subscribe":
            self._subscribe(message["subscription"])
        elif message["method"] == "unsubscribe":
            self.subscribed = [s for s in self.subscribed if s != message["subscription"]]

    def _subscribe(self, subscription: dict[str, Any]) -> None:
        venue = self.venue
        if subscription.get("coin") in venue.bad_coins:
            self.drop()
            return
        if subscription in self.subscribed:
            self.say({"channel": "error", "data": f"Already subscribed: {json.dumps(subscription)}"})
            return
        self.subscribed.append(subscription)
        venue.acks += 1
        if not venue.lose_acks(venue.acks):
            filled = {"nSigFigs": None, "mantissa": None, **subscription}
            data = {"method": "subscribe", "subscription": filled}
            self.say({"channel": "subscriptionResponse", "data": data})


@dataclass
class Heard:
    """A `StreamListener` that remembers."""

    log: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    quarantined: dict[Subscription, str] = field(default_factory=dict)

    def on_up(self, epoch: int, now_ns: int) -> None:
        self.log.append(f"up {epoch}")

    def on_down(self, reason: str, now_ns: int) -> None:
        self.log.append(f"down {reason}")

    def on_stall(self, seconds: float, now_ns: int) -> None:
        self.log.append(f"stall {seconds:.1f}")

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        self.frames.append(frame)

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        self.quarantined[subscription] = reason
