"""Order-level rows: the levels they sum to, hftbacktest's market-by-order files, the store's images.

Expected sums are counted anew from all orders at every row; hftbacktest's event numbers are those of
its ``types.rs``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.data.convert import convert
from undertow.data.hftbacktest_export import export_hftbacktest
from undertow.data.image import BookImage
from undertow.data.layout import RecordingMeta
from undertow.data.memory import InMemoryRecording
from undertow.data.orders import LevelSums, with_level_sums
from undertow.data.report import BadInput
from undertow.data.sources.hftbacktest_npz import HFTBACKTEST_EVENT
from undertow.data.store import open_recording
from undertow.data.writer import write_recording
from undertow.events import (
    CLEAR,
    DEPTH,
    END,
    EVENT,
    EXCH,
    IMAGE,
    LOCAL,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    ORDER_MODIFY,
    SUMMED,
    TRADE,
    Chunk,
    empty_snapshots,
)
from undertow.instrument import Instrument

EXCH_EVENT, LOCAL_EVENT, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13
INSTRUMENT = Instrument(name="X", tick_size=0.1, size_step=0.001)
BOTH = EXCH | LOCAL
START_NS = 10**18


@st.composite
def order_rows(draw: st.DrawFn) -> NDArray[np.void]:
    """Order-level rows, some split for two clocks, with trades and CLEAR rows between."""
    rows = np.zeros(draw(st.integers(1, 25)), dtype=EVENT)
    heard = START_NS
    for k, row in enumerate(rows):
        row["exch_ns"] = START_NS + k
        heard = max(heard, START_NS + k + draw(st.integers(0, 3)))
        row["recv_ns"] = heard
        row["flags"] = draw(st.sampled_from([BOTH] * 4 + [EXCH, LOCAL])) | END
        row["kind"] = draw(
            st.sampled_from([ORDER_ADD] * 4 + [ORDER_CANCEL, ORDER_MODIFY, ORDER_MODIFY, ORDER_EXEC, TRADE])
        )
        row["ref"] = draw(st.integers(1, 8)) if row["kind"] != TRADE else k + 1
        row["side"] = 1 if row["ref"] % 2 else -1  # the books never cross
        tick = draw(st.integers(98, 101)) + (0 if row["side"] > 0 else 5)
        row["px"], row["qty"] = tick / 10, draw(st.integers(1, 9)) / 10
        if draw(st.integers(0, 19)) == 0:
            row["kind"], row["ref"], row["qty"] = CLEAR, 0, 0.0
            row["px"] = np.nan
    return rows


def counted(rows: NDArray[np.void], flag: int) -> dict[tuple[int, float], float]:
    """Levels one clock ends with, counted from its order-level rows."""
    orders: dict[int, tuple[int, float, float]] = {}
    for row in rows[rows["flags"] & flag != 0]:
        kind, ref = int(row["kind"]), int(row["ref"])
        side, px, qty = int(row["side"]), float(row["px"]), float(row["qty"])
        if kind == CLEAR:
            orders = {i: o for i, o in orders.items() if o[0] != side}
        elif kind == ORDER_CANCEL:
            orders.pop(ref, None)
        elif kind in (ORDER_ADD, ORDER_MODIFY):
            orders[ref] = (orders[ref][0] if ref in orders else side, px, qty)
    levels: dict[tuple[int, float], float] = {}
    for side, px, qty in orders.values():
        levels[side, px] = levels.get((side, px), 0.0) + qty
    return levels


def shown(rows: NDArray[np.void], flag: int) -> dict[tuple[int, float], float]:
    """Levels one clock ends with, as its DEPTH rows say."""
    levels: dict[tuple[int, float], float] = {}
    for row in rows[rows["flags"] & flag != 0]:
        if row["kind"] == CLEAR:
            levels = {key: q for key, q in levels.items() if key[0] != row["side"]}
        elif row["kind"] == DEPTH:
            levels[int(row["side"]), float(row["px"])] = float(row["qty"])
    return {key: q for key, q in levels.items() if q > 0.0}


@settings(max_examples=80, deadline=None)
@given(rows=order_rows())
def test_levels_are_the_sums_of_what_each_clock_has_seen(rows: NDArray[np.void]) -> None:
    summed = with_level_sums(rows, INSTRUMENT)
    made = (summed["kind"] == DEPTH) & (summed["code"] == SUMMED)
    assert np.array_equal(np.delete(summed, np.flatnonzero(made))["ref"], rows["ref"])
    for flag in (EXCH, LOCAL):
        assert shown(summed, flag) == pytest.approx(counted(rows, flag))
    ends = summed["flags"] & END != 0
    assert ends.sum() == len(rows)  # a message ends where it did, after its levels
    assert not np.any(ends[:-1] & made[1:])


def test_sums_do_not_drift_and_do_not_depend_on_chunks() -> None:
    rng = np.random.default_rng(1)
    rows = np.zeros(3_000, dtype=EVENT)
    rows["kind"], rows["ref"] = ORDER_ADD, np.arange(3_000) // 2
    rows["kind"][1::2] = ORDER_CANCEL
    rows["side"], rows["px"], rows["qty"], rows["flags"] = 1, 0.3, rng.random(3_000), BOTH | END
    whole = with_level_sums(rows, INSTRUMENT)
    assert np.all(whole["qty"][whole["kind"] == DEPTH][1::2] == 0.0)
    sums = LevelSums(INSTRUMENT)
    pieces = [sums(Chunk(rows[k : k + 7], empty_snapshots())).rows for k in range(0, 3_000, 7)]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


def test_rows_without_orders_pass_untouched() -> None:
    rows = np.zeros(5, dtype=EVENT)
    rows["kind"], rows["flags"] = [CLEAR, DEPTH, DEPTH, TRADE, DEPTH], BOTH
    chunk = Chunk(rows, empty_snapshots())
    assert LevelSums(INSTRUMENT)(chunk) is chunk


# ---- hftbacktest's files -------------------------------------------------------------------------


@st.composite
def order_events(draw: st.DrawFn) -> NDArray[np.void]:
    """Well-formed market-by-order events: every change names an order that stands."""
    events: list[tuple[int, int, int, float, float, int]] = []
    standing: dict[int, tuple[int, float, float]] = {}
    exch = local = START_NS
    for number in range(1, draw(st.integers(2, 30))):
        exch += draw(st.integers(0, 2))
        local = max(local + draw(st.integers(0, 2)), exch)
        both = EXCH_EVENT | LOCAL_EVENT
        kind = draw(st.sampled_from([ADD, ADD, CANCEL, MODIFY, FILL, 2])) if standing else ADD
        px, qty = draw(st.integers(90, 110)) / 10, draw(st.integers(1, 9)) / 4
        if kind in (ADD, 2):
            side, order = draw(st.sampled_from([BUY, SELL])), number
        else:
            order = draw(st.sampled_from(sorted(standing)))
            side, px = standing[order][0], px if kind == MODIFY else standing[order][1]
        if kind == CANCEL:
            del standing[order]
        elif kind in (ADD, MODIFY):
            standing[order] = (side, px, qty)
        events.append((kind | side | both, exch, local, px, qty, order))
    out = np.zeros(len(events), dtype=HFTBACKTEST_EVENT)
    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id")
    for name, column in zip(names, zip(*events, strict=True), strict=True):
        out[name] = column
    return out


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=order_events())
def test_market_by_order_there_and_back_is_bit_for_bit(tmp_path: Path, events: NDArray[np.void]) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=events)
    recording = convert("hftbacktest", [tmp_path / "a.npz"]).recording()
    assert not export_hftbacktest(recording, tmp_path / "b.npz")
    assert np.load(tmp_path / "b.npz")["data"].tobytes() == events.tobytes()
    rows = np.concatenate([c.rows for c in recording.chunks()])
    assert shown(rows, EXCH) == pytest.approx(counted(rows, EXCH))


def _events(*events: tuple[int, float, float, int]) -> NDArray[np.void]:
    out = np.zeros(len(events), dtype=HFTBACKTEST_EVENT)
    for k, (ev, px, qty, order) in enumerate(events):
        out[k] = (ev | EXCH_EVENT | LOCAL_EVENT, k + 1, k + 2, px, qty, order, 0, 0.0)
    return out


def test_meaning_of_each_order_event(tmp_path: Path) -> None:
    events = _events(
        (ADD | BUY, 99.0, 2.0, 7),
        (ADD | BUY, 99.0, 3.0, 8),
        (2 | SELL, 99.0, 1.0, 0),
        (FILL | BUY, 99.0, 1.0, 7),
        (MODIFY | BUY, 99.0, 1.0, 7),
        (MODIFY | BUY, 98.0, 3.0, 8),
        (CANCEL | BUY, 99.0, 1.0, 7),
    )
    np.save(tmp_path / "x.npy", events)
    (chunk,) = convert("hftbacktest", [tmp_path / "x.npy"]).chunks()
    orders = chunk.rows[chunk.rows["kind"] >= ORDER_ADD]
    levels = chunk.rows[chunk.rows["kind"] == DEPTH]
    expected = [ORDER_ADD, ORDER_ADD, ORDER_EXEC, ORDER_MODIFY, ORDER_MODIFY, ORDER_CANCEL]
    assert orders["kind"].tolist() == expected
    assert orders["ref"].tolist() == [7, 8, 7, 7, 8, 7]
    found = [(float(px), float(qty)) for px, qty in zip(levels["px"], levels["qty"], strict=True)]
    assert found == [(99.0, 2.0), (99.0, 5.0), (99.0, 4.0), (99.0, 1.0), (98.0, 3.0), (99.0, 0.0)]
    assert set(levels["code"].tolist()) == {SUMMED}


def test_unknown_and_repeated_orders_are_found(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", _events((CANCEL | BUY, 99.0, 2.0, 5), (ADD | BUY, 99.0, 2.0, 7)))
    conversion = convert("hftbacktest", [tmp_path / "x.npy"])
    assert sum(len(c.rows) for c in conversion.chunks()) == 3
    assert {code for code, _ in conversion.report.findings} == {"unknown_order"}
    np.save(tmp_path / "x.npy", _events((ADD | BUY, 99.0, 2.0, 7), (ADD | BUY, 99.0, 4.0, 7)))
    with pytest.raises(BadInput, match="duplicate_order"):
        list(convert("hftbacktest", [tmp_path / "x.npy"]).chunks())
    (chunk,) = convert("hftbacktest", [tmp_path / "x.npy"], mode="repair").chunks()
    assert shown(chunk.rows, EXCH) == {(1, 99.0): 4.0}


# ---- images and the store ------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(rows=order_rows(), cut=st.integers(0, 60))
def test_an_image_holds_the_orders_first_come_first(rows: NDArray[np.void], cut: int) -> None:
    summed = with_level_sums(rows, INSTRUMENT)
    image = BookImage()
    image.apply(Chunk(summed[:cut], empty_snapshots()))
    for chunk in image.chunks(START_NS):
        flag = int(chunk.rows["flags"][0] & BOTH)
        assert shown(chunk.rows, flag) == pytest.approx(shown(summed[:cut], flag))
        assert counted(chunk.rows, flag) == pytest.approx(counted(summed[:cut], flag))
        orders = chunk.rows[chunk.rows["kind"] == ORDER_ADD]
        assert set(orders["code"].tolist()) <= {IMAGE}
        sizes = chunk.rows["code"][chunk.rows["kind"] == DEPTH]
        assert set(sizes.tolist()) <= ({SUMMED} if len(orders) else {IMAGE})
        assert _in_queue_order(summed[:cut], flag) == orders["ref"].tolist()


def _in_queue_order(rows: NDArray[np.void], flag: int) -> list[int]:
    """Ids in the order in which they joined the queue they stand in, counted the plain way."""
    queue: list[list[float]] = []
    for row in rows[rows["flags"] & flag != 0]:
        kind, ref, side = int(row["kind"]), int(row["ref"]), int(row["side"])
        px, qty = float(row["px"]), float(row["qty"])
        old = next((o for o in queue if o[0] == ref), None)
        if kind == CLEAR:
            queue = [o for o in queue if o[1] != side]
        elif kind == ORDER_CANCEL:
            queue = [o for o in queue if o[0] != ref]
        elif kind in (ORDER_ADD, ORDER_MODIFY):
            if old and old[2] == px and qty <= old[3]:
                old[3] = qty
            else:
                queue = [o for o in queue if o is not old]
                queue.append([ref, old[1] if old else side, px, qty])
    return [int(o[0]) for o in queue]


def test_a_stretch_of_the_store_begins_with_the_orders_that_stand(tmp_path: Path) -> None:
    rows = np.zeros(6, dtype=EVENT)
    rows["kind"], rows["ref"] = ORDER_ADD, [3, 1, 2, 9, 9, 4]
    rows["kind"][4] = ORDER_CANCEL
    rows["side"], rows["px"], rows["qty"], rows["flags"] = 1, 99.0, 1.0, BOTH | END
    rows["exch_ns"] = rows["recv_ns"] = START_NS + np.arange(6)
    whole = Chunk(with_level_sums(rows, INSTRUMENT), empty_snapshots())
    recording = InMemoryRecording("x", INSTRUMENT, [whole], False)
    write_recording(tmp_path, RecordingMeta("v", "X", INSTRUMENT, False), recording.chunks())
    stretch = open_recording(tmp_path, "v", "X", start=START_NS + 5)
    found = np.concatenate([c.rows for c in stretch.chunks()])
    orders = found[(found["kind"] == ORDER_ADD) & (found["flags"] & EXCH != 0)]
    assert orders["ref"].tolist() == [3, 1, 2, 4]
    assert shown(found, EXCH) == shown(found, LOCAL) == {(1, 99.0): 4.0}
