"""Bytes of a frame in, bytes of a signed request out: ``python -m benchmarks.frame_to_order [--json FILE]``.

Ours is everything a live session does in between: decode, fuse the book, show its rows to the full maker,
gate, limits, batching, order table, signing, body. The official SDK's is its websocket manager and its
`Exchange` with the network cut off behind it, asked for as many orders as ours sent at that frame; it prices
nothing. Both on the same frames in turn, warm, wall time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.clock import LoopClock, run_virtually
from undertow.config import Config
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, Latency
from undertow.exchange.local import LocalSpec, MarketSpec, build
from undertow.exchange.pump import pumping
from undertow.live.garbage import rarely_collected
from undertow.makers import make, with_calibration
from undertow.synthetic.presets import load_preset
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.trading.orders.writing import JournalPort
from undertow.trading.runner import CoinRunner
from undertow.trading.session import LiveSession
from undertow.venue.account_events import OrderChanged
from undertow.venue.client import VenueClient
from undertow.venue.feed import MarketFeed
from undertow.venue.signing import Signer
from undertow.venue.wire.account import OrderUpdate

KEY = "0x" + "01" * 32
START_MS = 1_790_232_236_000
PRESET = "hip3-hype"
WARM_S, SECONDS = 300.0, 1500.0


class Steps:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.ns = START_MS * 1_000_000
        self.speed = 1.0

    def now_ns(self) -> int:
        return self.ns


class Answering:
    """The venue's end: notes when a request comes, and takes whatever is asked for."""

    def __init__(self) -> None:
        self.sent_ns: list[tuple[int, int]] = []  # when, and orders or cancels in it
        self.reports: list[dict[str, Any]] = []
        self._open: dict[int, dict[str, Any]] = {}
        self._oid = 1000

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        now_ns = time.perf_counter_ns()
        asked = msgspec.json.decode(body)
        if path == "/info":
            return 200, self._info(asked["type"])
        action = asked["action"]
        kind = action["type"]
        entries = action.get("orders") or action.get("cancels") or action.get("modifies")
        self.sent_ns.append((now_ns, len(entries)))
        if kind == "cancel":
            statuses: list[Any] = [self._end(entry["o"]) for entry in entries]
        elif kind == "batchModify":
            statuses = [self._modify(entry) for entry in entries]
        else:
            statuses = [self._rest(order) for order in entries]
        reply = {"type": "cancel" if kind == "cancel" else "order", "data": {"statuses": statuses}}
        return 200, msgspec.json.encode({"status": "ok", "response": reply})

    async def close(self) -> None:
        """Nothing is open."""

    async def connect(self, listener: object) -> Any:
        raise ConnectionRefusedError

    def _info(self, kind: str) -> bytes:
        zero = dict.fromkeys(("accountValue", "totalNtlPos", "totalRawUsd", "totalMarginUsed"), "0.0")
        state = {"marginSummary": zero, "crossMarginSummary": zero, "withdrawable": "0.0"}
        state |= {"assetPositions": [], "time": START_MS}
        status = {"time": START_MS, "specialStatuses": None}
        known = {"clearinghouseState": state, "exchangeStatus": status}
        return msgspec.json.encode(known.get(kind, []))

    def _end(self, oid: int) -> Any:
        order = self._open.pop(oid, None)
        if order is None:
            return {"error": "Order was never placed, already canceled, or filled."}
        self._report(order, "canceled")
        return "success"

    def _modify(self, entry: dict[str, Any]) -> Any:
        self._end(entry["oid"])
        return self._rest(entry["order"])

    def _rest(self, asked: dict[str, Any]) -> Any:
        self._oid += 1
        order = {"coin": "BTC", "side": "B" if asked["b"] else "A", "limitPx": asked["p"], "sz": asked["s"]}
        order |= {"oid": self._oid, "timestamp": START_MS, "origSz": asked["s"], "cloid": asked["c"]}
        self._open[self._oid] = order
        self._report(order, "open")
        return {"resting": {"oid": self._oid, "cloid": asked["c"]}}

    def _report(self, order: dict[str, Any], status: str) -> None:
        self.reports.append({"order": order, "status": status, "statusTimestamp": START_MS})


