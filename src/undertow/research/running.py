"""Many makers on many markets: one generation or reading of a market feeds all makers.

Generated sessions are spread over the cores by threads: neither the generator nor the loops hold the
interpreter's lock, and a thread shares the loaded machine code, which a process would load anew
(docs/compare.md has the measurement). One long recording is read once instead, with a thread per maker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

import msgspec

from undertow import makers
from undertow.account.decomposition import DEFAULT_HORIZON_S
from undertow.account.measures import Measures, measure
from undertow.account.paired import BLOCK_S
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.recording import Recording
from undertow.replay.engine import Engine
from undertow.replay.from_config import settings_of, with_fees
from undertow.replay.settings import ReplaySettings
from undertow.replay.together import Watch, run_engines
from undertow.research.variants import Variant
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.synthetic.params import MarketParams
from undertow.synthetic.presets import load_preset

HELD_S: Final = 7_200.0
"""Sessions up to this long are generated into memory and replayed maker by maker."""

Progress = Callable[[int, int], None]
"""Called with (sessions done, sessions in all)."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A generated market without its seed."""

    market: str = "hl-btc"
    duration_s: float = 1_800.0
    toxicity: float | None = None
    liquidity: float | None = None

    @property
    def name(self) -> str:
        """Market, and what was changed about it."""
        changes = [f"{k} {v:g}" for k in ("toxicity", "liquidity") if (v := getattr(self, k)) is not None]
        return ", ".join([self.market, *changes])

    def params(self) -> MarketParams:
        """The preset, read once for many seeds."""
        return load_preset(self.market).market

    def generate(self, params: MarketParams, seed: int) -> GeneratedMarket:
        """The market of one seed."""
        return generate(
            params, seed=seed, duration_s=self.duration_s, toxicity=self.toxicity, liquidity=self.liquidity
        )


@dataclass(frozen=True)
class _Ready:
    """A variant made ready for an instrument, shared by every session."""

    maker: Maker
    settings: ReplaySettings


def _ready(variants: Sequence[Variant], instrument: Instrument, preset: str | None = None) -> list[_Ready]:
    """The makers, ``belief.calibration = "auto"`` settled for the generated `preset` (None: a recording)."""
    configs = [makers.with_calibration(v.config, preset) for v in variants]
    return [
        _Ready(makers.make(v.maker, config, instrument), settings_of(config))
        for v, config in zip(variants, configs, strict=True)
    ]


def run_seeds(
    cells: Sequence[Cell],
    seeds: Sequence[int],
    variants: Sequence[Variant],
    *,
    horizon_s: float = DEFAULT_HORIZON_S,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[list[list[Measures]]]:
    """Every variant on every seed of every cell; ``found[cell][seed][variant]``.

    `workers` threads (0: one a core). The result does not depend on them.
    """
    sessions = [(c, s) for c in range(len(cells)) for s in range(len(seeds))]
    params = [cell.params() for cell in cells]
    fees = variants[0].config
    ready = [
        _ready(variants, with_fees(cell.generate(p, 0), fees).instrument, p.name)
        for cell, p in zip(cells, params, strict=True)
    ]
    found: list[list[list[Measures]]] = [[[] for _ in seeds] for _ in cells]

    def session(c: int, s: int) -> None:
        market = with_fees(cells[c].generate(params[c], seeds[s]), fees)
        found[c][s] = _session(market, ready[c], cells[c].duration_s, horizon_s)

    session(*sessions[0])  # compiles or loads every loop, once
    if progress is not None:
        progress(1, len(sessions))
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        waiting: list[Future[None]] = [pool.submit(session, c, s) for c, s in sessions[1:]]
        try:
            for done, future in enumerate(as_completed(waiting), 2):
                future.result()
                if progress is not None:
                    progress(done, len(sessions))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _session(
    market: Recording, ready: Sequence[_Ready], duration_s: float, horizon_s: float
) -> list[Measures]:
    """All makers on one generated market, in the calling thread."""
    if duration_s > HELD_S:
        engines = [_engine(market, r) for r in ready]
        for chunk in market.chunks():
            for engine in engines:
                engine.feed(chunk)
        return [measure(engine.finish(), horizon_s) for engine in engines]
    chunks, found = list(market.chunks()), []
    for r in ready:
        engine = _engine(market, r)
        for chunk in chunks:
            engine.feed(chunk)
        found.append(measure(engine.finish(), horizon_s))
    return found


def _engine(market: Recording, ready: _Ready) -> Engine:
    return Engine(market.instrument, ready.maker, ready.settings, snapshot_fed=market.snapshot_fed)


def run_recording(
    recording: Recording,
    variants: Sequence[Variant],
    *,
    horizon_s: float = DEFAULT_HORIZON_S,
    block_s: float = BLOCK_S,
    watch: Watch | None = None,
) -> list[Measures]:
    """Every variant on one recording, which is read once; measures with the PnL per block."""
    market = with_fees(recording, variants[0].config)
    engines = [_engine(market, r) for r in _ready(variants, market.instrument)]
    return [measure(r, horizon_s, block_s=block_s) for r in run_engines(market, engines, watch)]
