"""A gateway in virtual time, and a client that writes down what it hears."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from undertow.clock import LoopClock, run_virtually
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, InProcessSocket
from undertow.exchange.local import LocalSpec, MarketSpec, build
from undertow.exchange.pump import pumping
from undertow.exchange.way import Latency
from undertow.venue.signing import Signer

T = TypeVar("T")

START_NS = 1_790_000_000_000_000_000
START_MS = START_NS // 1_000_000
KEY, OTHER_KEY = "0x" + "11" * 32, "0x" + "22" * 32
USER = Signer(KEY, mainnet=False).address
OTHER = Signer(OTHER_KEY, mainnet=False).address
MARKETS = (MarketSpec("hl-btc", "BTC"), MarketSpec("hip3-hype", "hyna:HYPE"))


class Heard:
    """A listener: frames decoded, with the time of arrival in seconds since the start."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.raw: list[bytes] = []
        self.closed: str | None = None

    def on_message(self, data: bytes, recv_ns: int) -> None:
        assert self.closed is None, "nothing may follow on_closed"
        self.raw.append(data)
        self.frames.append(((recv_ns - START_NS) / 1e9, json.loads(data)))

    def on_closed(self, reason: str) -> None:
        assert self.closed is None, "on_closed is called once"
        self.closed = reason

    def of(self, channel: str) -> list[tuple[float, Any]]:
        return [(at, f["data"]) for at, f in self.frames if f["channel"] == channel]

    def last(self) -> dict[str, Any]:
        return self.frames[-1][1]


class Session:
    """The exchange, its gateway and a way to it; `open` gives a socket and what it heard."""

    def __init__(self, exchange: Exchange, gateway: Gateway, net: InProcess) -> None:
        self.exchange, self.gateway, self.net = exchange, gateway, net
        self._nonce = START_MS

    async def open(self) -> tuple[InProcessSocket, Heard]:
        heard = Heard()
        socket = await self.net.connect(heard)
        assert isinstance(socket, InProcessSocket)
        return socket, heard

    async def info(self, **request: Any) -> Any:
        status, body = await self.net.post("/info", json.dumps(request).encode())
        assert status == 200, body
        return json.loads(body)

    def signed(self, action: dict[str, Any], key: str = KEY, **envelope: Any) -> dict[str, Any]:
        self._nonce += 1
        nonce = envelope.get("nonce", self._nonce)
        vault, expires = envelope.get("vaultAddress"), envelope.get("expiresAfter")
        signature = Signer(key, mainnet=False).sign(action, nonce, vault, expires)
        return {
            "action": action,
            "nonce": nonce,
            "signature": {"r": signature.r, "s": signature.s, "v": signature.v},
            "vaultAddress": vault,
            "expiresAfter": expires,
        }

    async def act(self, action: dict[str, Any], key: str = KEY, **envelope: Any) -> Any:
        body = json.dumps(self.signed(action, key, **envelope)).encode()
        status, reply = await self.net.post("/exchange", body)
        assert status == 200, reply
        return json.loads(reply)


def send(socket: InProcessSocket, method: str, **fields: Any) -> None:
    socket.send(json.dumps({"method": method, **fields}).encode())


def subscribe(socket: InProcessSocket, kind: str, **fields: Any) -> None:
    send(socket, "subscribe", subscription={"type": kind, **fields})


def limit_order(asset: int, buy: bool, px: str, sz: str, tif: str = "Gtc", **more: Any) -> dict[str, Any]:
    order = {"a": asset, "b": buy, "p": px, "s": sz, "r": False, "t": {"limit": {"tif": tif}}, **more}
    return {"type": "order", "orders": [order], "grouping": "na"}


def virtual(
    body: Callable[[Session], Awaitable[T]],
    *,
    limits: bool = True,
    latency: Latency | None = None,
    markets: tuple[MarketSpec, ...] = MARKETS,
    **net: Any,
) -> T:
    """Run `body` against a fresh exchange in virtual time."""

    async def main() -> T:
        spec = LocalSpec(markets, funds={USER: 100_000.0, OTHER: 100_000.0})
        exchange = build(spec, START_NS)
        gateway = Gateway(exchange, LoopClock(START_NS), limits=limits)
        async with pumping(gateway):
            return await body(Session(exchange, gateway, InProcess(gateway, latency=latency, **net)))

    return run_virtually(main())
