"""A recording as a live feed would have brought it: message by message, in order of receipt."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator, Mapping

import numpy as np

from undertow.clock import Clock
from undertow.events import EXCH, LOCAL, SNAPSHOT
from undertow.recording import Recording
from undertow.trading.seams import Deliver, Received


def messages(market: Recording, coin: str) -> Iterator[Received]:
    """What the maker receives of `market`, all rows of one receive time together.

    Exchange times are raised to the latest received before, which is what a feed promises.
    """
    latest = -(2**62)
    for chunk in market.chunks():
        rows = chunk.rows[chunk.rows["flags"] & LOCAL != 0].copy()
        if not len(rows):
            continue
        rows["flags"] |= EXCH
        rows["exch_ns"] = np.maximum(np.maximum.accumulate(rows["exch_ns"]), latest)
        latest = int(rows["exch_ns"][-1])
        edges = np.flatnonzero(np.diff(rows["recv_ns"])) + 1
        for start, stop in zip([0, *edges], [*edges, len(rows)], strict=True):
            piece = rows[start:stop]
            at = piece["kind"] == SNAPSHOT
            table = chunk.snapshots[piece["ref"][at]]
            piece["ref"][at] = np.arange(len(table))
            yield Received(coin, piece, table)


def merged(markets: Mapping[str, Recording]) -> Iterator[Received]:
    """The messages of several coins in order of receipt."""
    feeds = [messages(market, coin) for coin, market in markets.items()]
    yield from heapq.merge(*feeds, key=lambda received: int(received.rows["recv_ns"][0]))


async def play(markets: Mapping[str, Recording], clock: Clock, deliver: Deliver) -> None:
    """Deliver what `markets` bring when `clock` comes to it; returns when they are over."""
    for received in merged(markets):
        wait_ns = int(received.rows["recv_ns"][0]) - clock.now_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns * 1e-9 / clock.speed)
        deliver(received)
