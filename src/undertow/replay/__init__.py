"""The tick engine: two clocks, latency, queue position, partial fills, funding, fill log."""

from undertow.replay.engine import Engine, Progress, ReplayResult, replay
from undertow.replay.log import FILL_LOG, LEDGER, MARKOUT_HORIZONS_S
from undertow.replay.settings import ReplaySettings

__all__ = [
    "FILL_LOG",
    "LEDGER",
    "MARKOUT_HORIZONS_S",
    "Engine",
    "Progress",
    "ReplayResult",
    "ReplaySettings",
    "replay",
]
