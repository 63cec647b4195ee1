"""Parity: a recorded session shown to its makers again must end in the same bytes.

The captured rows go through the same compiled `see`; every ORDER row the maker then makes must equal
the recorded one, field for field and in its place, and the state record at the recorded checkpoint must
be identical. The first difference is reported, and ends the leg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT, LOCAL, ORDER
from undertow.maker import Maker
from undertow.trading.folder import Leg, LegStart, SessionError, coins_of, layout_of, legs_of
from undertow.trading.runner import CoinRunner

MakerOf = Callable[[LegStart], Maker]
"""Gives the maker a leg was run with; its state and parameters are replaced by the recorded ones."""

MOST_SHOWN: Final = 4_096


@dataclass(frozen=True)
class Difference:
    """The first thing that came out otherwise: at which row of the leg, in which field, both values."""

    coin: str
    leg: str
    row: int
    what: str
    field: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return (
            f"{self.coin} {self.leg}, row {self.row}: {self.what}, {self.field}: recorded {self.recorded}, "
            f"replayed {self.replayed}"
        )


@dataclass
class Verdict:
    """What a rerun found. `states` counts the checkpoints compared, `ended` the legs that ended in order."""

    coins: int = 0
    legs: int = 0
    rows: int = 0
    requests: int = 0
    states: int = 0
    ended: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether everything came out as recorded."""
        return not self.differences


def rerun(folder: Path, maker_of: MakerOf, coin: str | None = None) -> Verdict:
    """Show a recorded session to its makers again.

    Raises `SessionError` for a folder that holds no session, a coin it does not have, or records of
    another version.
    """
    coins = coins_of(folder)
    if coin is not None and coin not in coins:
        raise SessionError(f"{folder} holds no {coin}; it holds {', '.join(coins) or 'nothing'}")
    verdict = Verdict()
    for name in coins if coin is None else [coin]:
        verdict.coins += 1
        for leg in legs_of(folder, name):
            verdict.legs += 1
            found = _rerun_leg(leg, maker_of, verdict)
            if found is not None:
                verdict.differences.append(found)
    return verdict


def runner_of(leg: Leg, maker_of: MakerOf) -> CoinRunner:
    """A runner as the leg's was at its start. Raises `SessionError` for records of another version."""
    start = leg.start
    maker = maker_of(start)
    for what, dtype, recorded in (
        ("state", maker.state.dtype, start.state_layout),
        ("parameter", maker.params.dtype, start.params_layout),
    ):
        if layout_of(dtype) != recorded:
            raise SessionError(
                f"{leg.path}: the {what} record of {start.maker} has another layout in this version; "
                "rerun the session with the version that recorded it (start.json names it)"
            )
    runner = CoinRunner(
        start.coin,
        start.instrument,
        maker,
        interval_ms=start.interval_ns * 1e-6,
        snapshot_fed=start.snapshot_fed,
        window_ticks=start.window_ticks,
    )
    runner.states[:] = np.frombuffer(leg.state_start(), dtype=runner.states.dtype)
    runner.params[:] = np.frombuffer(leg.params(), dtype=runner.params.dtype)
    if (book := leg.book_start()) is not None:
        if len(book) != runner.books.nbytes:
            raise SessionError(f"{leg.path}: the book has another layout in this version")
        runner.books[:] = np.frombuffer(book, dtype=runner.books.dtype)
    return runner


class _Compare:
    """A runner's capture that checks what the maker sends against what was recorded."""

    def __init__(self) -> None:
        self.made: list[NDArray[np.void]] = []

    def begin(self, snapshots: NDArray[np.float64]) -> None:
        """Nothing to do."""

    def rows(self, rows: NDArray[np.void]) -> None:
        """Keep the maker's requests (the session's own pass through among what was shown)."""
        if len(rows) and _is_request(rows[:1])[0]:
            self.made.append(rows.copy())

    def told(self, told: NDArray[np.void]) -> None:
        """Nothing to do."""

    def observation(self, row: NDArray[np.void]) -> None:
        """Nothing to do."""


