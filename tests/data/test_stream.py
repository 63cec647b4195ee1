"""Merging, ordering across chunk borders, and the clock's estimator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from undertow.data import stream
from undertow.data.clocks import lower_envelope
from undertow.data.report import Report
from undertow.data.stream import TwoClocks, chunk_of, merge_by_receipt
from undertow.events import (
    END,
    EVENT,
    EXCH,
    LOCAL,
    SNAPSHOT,
    TRADE,
    Chunk,
    empty_snapshots,
    order_for_two_clocks,
)


def rows_of(times: list[tuple[int, int]]) -> NDArray[np.void]:
    """Rows in order of receipt, of (step of receipt, delay)."""
    rows = np.zeros(len(times), dtype=EVENT)
    rows["recv_ns"] = 1000 + np.cumsum([step for step, _ in times])
    rows["exch_ns"] = rows["recv_ns"] - [delay for _, delay in times]
    rows["flags"], rows["kind"], rows["ref"] = EXCH | LOCAL | END, TRADE, np.arange(len(times))
    return rows


feeds = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=30).map(rows_of),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(feeds, st.integers(1, 7))
def test_merge_is_a_stable_sort_by_receipt(parts: list[NDArray[np.void]], size: int) -> None:
    for k, rows in enumerate(parts):
        rows["asset"] = k

    def cut(rows: NDArray[np.void]) -> list[Chunk]:
        return [Chunk(rows[i : i + size], empty_snapshots()) for i in range(0, len(rows), size)]

    merged = [c.rows for c in merge_by_receipt([iter(cut(rows)) for rows in parts])]
    got = np.concatenate([*merged, np.zeros(0, EVENT)])
    everything = np.concatenate(parts)
    assert np.all(np.diff(got["recv_ns"]) >= 0)
    assert sorted(got[["asset", "ref"]].tolist()) == sorted(everything[["asset", "ref"]].tolist())
    for k in range(len(parts)):
        assert np.all(np.diff(got["ref"][got["asset"] == k]) == 1)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=80).map(rows_of))
def test_order_across_chunks_is_that_of_the_whole(rows: NDArray[np.void]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK_BYTES", 8 * 56)
        patch.setattr(stream, "HORIZON_NS", 50)
        report = Report()
        clocks = TwoClocks(report, "x")
        out = [
            c
            for i in range(0, len(rows), 5)
            for c in clocks.push(Chunk(rows[i : i + 5].copy(), empty_snapshots()))
        ]
        out += clocks.finish()
    got = np.concatenate([c.rows for c in out])
    wanted = order_for_two_clocks(rows)
    assert not report.findings
    for flag in (EXCH, LOCAL):
        assert (
            got["ref"][got["flags"] & flag != 0].tolist()
            == wanted["ref"][wanted["flags"] & flag != 0].tolist()
        )
    assert len(got) == len(rows) + report.rows_added["split"]


def test_what_comes_later_than_the_horizon_is_raised_and_reported() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK_BYTES", 2 * 56)
        patch.setattr(stream, "HORIZON_NS", 10)
        report = Report()
        clocks = TwoClocks(report, "x")
        rows = rows_of([(20, 0), (20, 0), (20, 0), (20, 0), (1, 70)])
        out = [c for i in range(5) for c in clocks.push(Chunk(rows[i : i + 1].copy(), empty_snapshots()))]
        out += clocks.finish()
    got = np.concatenate([c.rows for c in out])
    assert order_for_two_clocks(got) is got
    assert report.findings["late", "x"].count == 1
    assert len(got) == 5 + report.rows_added["split"]


def test_a_chunk_keeps_only_its_own_snapshots() -> None:
    rows = rows_of([(1, 0)] * 4)
    rows["kind"], rows["ref"] = SNAPSHOT, [3, 1, 3, 0]
    table = np.arange(5 * 4 * 2, dtype=np.float64).reshape(5, 4, 2)
    part = chunk_of(rows[:3], table)
    assert part.snapshots.shape == (2, 4, 2)
    assert np.array_equal(part.snapshots[part.rows["ref"]], table[[3, 1, 3]])
    assert rows["ref"].tolist() == [3, 1, 3, 0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=25),
    st.lists(st.integers(-50, 50), min_size=25, max_size=25),
)
def test_envelope_is_the_best_line_below_all_points(steps: list[int], heights: list[int]) -> None:
    x = np.cumsum(steps).astype(np.float64)
    y = np.array(heights[: len(x)], dtype=np.float64)
    level, slope = lower_envelope(x, y)
    assert np.all(level + slope * x <= y + 1e-6)
    # The same by linear programming: maximise the sum of the line's heights below the points.
    best = linprog(
        [-len(x), -x.sum()], A_ub=np.column_stack([np.ones_like(x), x]), b_ub=y, bounds=[(None, None)] * 2
    )
    assert len(x) * level + slope * x.sum() == pytest.approx(-best.fun, abs=1e-6)
