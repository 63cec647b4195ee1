"""Thinned series keep their peaks, troughs, order and gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from undertow.account.decimate import averages, extremes, spread_evenly, starts


@given(n=st.integers(1, 4000), points=st.integers(4, 400), seed=st.integers(0, 1000))
def test_extremes_survive(n: int, points: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    at = extremes(values, points)
    assert len(at) <= points
    assert (np.diff(at) > 0).all()
    assert values[at].max() == values.max()
    assert values[at].min() == values.min()


def test_gaps_stay_gaps() -> None:
    values = np.ones(10_000)
    values[4000:6000] = np.nan
    kept = values[extremes(values, 100)]
    assert np.isnan(kept).any()
    assert np.isfinite(kept).sum() > 30


def test_short_series_are_left_alone() -> None:
    values = np.array([3.0, np.nan, 1.0])
    assert extremes(values, 10).tolist() == [0, 1, 2]
    assert averages(values, 10) is values


@given(n=st.integers(1, 3000), points=st.integers(1, 300))
def test_averages_and_their_places_agree(n: int, points: int) -> None:
    values = np.arange(n, dtype=float)
    kept, at = averages(values, points), starts(n, points)
    assert len(kept) == len(at) == min(n, points)
    assert (values[at] <= kept).all()


def test_averages_skip_what_is_missing() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0, np.nan, np.nan])
    kept = averages(values, 3)
    assert kept[:2].tolist() == [1.0, 4.0]
    assert np.isnan(kept[2])


def test_even_spread_keeps_both_ends() -> None:
    assert spread_evenly(1001, 11).tolist() == list(range(0, 1001, 100))
    assert spread_evenly(3, 11).tolist() == [0, 1, 2]
