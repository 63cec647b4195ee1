"""hftbacktest arrays in and out. Flags and types as in hftbacktest 2's ``types.rs``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.data.convert import Conversion, convert
from undertow.data.hftbacktest_export import export_hftbacktest
from undertow.data.memory import InMemoryRecording
from undertow.data.report import BadInput
from undertow.data.source import SourceError
from undertow.data.sources.hftbacktest_npz import HFTBACKTEST_EVENT
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    END,
    EVENT,
    EXCH,
    IMAGE,
    LOCAL,
    MARK,
    SNAPSHOT,
    TRADE,
    Chunk,
    empty_snapshots,
)
from undertow.instrument import Instrument

EXCH_EVENT, LOCAL_EVENT, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
INSTRUMENT = Instrument(name="X", tick_size=0.1, size_step=0.001)

Event = tuple[int, int, int, float, float]


def array(events: list[Event]) -> NDArray[np.void]:
    """Events of (ev, exch_ts, local_ts, px, qty)."""
    out = np.zeros(len(events), dtype=HFTBACKTEST_EVENT)
    for name, column in zip(
        ("ev", "exch_ts", "local_ts", "px", "qty"), zip(*events, strict=True), strict=True
    ):
        out[name] = column
    return out


@st.composite
def ordered_events(draw: st.DrawFn) -> NDArray[np.void]:
    """Events in hftbacktest's order: each clock non-decreasing over the events it sees."""
    n = draw(st.integers(1, 30))
    exch = local = 10**18
    events: list[Event] = []
    for _ in range(n):
        exch += draw(st.integers(0, 3))
        local = max(local + draw(st.integers(0, 3)), exch)
        ev = draw(st.sampled_from([1, 1, 2, 4, 5, 3])) | draw(st.sampled_from([BUY, SELL]))
        clocks = draw(st.sampled_from([EXCH_EVENT | LOCAL_EVENT] * 3 + [EXCH_EVENT, LOCAL_EVENT]))
        px = draw(st.integers(1, 10**6)) / 10
        events.append((ev | clocks, exch, local, px, draw(st.integers(1, 9)) / 4))
    out = array(events)
    trade = out["ev"] & 0xFF == 2
    out["order_id"][trade] = draw(st.integers(1, 2**62)) + np.arange(int(trade.sum()), dtype=np.uint64)
    out["fval"] = draw(st.sampled_from([0.0, 1.5]))
    return out


def imported(path: Path, mode: str = "strict") -> Conversion:
    return convert("hftbacktest", [path], mode=mode)  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=ordered_events())
def test_there_and_back_is_bit_for_bit(tmp_path: Path, events: NDArray[np.void]) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=events)
    recording = imported(tmp_path / "a.npz").recording()
    assert recording.n_rows == len(events)
    assert not export_hftbacktest(recording, tmp_path / "b.npz")
    back = np.load(tmp_path / "b.npz")["data"]
    assert back.dtype == HFTBACKTEST_EVENT
    assert back.tobytes() == events.tobytes()
    # and ours: what was imported, exported and imported again is the same
    again = imported(tmp_path / "b.npz").recording()
    assert [c.rows.tobytes() for c in again.chunks()] == [c.rows.tobytes() for c in recording.chunks()]


def test_meaning_of_each_event(tmp_path: Path) -> None:
    both = EXCH_EVENT | LOCAL_EVENT
    np.save(
        tmp_path / "x_1.npy",
        array(
            [
                (3 | both, 1, 2, 0.0, 0.0),
                (4 | both | BUY, 1, 2, 99.0, 1.0),
                (4 | both | SELL, 1, 2, 101.0, 2.0),
                (2 | both | SELL, 1, 2, 99.0, 0.5),
                (1 | both | BUY, 3, 4, 99.0, 0.0),
                (3 | both | BUY, 5, 6, 97.5, 0.0),
                (5 | LOCAL_EVENT | SELL, 5, 7, 100.5, 3.0),
            ]
        ),
    )
    (chunk,) = imported(tmp_path / "x_1.npy").chunks()
    rows = chunk.rows
    assert rows["kind"].tolist() == [CLEAR, DEPTH, DEPTH, TRADE, DEPTH, CLEAR, BBO]
    assert rows["side"].tolist() == [0, 1, -1, -1, 1, 1, -1]
    assert rows["code"].tolist() == [0, IMAGE, IMAGE, 0, 0, 0, 0]
    assert (rows["flags"] & END != 0).tolist() == [False, False, True, True, True, True, True]
    assert (rows["flags"] & (EXCH | LOCAL)).tolist() == [3] * 6 + [LOCAL]
    assert np.isnan(rows["px"][0])
    assert rows["px"][1:].tolist() == [99.0, 101.0, 99.0, 99.0, 97.5, 100.5]


