"""The store gives back what was put in, bit for bit, whole or in stretches."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from undertow.data.layout import DAY_NS, RecordingMeta, StoreError
from undertow.data.memory import InMemoryRecording
from undertow.data.report import Report
from undertow.data.store import StoredRecording, describe, open_recording
from undertow.data.stream import CHUNK_ROWS, cut_to_size
from undertow.data.writer import write_recording
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    END,
    EVENT,
    EXCH,
    GAP,
    IMAGE,
    LOCAL,
    SNAPSHOT,
    TRADE,
    Chunk,
    empty_snapshots,
    order_for_two_clocks,
)
from undertow.instrument import Instrument
from undertow.recording import Recording

INSTRUMENT = Instrument(name="X", tick_size=0.5, size_step=0.1)
DAY0 = 20_000 * DAY_NS


def meta(coin: str = "xyz:X/Y", *, snapshot_fed: bool = True) -> RecordingMeta:
    return RecordingMeta("some venue", coin, INSTRUMENT, snapshot_fed)


def stored(root: Path, what: RecordingMeta, chunks: list[Chunk], **options: object) -> StoredRecording:
    write_recording(root, what, chunks, **options)  # type: ignore[arg-type]
    return open_recording(root, what.venue, what.coin)


def seen(recording: Recording) -> tuple[bytes, bytes]:
    """All rows and the books they refer to, as bytes (`ref` of snapshots is chunk by chunk)."""
    rows, books = [], []
    for chunk in recording.chunks():
        copy = chunk.rows.copy()
        at = copy["kind"] == SNAPSHOT
        books.append(chunk.snapshots[copy["ref"][at]])
        copy["ref"][at] = 0
        rows.append(copy)
    return np.concatenate(rows).tobytes(), b"".join(b.tobytes() for b in books)


@st.composite
def recordings_(draw: st.DrawFn) -> Chunk:
    """Any rows (any bits in the floats) over three days, with snapshots."""
    n = draw(st.integers(1, 40))
    rows = np.zeros(n, dtype=EVENT)
    at = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 3 * DAY_NS - 10**9)))
    delay = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 10**9)))
    rows["exch_ns"], rows["recv_ns"] = DAY0 + at, DAY0 + at + delay
    for name in ("px", "qty", "val"):
        rows[name] = draw(hnp.arrays(np.uint64, n)).view(np.float64)
    rows["ref"] = draw(hnp.arrays(np.int64, n))
    rows["kind"] = draw(hnp.arrays(np.uint8, n, elements=st.sampled_from([DEPTH, SNAPSHOT, BBO, TRADE, GAP])))
    rows["side"] = draw(hnp.arrays(np.int8, n))
    rows["asset"] = draw(hnp.arrays(np.uint16, n))
    rows["code"] = draw(hnp.arrays(np.uint16, n))
    flags = draw(hnp.arrays(np.uint16, n)) | EXCH
    rows["flags"] = np.where(draw(hnp.arrays(np.bool_, n)), flags | LOCAL, flags)
    books = draw(hnp.arrays(np.uint64, (draw(st.integers(1, 5)), 4, draw(st.integers(1, 3)))))
    at_book = rows["kind"] == SNAPSHOT
    rows["ref"][at_book] = np.arange(int(at_book.sum())) % len(books)
    return Chunk(order_for_two_clocks(rows), books.view(np.float64))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunk=recordings_())
def test_round_trip_is_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, chunk: Chunk) -> None:
    kept = InMemoryRecording("x", INSTRUMENT, [chunk], True)
    back = stored(tmp_path_factory.mktemp("store"), meta(), list(kept.chunks()))
    assert seen(back) == seen(kept)
    assert back.n_rows == kept.n_rows
    assert back.instrument == INSTRUMENT
    assert back.snapshot_fed
    if np.any(chunk.rows["flags"] & LOCAL):
        assert back.span_ns == kept.span_ns
    assert seen(back) == seen(back)


def ramp(n: int, start_ns: int = DAY0, step_ns: int = 10**8, kind: int = TRADE) -> NDArray[np.void]:
    """`n` rows, one every `step_ns`, received 1 ms after they happened."""
    rows = np.zeros(n, dtype=EVENT)
    rows["exch_ns"] = start_ns + step_ns * np.arange(n)
    rows["recv_ns"] = rows["exch_ns"] + 10**6
    rows["px"], rows["qty"], rows["side"], rows["kind"] = 100.0, 1.0, 1, kind
    rows["flags"] = EXCH | LOCAL | END
    rows["ref"] = np.arange(n)
    return rows


def test_days_and_chunks_are_cut_by_receipt(tmp_path: Path) -> None:
    chunk = Chunk(ramp(300_000, DAY0 + DAY_NS - 10**13), empty_snapshots())
    back = stored(tmp_path, meta(), list(cut_to_size(chunk)))
    assert len(back.parts) == 2
    for path, part in back.parts:
        day = np.datetime64(part.first_recv_ns, "ns").astype("datetime64[D]")
        assert path.parent.name == f"day={day}"
        assert np.datetime64(part.last_recv_ns, "ns").astype("datetime64[D]") == day
    assert all(len(c.rows) <= CHUNK_ROWS for c in back.chunks())
    assert b"".join(c.rows.tobytes() for c in back.chunks()) == chunk.rows.tobytes()
    (entry,) = describe(tmp_path)
    assert (entry["rows"], entry["rows_by_kind"], entry["venue"]) == (
        300_000,
        {"trade": 300_000},
        "some venue",
    )


def test_a_stretch_begins_and_ends_by_receipt(tmp_path: Path) -> None:
    rows = ramp(5000)
    back = stored(
        tmp_path, meta(), [Chunk(rows[:2000], empty_snapshots()), Chunk(rows[2000:], empty_snapshots())]
    )
    recv = rows["recv_ns"]
    start, end = int(recv[1990]), int(recv[2010]) + 1
    part = open_recording(tmp_path, back.meta.venue, back.meta.coin, start, end)
    assert np.concatenate([c.rows for c in part.chunks()])["ref"].tolist() == list(range(1990, 2011))
    assert part.span_ns == (start, end)
    at = datetime.fromtimestamp(DAY0 / 1e9 + 100, tz=UTC)
    late = open_recording(tmp_path, back.meta.venue, back.meta.coin, at)
    assert next(late.chunks()).rows["recv_ns"][0] >= at.timestamp() * 1e9
    with pytest.raises(StoreError, match="nothing received in that stretch; the store holds 2024-10-04"):
        open_recording(tmp_path, back.meta.venue, back.meta.coin, int(recv[-1]) + 1)
    with pytest.raises(StoreError, match="it holds some venue xyz:X/Y"):
        open_recording(tmp_path, "some venue", "Z")


def book_after(rows: NDArray[np.void]) -> tuple[dict[float, float], dict[float, float]]:
    """A slow, obvious book, by the table of undertow.events."""
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for row in rows:
        px, qty, side, kind = float(row["px"]), float(row["qty"]), int(row["side"]), int(row["kind"])
        if kind == CLEAR:
            for book, s in ((bids, 1), (asks, -1)):
                if side in (0, s):
                    for level in [p for p in book if np.isnan(px) or s * p >= s * px]:
                        del book[level]
        elif kind in (DEPTH, BBO):
            own, other = (bids, asks) if side > 0 else (asks, bids)
            if kind == BBO:
                for level in [p for p in own if qty == 0 or side * p > side * px]:
                    del own[level]
            if qty > 0:
                own[px] = qty
                for level in [p for p in other if side * p <= side * px]:
                    del other[level]
            else:
                own.pop(px, None)
    return bids, asks


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_stretch_of_a_feed_of_changes_begins_with_the_book(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = data.draw(st.integers(4, 60))
    rows = ramp(n, kind=DEPTH)
    rows["kind"] = data.draw(
        hnp.arrays(np.uint8, n, elements=st.sampled_from([DEPTH, DEPTH, BBO, TRADE, CLEAR]))
    )
    rows["side"] = data.draw(hnp.arrays(np.int8, n, elements=st.sampled_from([1, -1])))
    rows["px"] = data.draw(hnp.arrays(np.float64, n, elements=st.integers(95, 105)))
    rows["qty"] = data.draw(hnp.arrays(np.float64, n, elements=st.integers(0, 3)))
    clear = rows["kind"] == CLEAR
    rows["side"][clear] = rows["side"][clear] * (rows["px"][clear] > 98)
    rows["px"][clear & (rows["side"] == 0)] = np.nan
    at = data.draw(st.integers(1, n - 1))
    half = at // 2
    chunks = [Chunk(part, empty_snapshots()) for part in (rows[:half], rows[half:]) if len(part)]
    root = tmp_path_factory.mktemp("store")
    back = stored(root, meta(snapshot_fed=False), chunks)
    part = open_recording(root, back.meta.venue, back.meta.coin, int(rows["recv_ns"][at]))
    got = np.concatenate([c.rows for c in part.chunks()])
    image = got[(got["code"] == IMAGE) | ((got["kind"] == CLEAR) & (got["flags"] & 3 != 3))]
    for flag in (EXCH, LOCAL):
        assert book_after(image[image["flags"] & flag != 0]) == book_after(rows[:at])
    assert got[len(image) :].tobytes() == rows[at:].tobytes()
    assert order_for_two_clocks(got) is got


def test_books_may_grow_deeper(tmp_path: Path) -> None:
    rows = ramp(30, step_ns=0)
    rows["kind"][10:] = SNAPSHOT
    rows["ref"] = 0
    chunks = [Chunk(rows[:10], empty_snapshots())]
    chunks += [Chunk(rows[k : k + 10], np.full((1, 4, depth), 9.0)) for k, depth in ((10, 2), (20, 5))]
    back = stored(tmp_path, meta(), chunks)
    assert [c.snapshots.shape for c in back.chunks()] == [(0, 4, 1), (1, 4, 2), (1, 4, 5)]
    assert np.concatenate([c.rows for c in back.chunks()]).tobytes() == rows.tobytes()
    assert back.n_rows == 30


def test_imports_one_after_the_other(tmp_path: Path) -> None:
    first, second = ramp(10), ramp(10, DAY0 + 3600 * 10**9)
    stored(tmp_path, meta(), [Chunk(second, empty_snapshots())])
    back = stored(tmp_path, meta(), [Chunk(first, empty_snapshots())])
    rows = np.concatenate([c.rows for c in back.chunks()])
    assert rows["kind"].tolist() == [TRADE] * 10 + [GAP] + [TRADE] * 10
    assert rows["val"][10] == pytest.approx(3599.1)
    assert back.n_rows == 21
    assert order_for_two_clocks(rows) is rows


def test_what_happened_before_an_earlier_import_ended(tmp_path: Path) -> None:
    """Files imported hour by hour overlap on the exchange clock: the few late rows are raised."""
    rows = ramp(20)
    rows["recv_ns"] += 10**9
    rows[10]["exch_ns"] = rows[8]["exch_ns"]
    stored(tmp_path, meta(), [Chunk(rows[:10], empty_snapshots())])
    report = Report()
    back = stored(tmp_path, meta(), [Chunk(rows[10:].copy(), empty_snapshots())], report=report, source="b")
    got = np.concatenate([c.rows for c in back.chunks()])
    assert got["exch_ns"][10] == rows["exch_ns"][9]
    assert report.findings["late", "b"].count == 1


def test_overlapping_imports(tmp_path: Path) -> None:
    rows = ramp(100)
    stored(tmp_path, meta(), [Chunk(rows[20:50], empty_snapshots())])
    before = seen(open_recording(tmp_path, "some venue", "xyz:X/Y"))
    for clash in (rows[30:40], rows[:30], rows[40:], rows):
        with pytest.raises(StoreError, match="already holds"):
            stored(tmp_path, meta(), [Chunk(clash, empty_snapshots())])
    with pytest.raises(StoreError, match="already holds"):
        stored(tmp_path, meta(), [Chunk(rows[30:], empty_snapshots())], replace=True)
    assert seen(open_recording(tmp_path, "some venue", "xyz:X/Y")) == before
    assert not list(tmp_path.rglob("*unfinished"))
    back = stored(tmp_path, meta(), [Chunk(rows, empty_snapshots())], replace=True)
    assert np.concatenate([c.rows for c in back.chunks()]).tobytes() == rows.tobytes()


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield Chunk(ramp(10), empty_snapshots())
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_recording(tmp_path, meta(), broken())  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.parquet*"))
    assert not describe(tmp_path)


def test_rules_must_agree(tmp_path: Path) -> None:
    stored(tmp_path, meta(), [Chunk(ramp(10), empty_snapshots())])
    other = RecordingMeta("some venue", "xyz:X/Y", Instrument(name="X", tick_size=1, size_step=0.1), True)
    with pytest.raises(StoreError, match=r"tick_size = 0\.5, this import 1"):
        stored(tmp_path, other, [Chunk(ramp(10, DAY0 + 10**12), empty_snapshots())])


def test_foreign_and_broken_files_are_named(tmp_path: Path) -> None:
    back = stored(tmp_path, meta(), [Chunk(ramp(10), empty_snapshots())])
    path = back.parts[0][0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match=r"events-.*delete it and import its source again"):
        open_recording(tmp_path, "some venue", "xyz:X/Y")
