"""One maker on one coin: its state, its book, and what becomes of every row it is shown."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT, SNAPSHOT
from undertow.instrument import Instrument
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.maker import OBSERVATION, Compiled, Maker, bind
from undertow.records import Rec
from undertow.trading import step


class Capture(Protocol):
    """Keeps what a maker saw and sent, in order (`undertow.trading.capture`)."""

    def begin(self, snapshots: NDArray[np.float64]) -> None:
        """The SNAPSHOT rows that follow refer to this table, shape (m, 4, depth)."""
        ...

    def rows(self, rows: NDArray[np.void]) -> None:
        """Rows the maker saw or sent (EVENT)."""
        ...

    def told(self, told: NDArray[np.void]) -> None:
        """Forecasts for the FILL rows just written (`undertow.trading.step.TOLD`), one each."""
        ...

    def observation(self, row: NDArray[np.void]) -> None:
        """One OBSERVATION, an array of one."""
        ...


class Batch(NamedTuple):
    """Requests a maker made at one moment. `actions`: dtype `kernel.desk.ACTION`, a copy."""

    now_ns: int
    actions: NDArray[np.void]


def cell(record: Rec) -> NDArray[np.void]:
    """A writable array of one record, a copy of `record` with its padding."""
    return np.frombuffer(bytearray(record.tobytes()), dtype=_plain_dtype(record.dtype))


@functools.cache
def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[np.void]:
    """`dtype` without the attribute access of ``np.recarray``: the type compiled code was made for.

    One object for equal layouts: compiled code finds it by identity, else by a comparison of every field,
    at each call.
    """
    return np.dtype((np.void, dtype)) if dtype.type is not np.void else dtype


class CoinRunner:
    """A maker on a coin.

    ``snapshot_fed`` as of a `undertow.recording.Recording`; ``interval_ms`` is the spacing of the
    maker's TIMER rows and ``sample_s`` that of its observations (0: none). ``state`` replaces the
    maker's initial state (a checkpoint).
    """

    def __init__(
        self,
        coin: str,
        instrument: Instrument,
        maker: Maker,
        *,
        interval_ms: float = 100.0,
        sample_s: float = 1.0,
        snapshot_fed: bool = True,
        window_ticks: int = 65_536,
        state: Rec | None = None,
    ) -> None:
        self.coin, self.instrument, self.maker = coin, instrument, maker
        self.interval_ns, self.sample_ns = round(interval_ms * 1e6), round(sample_s * 1e9)
        self.snapshot_fed, self.window_ticks = snapshot_fed, window_ticks
        self.states = cell(maker.state if state is None else state)
        self.params = cell(maker.params)
        self.insts = cell(instrument.record())
        self.books = cell(new_book(window_ticks=window_ticks, erode=snapshot_fed))
        self.capture: Capture | None = None
        self.last_ns = -(2**62)
        self._see, self._look = bound(maker)
        self._actions = np.zeros(MAX_ACTIONS, dtype=ACTION)
        self._orders = np.zeros(MAX_ACTIONS, dtype=EVENT)
        self._told = np.zeros(64, dtype=step.TOLD)
        self._observation = np.zeros(1, dtype=OBSERVATION)

    @property
    def state(self) -> Rec:
        """The maker's state record (a view, fields as attributes)."""
        return self.states.view(np.recarray)[0]

    @property
    def book(self) -> Rec:
        """The maker's book (a view)."""
        return self.books.view(np.recarray)[0]

    @property
    def desk(self) -> Rec:
        """The maker's desk (a view)."""
        return self.state.desk

    def adopt(self, position: float, px: float) -> None:
        """Begin with a position, bought at `px`: equity counts from here. Before the first row only."""
        if self.last_ns > 0:
            raise ValueError(f"{self.coin}: a position can be taken over only before the first row")
        desk = self.states["desk"][0]
        desk["position"] = position
        desk["cash"] = -position * px * self.instrument.contract_value

    def see(self, rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> list[Batch]:
        """Show the maker `rows` (EVENT, in order) one after the other; returns what it asked for.

        ``ref`` of a SNAPSHOT row counts in `snapshots`. Rows and requests go to `capture` in the
        order in which they happened.
        """
        rows = plain(rows)
        if len(rows) > len(self._told):
            self._told = np.zeros(2 * len(rows), dtype=step.TOLD)
        capture = self.capture
        if capture is not None and len(snapshots):
            capture.begin(snapshots)
        batches: list[Batch] = []
        at, end = 0, len(rows)
        while at < end:
            start = at
            at, n, told = self._see(
                self.states,
                self.params,
                self.insts,
                self.books,
                rows,
                at,
                snapshots,
                self._actions,
                self._orders,
                self._told,
            )
            if capture is not None:
                capture.rows(rows[start:at])
                if told:
                    capture.told(self._told[:told])
                if n:
                    capture.rows(self._orders[:n])
            if n:
                batches.append(Batch(int(rows["recv_ns"][at - 1]), self._actions[:n].copy()))
        if end:
            self.last_ns = int(rows["recv_ns"][end - 1])
        return batches

    def observe(self, time_ns: int) -> NDArray[np.void]:
        """What the maker shows of itself as of `time_ns`: an OBSERVATION, an array of one (reused)."""
        self._look(self.states, self.params, self.insts, self.books, time_ns, self._observation)
        if self.capture is not None:
            self.capture.observation(self._observation)
        return self._observation

    def burden(self) -> tuple[float, float, float, float]:
        """Equity gained and value of one unit, USD; quantity of bids and asks (`step.burden`)."""
        equity, unit_usd, bids, asks = step.burden(self.states, self.insts, self.books)
        return float(equity), float(unit_usd), float(bids), float(asks)


def bound(maker: Maker) -> tuple[Compiled, Compiled]:
    """`undertow.trading.step.see` and `look` with `maker` inlined."""
    see = bind(step.see, f"see_{maker.name}", dispatch=maker.dispatch())
    return see, bind(step.look, f"look_{maker.name}", observe=maker.observe)


def plain(rows: NDArray[np.void]) -> NDArray[np.void]:
    """`rows` in the one memory layout that compiled code was made for."""
    if rows.flags.c_contiguous and rows.flags.writeable and rows.dtype.isalignedstruct:
        return rows
    return np.array(rows, dtype=EVENT)


def rebased(rows: NDArray[np.void], by: int) -> None:
    """Add `by` to the snapshot references of `rows`, in place."""
    if by:
        at = rows["kind"] == SNAPSHOT
        rows["ref"][at] += by
