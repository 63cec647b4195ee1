"""A true order book that changes block by block, the frames the venue would send of it, and how they
may arrive: late, out of order, twice or not at all."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

COIN = "SIM"
BLOCK_MS = 70
DEPTH = {"fast": 5, "slow": 20}


@dataclass
class Message:
    """One frame on its way. ``what``: bbo, fast, slow or trades; ``at_ms``: the venue's time."""

    what: str
    at_ms: int
    data: bytes
    recv_ms: int = 0


def level(px: int, qty: int) -> dict[str, Any]:
    return {"px": px_text(px), "sz": f"{qty / 100:.2f}", "n": 1}


def px_text(cents: int) -> str:
    return f"{cents / 100:.2f}"


@dataclass
class TrueBook:
    """Bids and asks: hundredths of size by price in cents."""

    rng: random.Random
    mid: int = 5_000
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    tid: int = 0

    def __post_init__(self) -> None:
        for k in range(1, 40):
            if self.rng.random() < 0.8:
                self.bids[self.mid - k] = self.rng.randint(1, 500)
            if self.rng.random() < 0.8:
                self.asks[self.mid + k] = self.rng.randint(1, 500)

    def block(self) -> list[tuple[str, int, int]]:
        """One block of changes; returns the prints (side, px, qty)."""
        rng = self.rng
        prints: list[tuple[str, int, int]] = []
        for _ in range(rng.randint(0, 3)):
            if rng.random() < 0.25:
                prints += self.take(rng.choice("BA"), rng.randint(1, 1500))
            else:
                self.requote(rng.choice("BA"))
        return prints

    def requote(self, side: str) -> None:
        rng = self.rng
        mine, other, sign = (self.bids, self.asks, 1) if side == "B" else (self.asks, self.bids, -1)
        touch = (min(other) if side == "B" else max(other)) if other else self.mid
        px = touch - sign * rng.choice([1, 1, 2, 2, 3, 4, 5, 6, 8, 12, 20, 30, 45])
        if mine and rng.random() < 0.4:
            mine.pop(rng.choice(sorted(mine)))
        elif px > 0:
            mine[px] = rng.randint(1, 500)

    def take(self, side: str, qty: int) -> list[tuple[str, int, int]]:
        """An aggressor of `side` takes `qty`."""
        other = self.asks if side == "B" else self.bids
        prints = []
        while qty > 0 and len(other) > 1:
            px = min(other) if side == "B" else max(other)
            done = min(qty, other[px])
            prints.append((side, px, done))
            qty -= done
            other[px] -= done
            if not other[px]:
                del other[px]
        return prints

    def sides(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    def bbo(self, at_ms: int) -> Message:
        bids, asks = self.sides()
        quotes = [level(*bids[0]) if bids else None, level(*asks[0]) if asks else None]
        return _message("bbo", at_ms, "bbo", {"coin": COIN, "time": at_ms, "bbo": quotes})

    def book(self, what: str, at_ms: int) -> Message:
        n = DEPTH[what]
        levels = [[level(*x) for x in side[:n]] for side in self.sides()]
        data: dict[str, Any] = {"coin": COIN, "time": at_ms, "levels": levels}
        if what == "fast":
            data["fast"] = True
        return _message(what, at_ms, "l2Book", data)

    def trades(self, at_ms: int, prints: list[tuple[str, int, int]]) -> Message:
        rows = []
        for side, px, qty in prints:
            self.tid += 1
            rows.append(
                {
                    "coin": COIN,
                    "side": side,
                    "px": px_text(px),
                    "sz": f"{qty / 100:.2f}",
                    "time": at_ms,
                    "hash": "0x",
                    "tid": self.tid,
                    "users": ["0x1", "0x2"],
                }
            )
        return _message("trades", at_ms, "trades", rows)


def _message(what: str, at_ms: int, channel: str, data: Any) -> Message:
    return Message(what, at_ms, json.dumps({"channel": channel, "data": data}).encode())


@dataclass
class Way:
    """How messages travel: mean extra delay per kind, chance of loss and of arriving twice."""

    delay_ms: dict[str, float]
    lose: float = 0.0
    twice: float = 0.0


def session(seed: int, blocks: int, way: Way, start_ms: int = 1_790_000_000_000) -> list[Message]:
    """Messages of a session in the order in which they arrive."""
    rng = random.Random(seed)
    book = TrueBook(rng)
    sent = [book.bbo(start_ms), book.book("fast", start_ms), book.book("slow", start_ms)]
    next_fast, next_slow = start_ms + 540, start_ms + 5400
    last = book.bbo(start_ms).data
    for k in range(1, blocks):
        now = start_ms + k * BLOCK_MS
        prints = book.block()
        if prints:
            sent.append(book.trades(now, prints))
        best = book.bbo(now)
        if json.loads(best.data)["data"]["bbo"] != json.loads(last)["data"]["bbo"]:
            sent.append(best)
            last = best.data
        if now >= next_fast:
            next_fast += 540
            sent.append(book.book("fast", now))
        if now >= next_slow:
            next_slow += 5400
            sent.append(book.book("slow", now))
    arriving: list[Message] = []
    for message in sent:
        for _ in range(2 if rng.random() < way.twice else 1):
            if rng.random() >= way.lose or message.at_ms == start_ms:
                delay = 50 + round(rng.expovariate(1.0) * way.delay_ms[message.what])
                arriving.append(Message(message.what, message.at_ms, message.data, message.at_ms + delay))
    arriving.sort(key=lambda m: m.recv_ms)
    return arriving