class Hearing:
    """A listener that only counts being up."""

    def on_up(self, epoch: int, now_ns: int) -> None:
        """Up."""

    def on_down(self, reason: str, now_ns: int) -> None:
        """Down."""

    def on_stall(self, waited_s: float, now_ns: int) -> None:
        """Stalled."""

    def on_frame(self, frame: object, recv_ns: int) -> None:
        """Heard by the tap."""

    def on_quarantined(self, subscription: object, reason: str) -> None:
        """Given up."""


def frames(seconds: float) -> list[tuple[int, bytes]]:
    """(receive time, bytes) of all that a session on the local exchange's `PRESET` hears, on virtual time."""
    heard: list[tuple[int, bytes]] = []

    async def listen() -> None:
        start_ns = START_MS * 1_000_000
        clock = LoopClock(start_ns)
        gateway = Gateway(build(LocalSpec((MarketSpec(PRESET, "BTC"),)), start_ns), clock)
        async with pumping(gateway):
            net = InProcess(gateway, latency=Latency(0.05, 0.05, 0.02))
            client = VenueClient(net, net, clock, network="testnet")
            connection = client.connection(Hearing(), tap=lambda data, ns: heard.append((ns, bytes(data))))
            connection.subscribe(*MarketFeed(["BTC"]).subscriptions())
            connection.start()
            await asyncio.sleep(seconds)
            await connection.close()

    run_virtually(listen())
    return heard


async def ours(
    messages: list[tuple[int, bytes]], journal: JournalPort | None = None
) -> tuple[NDArray[np.float64], list[int]]:
    """Microseconds from each frame's bytes to the first request's, and entries sent at each; NaN: none."""
    clock, venue = Steps(), Answering()
    instrument = load_preset(PRESET).market.instrument
    config = Config()
    config = msgspec.structs.replace(config, quoting=msgspec.structs.replace(config.quoting, mode="event"))
    client = VenueClient(venue, venue, clock, network="testnet", signer=Signer(KEY, mainnet=False))
    coins = Coins([Coin("BTC", 0, instrument)])
    limits = {"BTC": Limits(max_position_qty=1e6, orders_per_s=100_000)}
    execution = VenueExecution(
        ClientPort(client, coins),
        coins,
        limits,
        clock,
        session=1,
        options=OrderOptions(audit_every_s=1e6),
        journal=journal,
    )
    account = AccountReports(execution)
    runner = CoinRunner("BTC", instrument, make("undertow", with_calibration(config, PRESET), instrument))
    session = LiveSession([runner], execution, clock)
    feed = MarketFeed(["BTC"])

    async def settle() -> None:
        """Replies and reports come in."""
        for _ in range(4):
            await asyncio.sleep(0)
        reports, venue.reports = venue.reports, []
        for report in reports:
            account(OrderChanged(msgspec.convert(report, OrderUpdate, strict=False), clock.ns))
        await asyncio.sleep(0)

    await execution.start(session.answer)
    session.begin()
    with rarely_collected():
        found = await _timed(messages, session, feed, clock, venue, settle)
    await execution._inquiry.close()
    return found


async def _timed(
    messages: list[tuple[int, bytes]],
    session: LiveSession,
    feed: MarketFeed,
    clock: Steps,
    venue: Answering,
    settle: Callable[[], Awaitable[None]],
) -> tuple[NDArray[np.float64], list[int]]:
    """Every message in turn, from its bytes to those of the first request."""
    times, entries = [], []
    for recv_ns, message in messages:
        while (due_ns := session.lanes["BTC"].due_ns) < recv_ns:  # the clock's decisions come before
            clock.ns = max(clock.ns, due_ns)
            session.on_time(due_ns)
            await settle()
        clock.ns = recv_ns
        venue.sent_ns.clear()
        began_ns = time.perf_counter_ns()
        for received in feed.on_frame(message, recv_ns):
            session.deliver(received)
        await asyncio.sleep(0)
        times.append((venue.sent_ns[0][0] - began_ns) / 1e3 if venue.sent_ns else np.nan)
        entries.append(venue.sent_ns[0][1] if venue.sent_ns else 0)
        await settle()
    return np.array(times), entries


