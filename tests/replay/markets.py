"""Small markets and makers for the engine's tests, built in code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.events import DEPTH, END, EVENT, EXCH, LOCAL, TRADE, Chunk, empty_snapshots
from undertow.instrument import Instrument

START_NS = 1_700_000_000_000_000_000
COIN = Instrument(
    name="COIN", tick_size=0.1, size_step=0.01, min_notional=1.0, maker_fee_bps=1.5, taker_fee_bps=4.5
)


@dataclass(frozen=True)
class Stretch:
    """A recording held in memory, cut into chunks of `chunk_rows`."""

    rows: NDArray[np.void]
    instrument: Instrument = COIN
    snapshots: NDArray[np.float64] | None = None
    snapshot_fed: bool = False
    chunk_rows: int = 1 << 40
    name: str = "stretch"

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    @property
    def span_ns(self) -> tuple[int, int]:
        return int(self.rows["recv_ns"][0]), int(self.rows["recv_ns"][-1])

    def chunks(self) -> Iterator[Chunk]:
        table = empty_snapshots() if self.snapshots is None else self.snapshots
        for at in range(0, len(self.rows), self.chunk_rows):
            yield Chunk(self.rows[at : at + self.chunk_rows], table)


def walk(n: int, seed: int, *, feed_latency_ns: int = 5_000_000) -> NDArray[np.void]:
    """`n` rows of diffs and prints around a random walk, one every millisecond on average."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, dtype=EVENT)
    rows["exch_ns"] = START_NS + np.cumsum(rng.integers(1, 2_000_000, n))
    rows["recv_ns"] = rows["exch_ns"] + feed_latency_ns
    rows["kind"] = np.where(rng.random(n) < 0.2, TRADE, DEPTH)
    rows["flags"] = EXCH | LOCAL | END
    side = rng.choice(np.array([1, -1]), n)
    rows["side"] = side
    mid = 10_000 + np.cumsum(rng.normal(0, 0.02, n))
    away = rng.integers(1, 30, n)
    is_trade = rows["kind"] == TRADE
    tick = np.where(is_trade, np.round(mid + side * np.minimum(away, 5)), np.round(mid - side * away))
    rows["px"] = tick / 10
    size = rng.integers(1, 50, n) / 100
    rows["qty"] = np.where(~is_trade & (rng.random(n) < 0.3), 0.0, size)
    return rows
