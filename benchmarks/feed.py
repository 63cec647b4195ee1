"""What a frame costs: bytes in, rows of the fused book out, beside the official SDK's decoding alone.

``python -m benchmarks.feed``. The SDK's figure is what its websocket thread does with a message before
a callback sees it (``json.loads`` and the look-up of the subscription); it builds no book. Frames are
those of a generated session (`tests.venue.market_sim`), in order of arrival; both sides read each frame
in turn. Microseconds per frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from tests.venue.market_sim import COIN, Message, Way, session

from undertow.venue.feed import MarketFeed

BLOCKS = 12_000
WAY = Way({"bbo": 20.0, "fast": 30.0, "slow": 60.0, "trades": 20.0})
_SUBSCRIPTIONS = ("l2Book", "bbo", "trades")


def _sdk() -> Callable[[Message], None] | None:
    """The SDK's way to a callback; None where it is not installed."""
    try:
        from hyperliquid.websocket_manager import WebsocketManager
    except ImportError:
        return None
    manager: Any = SimpleNamespace(active_subscriptions={})
    heard: list[Any] = [None]
    listener = SimpleNamespace(callback=lambda message: heard.__setitem__(0, message))
    for kind in _SUBSCRIPTIONS:
        manager.active_subscriptions[f"{kind}:{COIN.lower()}"] = [listener]
    return lambda message: WebsocketManager.on_message(manager, None, message.data.decode())


def measure(blocks: int = BLOCKS) -> dict[str, dict[str, tuple[float, float]]]:
    """Median and 99th percentile by kind of frame and by reader."""
    feed, sdk = MarketFeed([COIN]), _sdk()
    readers: dict[str, Callable[[Message], Any]] = {
        "undertow, to rows of the fused book": lambda m: feed.on_frame(m.data, m.recv_ms * 1_000_000)
    }
    if sdk is not None:
        readers["official SDK, to the callback"] = sdk
    spent: dict[str, dict[str, list[int]]] = {}
    for message in session(11, blocks, WAY):
        for name, read in readers.items():
            begin = time.perf_counter_ns()
            read(message)
            spent.setdefault(message.what, {}).setdefault(name, []).append(time.perf_counter_ns() - begin)
    return {
        kind: {name: tuple(np.quantile(ns, (0.5, 0.99)) / 1000.0) for name, ns in by.items()}
        for kind, by in spent.items()
    }


def main() -> None:
    """Print the table."""
    print(f"{'frame':8s}{'reader':40s}{'p50 µs':>10s}{'p99 µs':>10s}")
    for kind, by in measure().items():
        for name, (median, high) in by.items():
            print(f"{kind:8s}{name:40s}{median:10.1f}{high:10.1f}")


if __name__ == "__main__":
    main()
