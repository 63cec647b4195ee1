"""Writing down what a venue publishes, without trading: rows into a store, raw frames beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from undertow.clock import WallClock
from undertow.data.appending import StoreAppender
from undertow.data.layout import RecordingMeta
from undertow.live.spec import CannotRun
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import Network, endpoints
from undertow.venue.feed import MarketFeed
from undertow.venue.http import HttpxClient
from undertow.venue.market_data import MarketData
from undertow.venue.received import Received
from undertow.venue.record import FrameWriter
from undertow.venue.sockets import connector
from undertow.venue.universe import Universe, UnknownCoin, discover

VENUE = "hyperliquid"


@dataclass
class Recorded:
    """What has been written so far: rows by coin, frames and their bytes, where a link broke."""

    store: Path
    frames_path: Path | None
    rows: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    frame_bytes: int = 0
    breaks: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def record(
    network: Network,
    coins: tuple[str, ...],
    references: Mapping[str, tuple[str, ...]],
    store: Path,
    *,
    url: str = "",
    duration_s: float | None = None,
    raw: bool = True,
    stop: asyncio.Event,
    tell: Callable[[Recorded], None],
) -> Recorded:
    """Record `coins` until `duration_s` has passed or `stop` is set. `tell` is called twice a second.

    Raises `CannotRun` for a coin the venue does not have, `OSError` where it cannot be reached.
    """
    clock = WallClock()
    where = endpoints(network)
    http_url = url or where.http
    ws_url = http_url.replace("http", "ws", 1) + "/ws" if url else where.ws
    client = VenueClient(HttpxClient(http_url), connector(ws_url, clock), clock, network=network)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        universe = await _universe(client, coins, references)
        frames = stack.enter_context(FrameWriter(_frames_path(store))) if raw else None
        done = Recorded(store, frames.path if frames is not None else None)
        writers: dict[str, StoreAppender] = {}
        for coin in coins:
            instrument = universe.perp(coin).instrument()
            writers[coin] = StoreAppender(store, RecordingMeta(VENUE, coin, instrument, True))
            stack.callback(writers[coin].close)

        def deliver(received: Received) -> None:
            writers[received.coin].write(received.rows, received.snapshots)
            done.rows[received.coin] += len(received.rows)

        feed = MarketFeed(coins, references)
        market = MarketData(
            client,
            feed,
            deliver,
            tap=frames,
            on_lost=lambda lost, reason: done.breaks.append(f"{', '.join(lost)}: {reason}"),
        )
        market.start()
        stack.push_async_callback(market.close)
        loop = asyncio.get_running_loop()
        ends = None if duration_s is None else loop.time() + duration_s
        while not stop.is_set() and (ends is None or loop.time() < ends):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
            if frames is not None:
                done.frames, done.frame_bytes = frames.messages, frames.bytes
            done.refused = {str(what): why for what, why in market.quarantined.items()}
            tell(done)
    return done


async def _universe(
    client: VenueClient, coins: tuple[str, ...], references: Mapping[str, tuple[str, ...]]
) -> Universe:
    dexes = sorted({coin.partition(":")[0] for coin in coins if ":" in coin})
    named = [name for names in references.values() for name in names]
    try:
        universe = await discover(client, dexes=dexes, spot=any("/" in n or "@" in n for n in named))
        for coin in coins:
            universe.perp(coin)
        for name in named:
            universe.reference(name)
    except UnknownCoin as error:
        raise CannotRun(str(error)) from error
    return universe


def _frames_path(store: Path) -> Path:
    return store / "frames" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl.zst"
