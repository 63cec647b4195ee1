"""Tiny Hyperliquid recordings made in code, for tests of bad input."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path

T0_MS = 1_757_000_000_000
LEVELS = 3


def stamp(ms: float) -> str:
    """Receive time of the files: seconds."""
    return f"{(T0_MS + ms) / 1000:.4f}"


def trade(at_ms: float, px: object = 100.0, qty: object = 1.0, side: str = "buy", tid: int = 0) -> str:
    """A line of trades_: happened at `at_ms`, received 100 ms later."""
    return f"{stamp(at_ms + 100)},{px},{qty},{side},{tid or int(at_ms) + 1},{T0_MS + int(at_ms)}"


def quote(at_ms: float, side: str, px: object, qty: object = 1.0) -> str:
    """A line of prices_."""
    return f"{stamp(at_ms + 100)},{px},{qty},{side},{T0_MS + int(at_ms)}"


def book(at_ms: float, bid: float = 99.0, ask: float = 101.0, levels: dict[str, object] | None = None) -> str:
    """A line of orderbooks_: three levels a side, 1 apart; `levels` overwrites columns."""
    columns: dict[str, object] = {}
    for k in range(LEVELS):
        columns |= {f"bid_price_{k}": bid - k, f"bid_size_{k}": 1.0 + k}
        columns |= {f"ask_price_{k}": ask + k, f"ask_size_{k}": 1.0 + k}
    columns |= levels or {}
    return ",".join(map(str, [stamp(at_ms + 100), T0_MS + int(at_ms), T0_MS + int(at_ms), *columns.values()]))


def _book_header() -> str:
    names = ("bid_price", "bid_size", "ask_price", "ask_size")
    levels = [f"{name}_{k}" for k in range(LEVELS) for name in names]
    return ",".join(["timestamp", "sequence", "exchange_timestamp", *levels])


HEADERS = {
    "trades": "timestamp,price,size,side,trade_id,exchange_timestamp",
    "prices": "timestamp,price,size,side,exchange_timestamp",
    "orderbooks": _book_header(),
}


@dataclass
class Files:
    """Lines of the three files; every list may be spoiled before `write`."""

    trades: list[str] = field(default_factory=lambda: [trade(t) for t in range(1000, 5000, 500)])
    prices: list[str] = field(
        default_factory=lambda: [
            quote(t, s, p) for t in range(900, 5000, 300) for s, p in (("bid", 99.0), ("ask", 101.0))
        ]
    )
    orderbooks: list[str] = field(default_factory=lambda: [book(t) for t in range(800, 5000, 540)])

    def write(self, folder: Path, *, cut_bytes: int = 0, compress: bool = False) -> Path:
        """Write the files; the last `cut_bytes` of the trades are lost."""
        for name, header in HEADERS.items():
            data = "\n".join([header, *getattr(self, name)]).encode() + b"\n"
            if compress:
                data = gzip.compress(data, mtime=0)
            if name == "trades" and cut_bytes:
                data = data[:-cut_bytes]
            (folder / f"{name}_BTC.csv{'.gz' if compress else ''}").write_bytes(data)
        return folder
