"""The generator has the distributions it names; streams differ; a copied record continues alike."""

from __future__ import annotations

import numba as nb
import numpy as np
import pytest

from undertow.records import Rec, copy_record, new_record
from undertow.synthetic.rng import RNG, exponential, normal, poisson, stream, uniform

N = 200_000


@nb.njit
def _draws(rng: Rec, n: int) -> np.ndarray:
    out = np.empty((n, 5))
    for i in range(n):
        out[i, 0] = uniform(rng)
        out[i, 1] = normal(rng)
        out[i, 2] = exponential(rng)
        out[i, 3] = poisson(rng, 0.7)
        out[i, 4] = poisson(rng, 50.0)
    return out


def _rng(seed: int, index: int) -> Rec:
    rng = new_record(RNG)
    rng["counter"] = stream(seed, index)
    return rng


def test_distributions() -> None:
    draws = _draws(_rng(1, 0), N)
    for column, (expected, variance) in enumerate([(0.5, 1 / 12), (0, 1), (1, 1), (0.7, 0.7), (50, 50)]):
        standard_error = np.sqrt(variance / N)
        assert abs(draws[:, column].mean() - expected) < 4 * standard_error
        assert draws[:, column].var() == pytest.approx(variance, rel=0.03)
    counts = np.histogram(draws[:, 0], 100, (0, 1))[0]
    assert np.sum((counts - N / 100) ** 2 / (N / 100)) < 99 + 4 * np.sqrt(2 * 99)
    assert abs(np.corrcoef(draws[1:, 0], draws[:-1, 0])[0, 1]) < 4 / np.sqrt(N)


def test_streams_and_seeds_differ() -> None:
    draws = [_draws(_rng(seed, index), 5000)[:, 0] for seed in (1, 2) for index in (0, 1)]
    correlations = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlations) < 4.5 / np.sqrt(5000))


def test_a_copy_continues_alike() -> None:
    rng = _rng(3, 2)
    _draws(rng, 10)
    copy = copy_record(rng)
    np.testing.assert_array_equal(_draws(rng, 10), _draws(copy, 10))
