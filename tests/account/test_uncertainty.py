"""Intervals against scipy's exact ones; clustered errors against what clustering truly does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from undertow.account.uncertainty import block_length_s, clustered_mean, poisson_interval


@pytest.mark.parametrize("count", [1, 2, 3, 10, 49, 50, 100, 1000])
def test_poisson_interval_is_the_exact_one(count: int) -> None:
    exact = (stats.chi2.ppf(0.025, 2 * count) / 2, stats.chi2.ppf(0.975, 2 * count + 2) / 2)
    low, high = poisson_interval(count)
    assert low == pytest.approx(exact[0], rel=2e-4)
    assert high == pytest.approx(exact[1], rel=2e-4)


def test_poisson_interval_of_nothing() -> None:
    low, high = poisson_interval(0)
    assert low == 0.0
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2) / 2, rel=1e-9)


def test_error_covers_the_truth_when_fills_come_in_clusters() -> None:
    """Ten fills per cluster share their markout; σ/√n would cover the true mean far too rarely."""
    rng = np.random.default_rng(7)
    covered = naive = 0
    trials = 300
    for _ in range(trials):
        shared = np.repeat(rng.normal(0.0, 1.0, 60), 10)
        values = shared + rng.normal(0.0, 0.3, 600)
        times = np.repeat(np.arange(60) * 20_000_000_000, 10) + np.tile(np.arange(10) * 50_000_000, 60)
        average, error = clustered_mean(values, np.ones(600), times, 20.0)
        covered += abs(average) < 1.96 * error
        naive += abs(average) < 1.96 * values.std() / math.sqrt(600)
    assert 0.90 < covered / trials < 0.985
    assert naive / trials < 0.6


def test_error_of_independent_fills_is_the_usual_one() -> None:
    values = np.random.default_rng(1).normal(2.0, 1.0, 4000)
    times = np.arange(4000) * 60_000_000_000
    average, error = clustered_mean(values, np.ones(4000), times, 10.0)
    assert average == pytest.approx(values.mean())
    assert error == pytest.approx(values.std(ddof=1) / math.sqrt(4000), rel=1e-3)


def test_weights_are_notional() -> None:
    average, _ = clustered_mean(np.array([1.0, 5.0]), np.array([3.0, 1.0]), np.array([0, 1]), 10.0)
    assert average == 2.0


def test_too_few_stretches_of_time_give_no_error() -> None:
    values, times = np.ones(100), np.arange(100) * 1_000_000_000
    assert math.isnan(clustered_mean(values, values, times, block_length_s(30.0))[1])
    assert math.isnan(clustered_mean(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), 10.0)[0])