def test_snapshots_become_clear_and_levels(tmp_path: Path) -> None:
    nan = np.nan
    books = np.array([[[99.0, 98.0], [1, 2], [101.0, nan], [3, nan]]])
    rows = np.zeros(3, dtype=EVENT)
    rows["exch_ns"], rows["recv_ns"], rows["flags"] = [1, 2, 3], [4, 5, 6], EXCH | LOCAL | END
    rows["kind"], rows["px"], rows["qty"], rows["side"] = [TRADE, SNAPSHOT, MARK], 99.0, 1.0, [1, 0, 0]
    recording = InMemoryRecording("x", INSTRUMENT, [Chunk(rows, books)], True)
    left_out = export_hftbacktest(recording, tmp_path / "a.npz")
    assert left_out == {"mark": 1}
    events = np.load(tmp_path / "a.npz")["data"]
    assert (events["ev"] & 0xFF).tolist() == [2, 3, 4, 4, 3, 4]
    assert events["px"].tolist() == [99.0, 98.0, 99.0, 98.0, 101.0, 101.0]
    assert events["qty"].tolist() == [1, 0, 1, 2, 0, 3]
    assert (events["ev"][1:] & BUY != 0).tolist() == [True, True, True, False, False]
    assert np.all(events["exch_ts"][1:] == 2)
    first = (tmp_path / "a.npz").read_bytes()
    export_hftbacktest(recording, tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == first


def test_what_a_row_cannot_say_is_reported(tmp_path: Path) -> None:
    both = EXCH_EVENT | LOCAL_EVENT
    depth, order, unseen = 1 | both | BUY, 6 | both | BUY, 1 | BUY
    events = array([(ev, t, t, 9.0, 1.0) for t, ev in enumerate((depth, order, unseen), start=1)])
    events["ival"][0] = 7
    np.savez(tmp_path / "a.npz", data=events)
    with pytest.raises(BadInput, match=r"not_expressible ×2 \(row 2, 3\).*event types 1, 6"):
        list(imported(tmp_path / "a.npz").chunks())
    conversion = imported(tmp_path / "a.npz", "repair")
    (chunk,) = conversion.chunks()
    assert len(chunk.rows) == 1
    assert conversion.report.items_dropped == {"not_expressible": 2}
    assert conversion.report.findings["lost_field", "a.npz"].lines == [1]


def test_disorder_is_repaired_by_raising_times(tmp_path: Path) -> None:
    both = EXCH_EVENT | LOCAL_EVENT
    times = ((10, 20), (5, 25), (30, 22))
    events = array([(2 | both | BUY, exch, local, 9.0, 1.0) for exch, local in times])
    np.savez(tmp_path / "a.npz", data=events)
    with pytest.raises(BadInput, match="late"):
        list(imported(tmp_path / "a.npz").chunks())
    conversion = imported(tmp_path / "a.npz", "repair")
    (chunk,) = conversion.chunks()
    assert chunk.rows["exch_ns"].tolist() == [10, 10, 30]
    assert chunk.rows["recv_ns"].tolist() == [20, 25, 30]
    assert {code for code, _ in conversion.report.findings} == {"late", "clock_behind"}


def test_large_arrays_are_read_in_pieces_cut_between_messages(tmp_path: Path) -> None:
    n = 150_000
    events = np.zeros(n, dtype=HFTBACKTEST_EVENT)
    events["ev"] = 1 | EXCH_EVENT | LOCAL_EVENT | BUY
    events["exch_ts"] = np.arange(n) // 7
    events["local_ts"] = events["exch_ts"] + 3
    events["px"], events["qty"] = 9.0, 1.0
    np.savez(tmp_path / "a.npz", data=events)
    rows = np.concatenate([c.rows for c in imported(tmp_path / "a.npz").chunks()])
    assert np.count_nonzero(rows["flags"] & END) == (n + 6) // 7
    assert np.array_equal(np.flatnonzero(rows["flags"] & END)[:-1] % 7, np.full(n // 7, 6))


def test_files_that_are_not_events(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", other=np.zeros(3))
    with pytest.raises(SourceError, match="no array 'data'"):
        list(imported(tmp_path / "a.npz").chunks())
    np.savez(tmp_path / "b.npz", data=np.zeros(3))
    with pytest.raises(SourceError, match="expected"):
        list(imported(tmp_path / "b.npz").chunks())
    np.save(tmp_path / "c.npy", array([(2 | EXCH_EVENT | LOCAL_EVENT | BUY, 1, 1, 9.0, 1.0)] * 10))
    (tmp_path / "c.npy").write_bytes((tmp_path / "c.npy").read_bytes()[:-100])
    with pytest.raises(BadInput, match="2 of 10 events are missing"):
        list(imported(tmp_path / "c.npy").chunks())
    conversion = imported(tmp_path / "c.npy", "repair")
    assert sum(len(c.rows) for c in conversion.chunks()) == 8
    assert empty_snapshots().shape == (0, 4, 1)
