"""Paired differences: against sums written out, and against correlated noise whose error is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from undertow.account.paired import over_blocks, over_seeds


def test_over_seeds_is_the_paired_t() -> None:
    x = [1.0, 2.0, 4.0, -1.0, 0.5, 3.0, 2.5, 1.5]
    found = over_seeds(x)
    error = np.std(x, ddof=1) / math.sqrt(8)
    assert (found.value, found.error, found.t) == pytest.approx((1.6875, error, 1.6875 / error))
    assert math.isnan(over_seeds(x[:7]).error)


def test_over_blocks_is_newey_west() -> None:
    x = np.random.default_rng(1).normal(size=60)
    n, lags = 60, int(4 * (60 / 100) ** (2 / 9))
    e = x - x.mean()
    variance = sum(
        (1 - abs(i - j) / (lags + 1)) * e[i] * e[j] for i in range(n) for j in range(n) if abs(i - j) <= lags
    )
    found = over_blocks(x.tolist())
    assert found.value == pytest.approx(x.sum())
    assert found.error == pytest.approx(math.sqrt(variance * n / (n - 1)))
    assert math.isnan(over_blocks([1.0] * 7).error)


def test_correlated_blocks_have_a_larger_error_than_they_seem_to() -> None:
    # An MA(1) with coefficient 1 has twice the variance per block and four times that of the sum.
    noise = np.random.default_rng(2).normal(size=4001)
    found = over_blocks((noise[1:] + noise[:-1]).tolist())
    assert found.error / math.sqrt(4000) == pytest.approx(2.0, rel=0.1)
