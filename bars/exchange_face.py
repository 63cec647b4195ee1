"""The local exchange's face: cost of a frame, of twenty coins at real cadence, and fuzzed frames."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bars import Figure
from undertow.clock import LoopClock, run_virtually
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.exchange.local import LocalSpec, MarketSpec, build
from undertow.exchange.pump import pumping
from undertow.exchange.subscriptions import KINDS, parse

TITLE = "The local exchange's face: frames, twenty coins, fuzz"

_START_NS = 1_790_000_000_000_000_000
_USER = "0x" + "1" * 40
_COINS = 20
_SPAN_S = 120.0
_FUZZED = 100_000


class _Sink:
    """A listener that counts."""

    def __init__(self) -> None:
        self.frames = 0
        self.closed = False

    def on_message(self, data: bytes, recv_ns: int) -> None:
        """One more."""
        self.frames += 1

    def on_closed(self, reason: str) -> None:
        """It ended."""
        self.closed = True


def _exchange(n: int) -> Exchange:
    markets = tuple(
        MarketSpec("hip3-hype", f"hyna:C{i}") if i % 2 else MarketSpec("hl-btc", f"C{i}") for i in range(n)
    )
    return build(LocalSpec(markets, funds={_USER: 1e6}), _START_NS)


def _per_call_us(call: Callable[[], Any], repeats: int = 2000) -> float:
    call()
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(repeats // 5):
            call()
        best = min(best, (time.perf_counter() - began) / (repeats // 5))
    return best * 1e6


def _frame_costs() -> list[Figure]:
    exchange = _exchange(1)

    async def costs() -> dict[str, float]:
        gateway = Gateway(exchange, LoopClock(_START_NS), limits=False)
        exchange.advance(_START_NS + 60_000_000_000)
        found = {}
        for name, wanted in (
            ("bbo", {"type": "bbo", "coin": "C0"}),
            ("l2Book fast", {"type": "l2Book", "coin": "C0", "fast": True}),
            ("l2Book", {"type": "l2Book", "coin": "C0"}),
            ("l2Book nSigFigs 4", {"type": "l2Book", "coin": "C0", "nSigFigs": 4}),
            ("activeAssetCtx", {"type": "activeAssetCtx", "coin": "C0"}),
        ):
            subscription = parse(wanted, gateway.names)
            found[name] = _per_call_us(lambda s=subscription: gateway.streams.first(s))  # type: ignore[misc]
        return found

    bars = {
        "bbo": 60.0,
        "l2Book fast": 150.0,
        "l2Book": 400.0,
        "l2Book nSigFigs 4": 1000.0,
        "activeAssetCtx": 500.0,
    }
    return [
        Figure(f"{name} frame, us", round(us, 1), f"<= {bars[name]:g}", us <= bars[name])
        for name, us in run_virtually(costs()).items()
    ]


def _twenty_coins() -> list[Figure]:
    exchange = _exchange(_COINS)
    spent = {"exchange": 0.0, "face": 0.0}

    async def session() -> int:
        gateway = Gateway(exchange, LoopClock(_START_NS), limits=False)
        advance, publish = exchange.advance, gateway.streams.publish

        def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def run(*arguments: Any) -> Any:
                began = time.perf_counter()
                done = call(*arguments)
                spent[name] += time.perf_counter() - began
                return done

            return run

        exchange.advance = timed("exchange", advance)  # type: ignore[method-assign]
        gateway.streams.publish = timed("face", publish)  # type: ignore[method-assign]
        sink = _Sink()
        async with pumping(gateway):
            socket = await InProcess(gateway).connect(sink)
            for coin in exchange.state.by_name:
                for wanted in (
                    {"type": "bbo", "coin": coin},
                    {"type": "l2Book", "coin": coin},
                    {"type": "l2Book", "coin": coin, "fast": True},
                    {"type": "trades", "coin": coin},
                    {"type": "activeAssetCtx", "coin": coin},
                ):
                    socket.send(json.dumps({"method": "subscribe", "subscription": wanted}).encode())
            for kind in ("orderUpdates", "userFills", "userEvents", "openOrders", "clearinghouseState"):
                wanted = {"type": kind, "user": _USER}
                socket.send(json.dumps({"method": "subscribe", "subscription": wanted}).encode())
            while asyncio.get_running_loop().time() < _SPAN_S:
                await asyncio.sleep(20.0)
                socket.send(b'{"method":"ping"}')
        return sink.frames

    frames = run_virtually(session())
    shares = {name: seconds / _SPAN_S for name, seconds in spent.items()}
    return [
        Figure(
            f"{_COINS} coins at real cadence: {name}, share of one core",
            round(share, 4),
            bar,
            passed,
            detail={"frames_per_s": round(frames / _SPAN_S, 1)},
        )
        for (name, share), bar, passed in (
            (("exchange", shares["exchange"]), "<= 0.25", shares["exchange"] <= 0.25),
            (("face", shares["face"]), "<= 0.10", shares["face"] <= 0.10),
        )
    ]


def _garbage(rng: random.Random) -> bytes:
    """A frame of a client: sound, sound but for a byte, or of the right words in the wrong places."""
    words: list[Any] = [
        "C0",
        "C1",
        _USER,
        "",
        "1m",
        None,
        True,
        5,
        -1,
        1e308,
        [],
        {},
        10**30,
        "\u0000",
        "hyna",
    ]
    kind = rng.choice([*KINDS, "nothing", 7])
    names = rng.sample(["coin", "user", "dex", "nSigFigs", "mantissa", "fast", "interval"], rng.randrange(5))
    wanted: Any = {"type": kind, **{name: rng.choice(words) for name in names}}
    method = rng.choice(["subscribe", "subscribe", "unsubscribe", "post", "ping", "dance", None])
    request: Any = {"method": method, "subscription": rng.choice([wanted, wanted, rng.choice(words)])}
    if method == "post":
        payload = rng.choice([wanted, {"action": wanted, "nonce": rng.choice(words)}, rng.choice(words)])
        request = {
            "method": "post",
            "id": rng.choice([1, 2, -1, "x"]),
            "request": {"type": rng.choice(["info", "action", "x"]), "payload": payload},
        }
    sent = rng.choice([request, request, request, wanted, rng.choice(words)])
    data = bytearray(json.dumps(sent).encode())
    if rng.random() < 0.3:
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


class Fuzzed(NamedTuple):
    """Exceptions that reached the event loop, sockets dropped, subscriptions left behind."""

    faults: int
    dropped: int
    left: int


def fuzz(frames: int, seed: int) -> Fuzzed:
    """Send `frames` broken frames to a gateway, over as many sockets as it drops."""
    exchange = _exchange(2)
    rng = random.Random(seed)

    async def session() -> Fuzzed:
        gateway = Gateway(exchange, LoopClock(_START_NS), limits=False)
        net = InProcess(gateway)
        dropped, faults = 0, 0

        def fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            nonlocal faults
            faults += 1

        asyncio.get_running_loop().set_exception_handler(fault)
        async with pumping(gateway):
            sink = _Sink()
            socket = await net.connect(sink)
            for i in range(frames):
                socket.send(_garbage(rng))
                if i % 20 == 19:
                    await asyncio.sleep(0.001)
                if sink.closed:
                    dropped += 1
                    sink = _Sink()
                    socket = await net.connect(sink)
            socket.close()
            await asyncio.sleep(1.0)
            return Fuzzed(faults, dropped, gateway.peer("127.0.0.1").subscriptions)

    return run_virtually(session())


def measure() -> list[Figure]:
    """All figures."""
    figures = _frame_costs() + _twenty_coins()
    found = fuzz(_FUZZED, 1)
    figures.append(
        Figure(
            f"{_FUZZED} fuzzed frames: faults and subscriptions left behind",
            found.faults + found.left,
            "0",
            found.faults + found.left == 0,
            seeds=[1],
            detail={"sockets_dropped": found.dropped},
        )
    )
    return figures
