"""Writing a session down while it runs: bounded memory, readable up to the last flush.

Rows gather in memory and are appended to their coin's file every `flush_s`; one write each, so a process
killed at any moment loses only what had gathered. The market's rows also go to a store, whose parts
appear hour by hour; `complete_store` makes up for what a killed process had not finished.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.data.appending import StoreAppender, drop_unfinished
from undertow.data.layout import RecordingMeta, coin_folder, parts_of
from undertow.data.stream import chunk_of, deepened
from undertow.events import EVENT, empty_snapshots
from undertow.kernel.l2book import new_book
from undertow.maker import OBSERVATION
from undertow.trading.blocks import BlockWriter
from undertow.trading.folder import (
    Checkpoint,
    LegStart,
    SessionStart,
    coin_path,
    coins_of,
    is_market,
    layout_of,
    legs_of,
)
from undertow.trading.runner import CoinRunner, cell, rebased
from undertow.trading.step import TOLD

ROOM: Final = 8_192
MARKET: Final = "market"


class CoinCapture:
    """A `undertow.trading.runner.Capture` of one coin, into one leg."""

    def __init__(self, path: Path, store: StoreAppender | None) -> None:
        self._files = {
            "rows": BlockWriter(path / "rows.blocks", EVENT),
            "told": BlockWriter(path / "told.blocks", TOLD),
            "observations": BlockWriter(path / "observations.blocks", OBSERVATION),
        }
        self._store = store
        self._rows = np.zeros(ROOM, dtype=EVENT)
        self._n = self._base = self._books = 0
        self._tables: list[NDArray[np.float64]] = []
        self._told: list[NDArray[np.void]] = []
        self._observations: list[NDArray[np.void]] = []
        self.written = 0

    def begin(self, snapshots: NDArray[np.float64]) -> None:
        """The SNAPSHOT rows that follow refer to this table."""
        self._base = self._books
        self._books += len(snapshots)
        self._tables.append(snapshots.copy())

    def rows(self, rows: NDArray[np.void]) -> None:
        """Keep rows, in order."""
        n, end = self._n, self._n + len(rows)
        if end > len(self._rows):
            grown = np.zeros(max(2 * len(self._rows), end), dtype=EVENT)
            grown[:n] = self._rows[:n]
            self._rows = grown
        self._rows[n:end] = rows
        rebased(self._rows[n:end], self._base)
        self._n = end

    def told(self, told: NDArray[np.void]) -> None:
        """Keep what the desk said of fills."""
        self._told.append(told.copy())

    def observation(self, row: NDArray[np.void]) -> None:
        """Keep an observation."""
        self._observations.append(row.copy())

    def flush(self) -> None:
        """Append what has gathered to the files."""
        if self._n:
            rows, table = self._rows[: self._n], _stacked(self._tables)
            self._files["rows"].write(rows, table)
            if self._store is not None:
                self._store.write(*chunk_of(rows[is_market(rows)], table))
            self.written += self._n
            self._n = self._base = self._books = 0
            self._tables = []
            if len(self._rows) > 8 * ROOM:
                self._rows = np.zeros(ROOM, dtype=EVENT)
        for name, pieces in (("told", self._told), ("observations", self._observations)):
            if pieces:
                self._files[name].write(np.concatenate(pieces))
                pieces.clear()

    def close(self) -> None:
        """Flush and close everything."""
        self.flush()
        for file in self._files.values():
            file.close()
        if self._store is not None:
            self._store.close()

    @property
    def bytes_written(self) -> int:
        """Size of the files."""
        return sum(file.bytes_written for file in self._files.values())


class SessionRecorder:
    """Writes the makers of a session to `folder`; a `undertow.trading.session.Recorder`.

    A folder that holds a session is continued with new legs. ``about`` goes into every ``start.json``:
    configuration, settings, versions. ``execution`` names what filled the orders.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        execution: str = "paper",
        venue: str = "hyperliquid",
        about: Mapping[str, Any] | None = None,
        flush_s: float = 2.0,
        checkpoint_s: float = 60.0,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "session.json").is_file():
            complete_store(self.folder)
        else:
            start = SessionStart(created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            (self.folder / "session.json").write_bytes(msgspec.json.encode(start) + b"\n")
        self._execution, self._venue, self._about = execution, venue, dict(about or {})
        self._flush_ns, self._checkpoint_ns = round(flush_s * 1e9), round(checkpoint_s * 1e9)
        self._coins: list[_Open] = []

    def open(self, runner: CoinRunner) -> None:
        """Begin a leg: note how the maker starts, and capture what it sees from now on."""
        coin = runner.coin
        parent = coin_path(self.folder, coin)
        path = parent / f"leg-{len(list(parent.glob('leg-*'))) + 1:04d}"
        path.mkdir(parents=True)
        start = LegStart(
            coin=coin,
            venue=self._venue,
            instrument=runner.instrument,
            maker=runner.maker.name,
            snapshot_fed=runner.snapshot_fed,
            window_ticks=runner.window_ticks,
            interval_ns=runner.interval_ns,
            sample_ns=runner.sample_ns,
            execution=self._execution,
            state_layout=layout_of(runner.states.dtype),
            params_layout=layout_of(runner.params.dtype),
            about=self._about,
        )
        (path / "state.start").write_bytes(runner.states.tobytes())
        fresh = new_book(window_ticks=runner.window_ticks, erode=runner.snapshot_fed)
        if runner.books.tobytes() != cell(fresh).tobytes():
            (path / "book.start").write_bytes(runner.books.tobytes())
        (path / "params").write_bytes(runner.params.tobytes())
        (path / "start.json").write_bytes(msgspec.json.format(msgspec.json.encode(start), indent=1) + b"\n")
        meta = RecordingMeta(self._venue, coin, runner.instrument, runner.snapshot_fed)
        capture = CoinCapture(path, StoreAppender(self.folder / MARKET, meta))
        runner.capture = capture
        self._coins.append(_Open(runner, capture, path))

    def turn(self, runner: CoinRunner, now_ns: int, about: Mapping[str, Any] | None = None) -> None:
        """End the runner's leg and begin the next with everything as it stands: parameters may differ
        from here on. Between two rows, never while the runner sees some. `about` replaces the old one."""
        (coin,) = [coin for coin in self._coins if coin.runner is runner]
        runner.capture = None
        coin.capture.close()
        coin.note_state(now_ns, final=True)
        self._coins.remove(coin)
        if about is not None:
            self._about = dict(about)
        self.open(runner)

    def on_time(self, now_ns: int) -> None:
        """Flush the coins whose turn it is, and note their states now and then."""
        for k, coin in enumerate(self._coins):
            if now_ns < coin.flush_ns:
                continue
            if coin.flush_ns == 0:  # the first time; coins take turns
                coin.flush_ns = now_ns + self._flush_ns * (k + 1) // len(self._coins)
                coin.checkpoint_ns = now_ns + self._checkpoint_ns * (k + 1) // len(self._coins)
                continue
            coin.capture.flush()
            coin.flush_ns = now_ns + self._flush_ns
            if now_ns >= coin.checkpoint_ns:
                coin.note_state(now_ns, final=False)
                coin.checkpoint_ns = now_ns + self._checkpoint_ns

    def close(self, now_ns: int) -> None:
        """Write everything, the final states too."""
        for coin in self._coins:
            coin.runner.capture = None
            coin.capture.close()
            coin.note_state(now_ns, final=True)
        self._coins = []

    @property
    def bytes_written(self) -> int:
        """Size of the captures of this process (without the store)."""
        return sum(coin.capture.bytes_written for coin in self._coins)


class _Open:
    """A coin being recorded."""

    def __init__(self, runner: CoinRunner, capture: CoinCapture, path: Path) -> None:
        self.runner, self.capture, self.path = runner, capture, path
        self.flush_ns = self.checkpoint_ns = 0

    def note_state(self, now_ns: int, *, final: bool) -> None:
        """Write the state beside the number of rows that led to it; everything must be flushed."""
        says = msgspec.json.encode(Checkpoint(rows=self.capture.written, time_ns=now_ns, final=final))
        temporary = self.path / "state.new"
        temporary.write_bytes(says + b"\n" + self.runner.states.tobytes())
        os.replace(temporary, self.path / "state.last")


def complete_store(folder: Path) -> None:
    """Add to the market's store what was captured but not finished there (a process was killed)."""
    for coin in coins_of(folder):
        legs = legs_of(folder, coin)
        if not legs:
            continue
        start = legs[0].start
        held = coin_folder(folder / MARKET, start.venue, coin)
        if held.is_dir():
            drop_unfinished(held)
        skip = sum(part.n_rows for _, part in parts_of(held)) if held.is_dir() else 0
        meta = RecordingMeta(start.venue, coin, start.instrument, start.snapshot_fed)
        store = StoreAppender(folder / MARKET, meta)
        for leg in legs:
            for rows, table in leg.chunks():
                market = rows[is_market(rows)]
                if skip < len(market):
                    store.write(*chunk_of(market[skip:], table))
                skip = max(skip - len(market), 0)
        store.close()


def _stacked(tables: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    if not tables:
        return empty_snapshots()
    depth = max(table.shape[2] for table in tables)
    return np.concatenate([deepened(table, depth) for table in tables])
