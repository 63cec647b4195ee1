"""Run a maker over a recording: the driver around the compiled loop.

`Engine` holds the state between stretches of the recording and can be stepped chunk by chunk;
`replay` runs it to the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT, EXCH, LOCAL, SNAPSHOT, Chunk, empty_snapshots
from undertow.instrument import Instrument
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.maker import OBSERVATION, Compiled, Maker, bind
from undertow.recording import Recording
from undertow.records import Rec, copy_record
from undertow.replay import loop
from undertow.replay.account import last_mid, note_markouts
from undertow.replay.exchange import NEED_ROOM
from undertow.replay.fifo import NO_ORDER_IDS, carries_order_ids
from undertow.replay.settings import ReplaySettings
from undertow.replay.venue import FOREVER, grown, new_venue

Progress = Callable[[int, int], None]
"""Called with (rows replayed, rows in the recording)."""


@dataclass(frozen=True)
class ReplayResult:
    """What a replay produced.

    ``fills``: dtype `undertow.replay.log.FILL_LOG`, in exchange order. ``observations``: dtype
    `undertow.maker.OBSERVATION`. ``ledger``: record of dtype `undertow.replay.log.LEDGER`, the
    exchange's own account. ``maker_state``: the maker's state record at the end. ``requests``:
    orders, cancels and modifies sent. ``captured``: rows the maker saw and sent (dtype
    `undertow.events.EVENT`), empty unless asked for. ``seconds``: time inside the loop.
    """

    fills: NDArray[np.void]
    observations: NDArray[np.void]
    ledger: Rec
    maker_state: Rec
    settings: ReplaySettings
    instrument: Instrument
    captured: NDArray[np.void]
    seconds: float

    @property
    def requests(self) -> int:
        """Requests sent: new orders, cancels and modifies, each counted once."""
        return int(self.ledger["new_orders"] + self.ledger["cancels"] + self.ledger["modifies"])

    @property
    def rows_per_s(self) -> float:
        """Rows replayed per second of the loop."""
        return float(self.ledger["rows"]) / max(self.seconds, 1e-9)


def bound_loop(maker: Maker) -> Compiled:
    """The replay loop with `maker` inlined."""
    sample = bind(loop.sample, f"sample_{maker.name}", observe=maker.observe)
    return bind(loop.run, f"run_{maker.name}", dispatch=maker.dispatch(), sample=sample)


class Engine:
    """A replay in progress: feed it chunks, then `finish`."""

    def __init__(
        self, instrument: Instrument, maker: Maker, settings: ReplaySettings, *, snapshot_fed: bool
    ) -> None:
        self.instrument, self.settings = instrument, settings
        rules = settings.record()
        inst = instrument.record()
        book = new_book(window_ticks=settings.window_ticks, erode=snapshot_fed)
        self.venue = new_venue(inst, rules, book)
        self.local = loop.Local(
            book=new_book(window_ticks=settings.window_ticks, erode=snapshot_fed),
            actions=np.zeros(MAX_ACTIONS, dtype=ACTION),
            scratch=np.zeros(1, dtype=EVENT),
            observations=np.zeros(4_096, dtype=OBSERVATION),
            captured=np.zeros(65_536 if settings.capture else 0, dtype=EVENT),
        )
        self.state = maker.fresh_state()
        self.params = maker.params
        self.seconds = 0.0
        self.loop = bound_loop(maker)
        self._tail = Chunk(np.empty(0, dtype=EVENT), empty_snapshots())
        self._started = False
        self._needs_ids = settings.queue_model == "fifo"
        self._has_ids = False

    @property
    def rows_seen(self) -> int:
        """Rows fed so far."""
        return int(self.venue.ex["ledger"]["rows"])

    def feed(self, chunk: Chunk) -> None:
        """Replay the next stretch of the recording as far as it determines what happens.

        Raises `ValueError` if the queue model is ``fifo`` and the chunk's levels are not sums of orders.
        """
        if len(chunk.rows) == 0:
            return
        if self._needs_ids:
            self._has_ids |= carries_order_ids(chunk.rows)
        ex = self.venue.ex
        if not self._started:
            self._start(chunk.rows)
        ledger = ex["ledger"]
        ledger["rows"] += len(chunk.rows)
        ledger["last_ns"] = max(ledger["last_ns"], _last_ns(chunk.rows))
        self._advance(_joined(self._tail, Chunk(_plain(chunk.rows), chunk.snapshots)))

    def finish(self) -> ReplayResult:
        """Replay what is left, up to the last row's time, and return the result."""
        if self._needs_ids and not self._has_ids:
            raise ValueError(NO_ORDER_IDS)
        ex = self.venue.ex
        if self._started:
            ex["final"] = 1
            ex["end_ns"] = ex["ledger"]["last_ns"]
            self._advance(self._tail)
            note_markouts(self.venue, int(ex["last_exch_ns"]) + 1)
            ex["ledger"]["last_mid"] = last_mid(self.venue)
        return ReplayResult(
            fills=_first(self.venue.fills, int(ex["n_fills"])),
            observations=_first(self.local.observations, int(ex["n_observations"])),
            ledger=copy_record(ex["ledger"]),
            maker_state=self.state,
            settings=self.settings,
            instrument=self.instrument,
            captured=_first(self.local.captured, int(ex["n_captured"])),
            seconds=self.seconds,
        )

    def _start(self, rows: NDArray[np.void]) -> None:
        """Set the clocks: the first cycle is one interval after the recording's first moment."""
        first = min(
            int(rows["exch_ns"][np.argmax(rows["flags"] & EXCH != 0)]),
            int(rows["recv_ns"][np.argmax(rows["flags"] & LOCAL != 0)]),
        )
        ex, rules = self.venue.ex, self.venue.rules
        ex["ledger"]["first_ns"] = first
        ex["ledger"]["last_ns"] = first
        if rules["cycle_interval_ns"] > 0:
            ex["next_timer_ns"] = first + rules["cycle_interval_ns"]
        if rules["sample_interval_ns"] > 0:
            ex["next_sample_ns"] = first + rules["sample_interval_ns"]
        self._started = True

    def _advance(self, chunk: Chunk) -> None:
        ex = self.venue.ex
        started = time.perf_counter()
        while (
            self.loop(self.venue, self.local, self.state, self.params, chunk.rows, chunk.snapshots)
            == NEED_ROOM
        ):
            self._make_room()
        self.seconds += time.perf_counter() - started
        used = min(int(ex["exch_at"]), int(ex["local_at"]), len(chunk.rows))
        self._tail, dropped = _tail(chunk, used)
        ex["exch_at"] -= used
        ex["local_at"] -= used
        ex["snapshot_base"] += dropped

    def _make_room(self) -> None:
        ex, local = self.venue.ex, self.local
        if ex["crowded"]:
            self.venue = grown(self.venue)
        if int(ex["n_observations"]) >= len(local.observations):
            local = local._replace(observations=_doubled(local.observations))
        if self.settings.capture and int(ex["n_captured"]) + 1_024 >= len(local.captured):
            local = local._replace(captured=_doubled(local.captured))
        self.local = local


