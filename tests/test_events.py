"""Laws of `order_for_two_clocks`, against the orders its docstring promises."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.events import EVENT, EXCH, LOCAL, order_for_two_clocks

BOTH = EXCH | LOCAL


def make_rows(times: list[tuple[int, int, int]]) -> NDArray[np.void]:
    """Rows of (exchange time, delay, flags), numbered in `ref`."""
    rows = np.zeros(len(times), dtype=EVENT)
    for i, (exch, delay, flags) in enumerate(times):
        rows[i]["exch_ns"], rows[i]["recv_ns"], rows[i]["flags"], rows[i]["ref"] = (
            exch,
            exch + delay,
            flags,
            i,
        )
    return rows


def on(rows: NDArray[np.void], flag: int) -> NDArray[np.void]:
    return rows[rows["flags"] & flag != 0]


any_rows = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 8), st.sampled_from([BOTH, BOTH, BOTH, EXCH, LOCAL])),
    max_size=14,
).map(make_rows)


@settings(max_examples=300, deadline=None)
@given(any_rows)
def test_each_clock_sees_a_stable_sort(rows: NDArray[np.void]) -> None:
    out = order_for_two_clocks(rows)
    for flag, field in ((EXCH, "exch_ns"), (LOCAL, "recv_ns")):
        wanted = on(rows, flag)
        wanted = wanted[np.argsort(wanted[field], kind="stable")]
        got = on(out, flag)
        unflagged = [name for name in EVENT.names or () if name != "flags"]
        assert got[unflagged].tolist() == wanted[unflagged].tolist()
        assert np.array_equal(got["flags"] | BOTH, wanted["flags"] | BOTH)


@settings(max_examples=200, deadline=None)
@given(any_rows)
def test_result_is_left_alone(rows: NDArray[np.void]) -> None:
    out = order_for_two_clocks(rows)
    assert order_for_two_clocks(out) is out


@settings(max_examples=200, deadline=None)
@given(any_rows)
@example(make_rows([(1, 0, EXCH), (0, 0, LOCAL)]))  # in order on each clock, not between them
def test_no_exchange_row_stands_before_a_row_received_earlier(rows: NDArray[np.void]) -> None:
    out = order_for_two_clocks(rows)
    happened = np.maximum.accumulate(np.where(out["flags"] & EXCH, out["exch_ns"], -1))
    local = np.flatnonzero(out["flags"] & LOCAL)
    assert np.all(happened[local] <= out["recv_ns"][local])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6), st.just(BOTH)), max_size=9).map(make_rows))
def test_splits_are_the_fewest_possible(rows: NDArray[np.void]) -> None:
    splits = len(order_for_two_clocks(rows)) - len(rows)
    by_exch = np.argsort(rows["exch_ns"], kind="stable").tolist()
    by_recv = np.argsort(rows["recv_ns"], kind="stable").tolist()
    # Brute force: the largest set of rows that stands in the same order on both clocks.
    for kept in range(len(rows), -1, -1):
        if any(
            [i for i in by_exch if i in whole] == [i for i in by_recv if i in whole]
            for whole in map(set, combinations(range(len(rows)), kept))
        ):
            assert splits == len(rows) - kept
            return


def test_a_row_in_order_is_returned_unchanged() -> None:
    rows = make_rows([(1, 1, BOTH), (2, 1, BOTH), (2, 3, LOCAL)])
    assert order_for_two_clocks(rows) is rows
    assert len(order_for_two_clocks(rows[:0])) == 0


def test_a_late_print_is_split_and_nothing_else() -> None:
    rows = make_rows([(10, 1, BOTH), (20, 1, BOTH), (30, 1, BOTH), (5, 40, BOTH), (50, 1, BOTH)])
    out = order_for_two_clocks(rows)
    assert out["ref"].tolist() == [3, 0, 1, 2, 3, 4]
    assert out["flags"].tolist() == [EXCH, BOTH, BOTH, BOTH, LOCAL, BOTH]


def test_a_row_nobody_sees_is_refused() -> None:
    with pytest.raises(ValueError, match="row 1 is flagged neither"):
        order_for_two_clocks(make_rows([(1, 0, BOTH), (2, 0, 0)]))


def test_cost_stays_small_on_a_disordered_feed() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    rows = np.zeros(n, dtype=EVENT)
    rows["exch_ns"] = np.sort(rng.integers(0, 10**12, n))
    rows["recv_ns"] = rows["exch_ns"] + rng.exponential(5e7, n).astype(np.int64)
    rows["flags"] = BOTH
    start = time.perf_counter()
    out = order_for_two_clocks(rows)
    assert time.perf_counter() - start < 5.0
    assert n < len(out) < 2 * n