def theirs(messages: list[tuple[int, bytes]], entries: list[int]) -> NDArray[np.float64]:
    """The same of the official SDK, where ours sent something: that many orders in one request."""
    import eth_account
    from hyperliquid.exchange import Exchange
    from hyperliquid.websocket_manager import WebsocketManager

    meta: Any = {"universe": [{"name": "BTC", "szDecimals": 2}]}
    spot: Any = {"tokens": [], "universe": []}
    wallet = eth_account.Account.from_key(KEY)
    exchange = Exchange(wallet, "http://localhost:3001", meta=meta, spot_meta=spot, timeout=1)
    sent: list[int] = []

    class Cut:
        """Where the SDK's HTTP session ends."""

        status_code, text = 200, '{"status":"ok"}'

        def post(self, url: str, json: Any, timeout: Any) -> Any:
            msgspec.json.encode(json)  # the body, at no cost to speak of: requests would use json.dumps
            sent.append(time.perf_counter_ns())
            return self

        def json(self) -> Any:
            return {"status": "ok"}

    exchange.session = Cut()  # type: ignore[assignment]
    manager = WebsocketManager("http://localhost:3001")
    wanted = [0]

    def on_book(message: Any) -> None:
        levels = message["data"]["levels"]
        bids, _ = [[(float(level["px"]), float(level["sz"])) for level in side] for side in levels]
        quote(bids[0][0])

    def on_bbo(message: Any) -> None:
        quote(next(float(level["px"]) for level in message["data"]["bbo"] if level))

    def on_trades(message: Any) -> None:
        prints = [(float(trade["px"]), float(trade["sz"])) for trade in message["data"]]
        quote(prints[0][0])

    def quote(best: float) -> None:
        orders: Any = [
            {
                "coin": "BTC",
                "is_buy": True,
                "sz": 1.25,
                "limit_px": round(best - 0.01 * i, 2),
                "order_type": {"limit": {"tif": "Alo"}},
                "reduce_only": False,
            }
            for i in range(wanted[0])
        ]
        exchange.bulk_orders(orders)

    manager.ws_ready = True
    for kind, callback in (("l2Book", on_book), ("bbo", on_bbo), ("trades", on_trades)):
        manager.active_subscriptions[f"{kind}:btc"].append(_active(callback))
    out = []
    for (_, message), n in zip(messages, entries, strict=True):
        if not n:
            out.append(np.nan)
            continue
        wanted[0] = n
        text = message.decode()
        sent.clear()
        began_ns = time.perf_counter_ns()
        manager.on_message(None, text)  # type: ignore[arg-type]
        out.append((sent[0] - began_ns) / 1e3)
    return np.array(out)


def _active(callback: Any) -> Any:
    from hyperliquid.websocket_manager import ActiveSubscription

    return ActiveSubscription(callback, 1)


def compare() -> dict[str, dict[str, float]]:
    """p50 and p99 in µs of both, over the frames that led to a request."""
    messages = frames(WARM_S + SECONDS)
    mine, entries = asyncio.run(ours(messages))
    peer = theirs(messages, entries)
    warm = sum(at < (START_MS + WARM_S * 1e3) * 1e6 for at, _ in messages)
    out = {}
    for name, times in (("undertow", mine), ("official SDK", peer)):
        kept = times[warm:]
        kept = kept[~np.isnan(kept)]
        out[name] = {
            "p50_us": float(np.percentile(kept, 50)),
            "p99_us": float(np.percentile(kept, 99)),
            "requests": len(kept),
        }
    out["undertow"]["entries_per_request"] = float(np.mean([n for n in entries[warm:] if n]))
    return out


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frame_to_order", description=__doc__)
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    arguments = parser.parse_args()
    found = compare()
    print(f"{'frame to signed order':<24}{'p50 µs':>10}{'p99 µs':>10}{'frames':>10}")
    for name, figures in found.items():
        print(f"{name:<24}{figures['p50_us']:>10.0f}{figures['p99_us']:>10.0f}{figures['requests']:>10.0f}")
    print(f"orders, cancels and modifies in a request: {found['undertow']['entries_per_request']:.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