def _rerun_leg(leg: Leg, maker_of: MakerOf, verdict: Verdict) -> Difference | None:
    runner = runner_of(leg, maker_of)
    compare = _Compare()
    runner.capture = compare
    noted = leg.checkpoint()
    at = 0
    for rows, snapshots in _cut(leg, noted[0].rows if noted else -1):
        for start, stop in _stretches(rows):
            runner.see(rows[start:stop], snapshots)
            asked = _requests_after(rows, stop)
            found = _compare(leg, rows[asked], compare.made, at + stop)
            if found is not None:
                return found
            verdict.requests += len(asked)
            compare.made = []
        at += len(rows)
        verdict.rows += len(rows)
        if noted is not None and at == noted[0].rows:
            verdict.states += 1
            verdict.ended += noted[0].final
            found = _compare_states(leg, noted[1], runner.states, at)
            if found is not None:
                return found
    return None


def _cut(leg: Leg, at_row: int) -> Iterator[tuple[NDArray[np.void], NDArray[np.float64]]]:
    """The leg's blocks, one of them cut after `at_row` rows if need be."""
    seen = 0
    for rows, snapshots in leg.chunks():
        inside = at_row - seen
        if 0 < inside < len(rows):
            yield rows[:inside], snapshots
            yield rows[inside:], snapshots
        else:
            yield rows, snapshots
        seen += len(rows)


def _is_request(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Requests the maker made (the session's own are not flagged LOCAL)."""
    made: NDArray[np.bool_] = (rows["kind"] == ORDER) & (rows["flags"] & LOCAL != 0)
    return made


def _stretches(rows: NDArray[np.void]) -> Iterator[tuple[int, int]]:
    """Stretches that end just before the maker's requests; requests themselves are in none."""
    requests = np.flatnonzero(_is_request(rows))
    start = 0
    for at in requests.tolist():
        if at > start or (start == 0 and at == 0):
            yield start, at
        start = at + 1
    if start < len(rows) or not len(rows):
        yield start, len(rows)


def _requests_after(rows: NDArray[np.void], stop: int) -> NDArray[np.int64]:
    """Indices of the maker's requests that stand at `stop` and on without a break."""
    end = stop
    made = _is_request(rows)
    while end < len(rows) and made[end]:
        end += 1
    return np.arange(stop, end)


def _compare(
    leg: Leg, recorded: NDArray[np.void], made: list[NDArray[np.void]], row: int
) -> Difference | None:
    replayed = np.concatenate(made) if made else np.zeros(0, dtype=EVENT)
    for k in range(max(len(recorded), len(replayed))):
        if k >= len(recorded) or k >= len(replayed):
            sides = [_told(side, k) for side in (recorded, replayed)]
            return Difference(leg.start.coin, leg.path.name, row + k, "request", "row", *sides)
        for name in EVENT.names or ():
            a, b = recorded[name][k], replayed[name][k]
            if a.tobytes() != b.tobytes():
                return Difference(leg.start.coin, leg.path.name, row + k, "request", name, str(a), str(b))
    return None


def _told(rows: NDArray[np.void], k: int) -> str:
    if k >= len(rows):
        return "no request"
    r = rows[k]
    return (
        f"request {int(r['code'])} of order {int(r['ref'])}: {int(r['side']):+d} {r['qty']:g} at {r['px']:g}"
    )


def _compare_states(leg: Leg, recorded: bytes, states: NDArray[np.void], row: int) -> Difference | None:
    if recorded == states.tobytes():
        return None
    was = np.frombuffer(recorded, dtype=states.dtype)
    where, a, b = first_difference(was[0], states[0]) or ("padding", "", "")
    return Difference(leg.start.coin, leg.path.name, row, "state", where, str(a), str(b))


def first_difference(a: Any, b: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Path and values of the first field in which two records of one layout differ; None: in none."""
    if a.dtype.names is not None and a.ndim == 0:
        for name in a.dtype.names:
            found = first_difference(a[name], b[name], f"{path}.{name}".lstrip("."))
            if found is not None:
                return found
        return None
    if a.ndim:
        for k in range(len(a)):
            if a[k].tobytes() != b[k].tobytes():
                found = first_difference(a[k], b[k], f"{path}[{k}]")
                if found is not None:
                    return found
        return None
    return None if a.tobytes() == b.tobytes() else (path, a, b)
