"""`generate` a market: a recording made by the simulator, with the truth beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.events import Chunk
from undertow.instrument import Instrument
from undertow.synthetic import simulator
from undertow.synthetic.params import Feed, MarketParams
from undertow.synthetic.presets import load_preset
from undertow.synthetic.world import JUMPS, ORDERS, PATH, Out, World, most_rows_per_step, new_out, new_world
from undertow.units import s_to_ns

START_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC, where generated markets begin unless told otherwise."""
CHUNK_ROWS = 131_072


class Truth(NamedTuple):
    """What no row shows: the hidden path, every aggressor order's motive, every jump.

    Structured arrays of dtypes `PATH` (one entry per block), `ORDERS` and `JUMPS`
    (`undertow.synthetic.world`). For research only: nothing that trades may see it.
    """

    path: NDArray[np.void]
    orders: NDArray[np.void]
    jumps: NDArray[np.void]


class GeneratedMarket:
    """A generated market; implements `undertow.recording.Recording`.

    The same parameters, seed and span give the same rows whatever `chunk_rows`; a longer span begins
    with the rows of a shorter one. Nothing is kept in memory: `chunks` simulates as it goes.
    """

    def __init__(
        self, market: MarketParams, *, seed: int, duration_s: float, start_ns: int, chunk_rows: int
    ) -> None:
        if not duration_s > 0:
            raise ValueError(f"duration_s = {duration_s} must be positive")
        self.params = market
        self.seed = seed
        self.duration_s = duration_s
        self.start_ns = start_ns
        self.chunk_rows = chunk_rows
        self._extent: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        """Preset and seed."""
        return f"{self.params.name}-{self.seed}"

    @property
    def instrument(self) -> Instrument:
        """Trading rules of the market."""
        return self.params.instrument

    @property
    def snapshot_fed(self) -> bool:
        """Whether the feed's books are snapshots."""
        return self.params.feed.style in ("snapshots", "snapshots-2026")

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time (the first call simulates the market once)."""
        return self._measured()[:2]

    @property
    def n_rows(self) -> int:
        """Number of rows (the first call simulates the market once)."""
        return self._measured()[2]

    def chunks(self) -> Iterator[Chunk]:
        """The market's rows from the beginning, `chunk_rows` or a little less at a time."""
        n, first, last = 0, 0, 0
        for _, out in self._stretches():
            rows = out.rows[: out.count["rows"]].copy()
            if len(rows) == 0:
                continue
            first = first or int(rows["recv_ns"][0])
            last = int(rows["recv_ns"][-1])
            n += len(rows)
            yield Chunk(rows, out.snapshots[: out.count["snapshots"]].copy())
        self._extent = (first, last, n)

    def truth(self) -> Truth:
        """The hidden path, orders and jumps of the whole span (simulates the market once)."""
        path, orders, jumps = [np.empty(0, PATH)], [np.empty(0, ORDERS)], [np.empty(0, JUMPS)]
        for _, out in self._stretches():
            path.append(out.path[: out.count["path"]].copy())
            orders.append(out.orders[: out.count["orders"]].copy())
            jumps.append(out.jumps[: out.count["jumps"]].copy())
        return Truth(np.concatenate(path), np.concatenate(orders), np.concatenate(jumps))

    def open(self) -> tuple[World, Out]:
        """The market at its start, for those who step it themselves (`simulator.step`)."""
        world = new_world(self.params, self.seed, self.start_ns)
        out = new_out(world, self.chunk_rows)
        simulator.begin(world, out, self.start_ns)
        return world, out

    def _stretches(self) -> Iterator[tuple[World, Out]]:
        world, out = self.open()
        slack = most_rows_per_step(world)
        end_ns = self.start_ns + s_to_ns(self.duration_s)
        done = False
        while not done:
            simulator.clear_out(out)
            done = simulator.advance(world, out, end_ns, slack)
            yield world, out

    def _measured(self) -> tuple[int, int, int]:
        if self._extent is None:
            first, last, n = 0, 0, 0
            for _, out in self._stretches():
                count = int(out.count["rows"])
                if count:
                    first = first or int(out.rows["recv_ns"][0])
                    last = int(out.rows["recv_ns"][count - 1])
                    n += count
            self._extent = (first, last, n)
        return self._extent


def generate(
    preset: str | MarketParams,
    seed: int = 1,
    duration_s: float = 10_800.0,
    *,
    toxicity: float | None = None,
    liquidity: float | None = None,
    feed: Feed | None = None,
    start_ns: int = START_NS,
    chunk_rows: int = CHUNK_ROWS,
) -> GeneratedMarket:
    """A market from a preset's name, a preset file's path or parameters.

    `toxicity`, `liquidity` and the `feed` style replace those of the preset. Raises `ValueError`
    naming what is out of range.
    """
    market = load_preset(preset).market if isinstance(preset, str) else preset
    if toxicity is not None:
        market = msgspec.structs.replace(market, toxicity=toxicity)
    if liquidity is not None:
        market = msgspec.structs.replace(market, liquidity=liquidity)
    if feed is not None:
        market = msgspec.structs.replace(market, feed=msgspec.structs.replace(market.feed, style=feed))
    try:
        msgspec.convert(msgspec.to_builtins(market), MarketParams)
    except msgspec.ValidationError as fault:
        raise ValueError(f"market {market.name}: {fault}") from fault
    return GeneratedMarket(market, seed=seed, duration_s=duration_s, start_ns=start_ns, chunk_rows=chunk_rows)