def replay(
    recording: Recording,
    maker: Maker,
    settings: ReplaySettings | None = None,
    progress: Progress | None = None,
) -> ReplayResult:
    """Run `maker` over `recording` and return what happened.

    Deterministic: the same recording, maker and settings give the same bytes, however the recording
    is cut into chunks. Memory holds one chunk, the rows the maker has not received yet, and the log.
    Raises `ValueError` if the queue model is ``fifo`` and the recording carries no order ids.
    """
    engine = Engine(
        recording.instrument, maker, settings or ReplaySettings(), snapshot_fed=recording.snapshot_fed
    )
    for chunk in recording.chunks():
        engine.feed(chunk)
        if progress is not None:
            progress(engine.rows_seen, recording.n_rows)
    return engine.finish()


def _plain(rows: NDArray[np.void]) -> NDArray[np.void]:
    """`rows` in the one memory layout the loop is compiled for (read files come in others)."""
    if not (rows.flags.c_contiguous and rows.flags.writeable):
        rows = rows.copy()
    return rows if rows.dtype.isalignedstruct else rows.view(EVENT)


def _first(array: NDArray[np.void], n: int) -> NDArray[np.void]:
    """A copy of the first `n` records, padding included (``copy`` leaves it undefined)."""
    return np.frombuffer(bytearray(array[:n].tobytes()), dtype=array.dtype)


def _doubled(array: NDArray[np.void]) -> NDArray[np.void]:
    longer = np.zeros(2 * len(array), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _last_ns(rows: NDArray[np.void]) -> int:
    """Latest moment in `rows` on either clock."""
    last = -FOREVER
    for flag, clock in ((EXCH, "exch_ns"), (LOCAL, "recv_ns")):
        for row in rows[::-1]:
            if row["flags"] & flag:
                last = max(last, int(row[clock]))
                break
    return last


def _joined(tail: Chunk, chunk: Chunk) -> Chunk:
    """`tail` followed by `chunk`, snapshot references adjusted."""
    if len(tail.rows) == 0:
        return chunk
    rows = np.concatenate([tail.rows, chunk.rows])
    if len(tail.snapshots) == 0:
        return Chunk(rows, chunk.snapshots)
    if len(chunk.snapshots) == 0:
        return Chunk(rows, tail.snapshots)
    later = rows[len(tail.rows) :]
    later["ref"][later["kind"] == SNAPSHOT] += len(tail.snapshots)
    depth = max(tail.snapshots.shape[2], chunk.snapshots.shape[2])
    return Chunk(rows, np.concatenate([_deepened(tail.snapshots, depth), _deepened(chunk.snapshots, depth)]))


def _deepened(snapshots: NDArray[np.float64], depth: int) -> NDArray[np.float64]:
    missing = depth - snapshots.shape[2]
    if missing == 0:
        return snapshots
    return np.pad(snapshots, ((0, 0), (0, 0), (0, missing)), constant_values=np.nan)


def _tail(chunk: Chunk, used: int) -> tuple[Chunk, int]:
    """The rows of `chunk` from `used` on with their snapshots, and how many snapshots were dropped."""
    rows = chunk.rows[used:].copy()
    is_snapshot = rows["kind"] == SNAPSHOT
    if not is_snapshot.any():
        return Chunk(rows, chunk.snapshots[:0]), len(chunk.snapshots)
    first = int(rows["ref"][is_snapshot].min())
    rows["ref"][is_snapshot] -= first
    return Chunk(rows, chunk.snapshots[first:].copy()), first
