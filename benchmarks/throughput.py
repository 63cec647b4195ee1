"""Rows per second of the replay loop beside hftbacktest's, on hftbacktest's own rows.

Both engines run the same GLFT grid every 100 ms (`benchmarks.peer.cases`) on one array in memory;
the peer uses its faster book. One round runs each of them once, in turn; the first rounds, which
compile, do not count. Only the loops are timed. The full maker of the project runs with
2 x 6 levels against the peer's grid.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import bars

from benchmarks.peer.cases import Case, Market, market
from benchmarks.peer.process import Peer
from benchmarks.peer.rows import from_hftbacktest, to_hftbacktest
from undertow.config import Config
from undertow.data.memory import InMemoryRecording
from undertow.events import Chunk, empty_snapshots
from undertow.maker import Maker
from undertow.makers import make
from undertow.replay import replay

MARKETS = ("Binance BTC USDⓈ-M 2024", "Hyperliquid BTC 2025")
GRID = Case(10, 100, 20, 1, 0.10, 0.05)
WARM_ROUNDS = 2


def _undertow_maker(market: Market) -> Maker:
    """The project's full maker, 2 x 6 levels every 100 ms."""
    config = Config()
    assert config.ladder.levels == 6
    assert config.quoting.interval_ms == GRID.cycle_ms
    return make("undertow", config, market.recording.instrument)


RUNNERS: dict[str, Callable[[Market], Maker]] = {
    "undertow, GLFT grid": lambda market: market.maker(GRID),
    "undertow, full maker": _undertow_maker,
}


@dataclass
class Result:
    """Medians over the rounds on one market."""

    market: str
    rows: int
    peer_rows_per_s: float
    rows_per_s: dict[str, float]
    rounds: list[dict[str, float]] = field(default_factory=list)

    def ratio(self, runner: str) -> float:
        """How many times the peer's speed."""
        return self.rows_per_s[runner] / self.peer_rows_per_s

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the ratios."""
        return {**asdict(self), "ratios": {name: self.ratio(name) for name in self.rows_per_s}}


def _on_peers_rows(place: Market) -> InMemoryRecording:
    """The recording as read back from the peer's own array."""
    rows = from_hftbacktest(to_hftbacktest(place.rows))
    old = place.recording
    return InMemoryRecording(old.name, old.instrument, [Chunk(rows, empty_snapshots())], False)


def compare(rounds: int, markets: tuple[str, ...] = MARKETS) -> list[Result]:
    """Measure every runner on every market."""
    if rounds < 5:
        raise ValueError(f"rounds = {rounds} must be at least 5")
    results = []
    with tempfile.TemporaryDirectory() as folder, Peer() as peer:
        for name in markets:
            place = market(name, Path(folder))
            recording, settings = _on_peers_rows(place), GRID.settings()
            makers = {label: make(place) for label, make in RUNNERS.items()}
            n = recording.n_rows
            measured: list[dict[str, float]] = []
            for _ in range(WARM_ROUNDS + rounds):
                once = {"hftbacktest": n / peer.run(place.job(GRID, depth="roi"))["seconds"]}
                for label, maker in makers.items():
                    once[label] = replay(recording, maker, settings).rows_per_s
                measured.append(once)
            measured = measured[WARM_ROUNDS:]
            medians = {label: statistics.median(r[label] for r in measured) for label in measured[0]}
            theirs = medians.pop("hftbacktest")
            results.append(Result(name, n, theirs, medians, measured))
    if not results:
        raise bars.Unavailable("no market to measure on")
    return results
