"""Recordings and configurations on which both engines run the same grid."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bars
import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.peer.rows import levels_and_prints, to_hftbacktest
from undertow.baselines.glft_grid import GlftGridSettings, make_glft_grid
from undertow.data.convert import convert
from undertow.data.memory import InMemoryRecording
from undertow.events import TRADE, Chunk, empty_snapshots
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.replay import ReplaySettings

SOURCES: dict[str, tuple[str, str]] = {
    "Binance BTC USDⓈ-M 2024": ("binance-raw", "binance_2024-08-08/usdm_btcusdt.gz"),
    "Binance BTC coin-M 2024": ("binance-raw", "binance_2024-08-08/coinm_btcusd_perp.gz"),
    "Binance BTC spot 2024": ("binance-raw", "binance_2024-08-08/spot_btcusdt.gz"),
    "Binance BTC USDⓈ-M 2026": ("binance-books", "binance_2026-02-16/*fut*"),
    "Hyperliquid BTC 2025": ("hyperliquid-csv", "hyperliquid_2025-09-04/*BTC*"),
    "Hyperliquid ETH 2025": ("hyperliquid-csv", "hyperliquid_2025-09-04/*ETH*"),
    "StandX BTC 45 h": ("standx", "standx_btc/*.parquet"),
}


@dataclass(frozen=True)
class Case:
    """One configuration: latency (each way), cycle, and the shape of the grid."""

    latency_ms: float
    cycle_ms: float
    levels: int
    least_gap_ticks: int
    spread_factor: float
    skew_factor: float

    def grid(self, instrument: Instrument) -> GlftGridSettings:
        """The grid's settings: ten size steps an order, a one-minute window."""
        return GlftGridSettings(
            gamma=0.05,
            spread_factor=self.spread_factor,
            skew_factor=self.skew_factor,
            levels=self.levels,
            order_qty=10 * instrument.size_step,
            max_orders=50,
            least_gap_ticks=self.least_gap_ticks,
            window_cycles=600,
            update_cycles=50,
            cycle_s=self.cycle_ms / 1e3,
        )

    def settings(self) -> ReplaySettings:
        """The modes in which hftbacktest is right."""
        return ReplaySettings(
            order_latency_ms=self.latency_ms,
            order_jitter_ms=0.0,
            response_latency_ms=self.latency_ms,
            response_jitter_ms=0.0,
            queue_model="power",
            queue_power=3.0,
            partial_fills=False,
            block_rule=False,
            cycle_interval_ms=self.cycle_ms,
            sample_interval_s=0.0,
        )


CASES = (
    Case(10, 100, 10, 1, 0.10, 0.05),
    Case(1, 50, 20, 2, 0.05, 0.02),
    Case(50, 100, 10, 5, 0.30, 0.05),
    Case(0, 100, 10, 1, 0.02, 0.01),
    Case(100, 200, 20, 10, 0.50, 0.10),
)


@dataclass(frozen=True)
class Market:
    """A recording in the rows both engines read, in memory and as a file for the peer."""

    name: str
    recording: InMemoryRecording
    events_file: Path

    @property
    def rows(self) -> NDArray[np.void]:
        """The rows."""
        return self.recording.parts[0].rows

    def maker(self, case: Case) -> Maker:
        """Our grid for `case`."""
        return make_glft_grid(self.recording.instrument, case.grid(self.recording.instrument))

    def job(self, case: Case, *, depth: str, fills: Path | None = None) -> dict[str, Any]:
        """The peer's orders for `case`; `depth` is ``roi`` (its faster book) or ``hash``."""
        instrument, settings = self.recording.instrument, case.settings()
        px = self.rows["px"][self.rows["kind"] == TRADE]
        return {
            "events": str(self.events_file),
            "fills": None if fills is None else str(fills),
            "order_latency_ns": round(settings.order_latency_ms * 1e6),
            "response_latency_ns": round(settings.response_latency_ms * 1e6),
            "queue_power": settings.queue_power,
            "tick_size": instrument.tick_size,
            "lot_size": instrument.size_step,
            "depth": depth,
            "roi_low": float(px.min() * 0.9),
            "roi_high": float(px.max() * 1.1),
            "cycle_ns": round(settings.cycle_interval_ms * 1e6),
            "grid": msgspec.structs.asdict(case.grid(instrument)),
        }


def market(name: str, folder: Path | None = None) -> Market:
    """Convert a recording of `SOURCES`; the peer's file goes to `folder` (default: a temporary one).

    Both engines trade it as a linear contract without fees or minimum notional, which the peer
    does not know.
    """
    kind, pattern = SOURCES[name]
    paths = sorted(bars.recordings().glob(pattern))
    if not paths:
        raise bars.Unavailable(f"no files {pattern} in {bars.recordings()}")
    conversion = convert(kind, paths, mode="repair")
    rows = levels_and_prints(list(conversion.chunks()), conversion.instrument)
    instrument = msgspec.structs.replace(
        conversion.instrument,
        min_notional=0.0,
        maker_fee_bps=0.0,
        taker_fee_bps=0.0,
        contract="linear",
        contract_value=1.0,
        significant_figures=0,
    )
    folder = folder or Path(tempfile.mkdtemp(prefix="undertow-peer-"))
    file = folder / f"{list(SOURCES).index(name)}.npz"
    np.savez(file, data=to_hftbacktest(rows))
    recording = InMemoryRecording(name, instrument, [Chunk(rows, empty_snapshots())], False)
    return Market(name, recording, file)
