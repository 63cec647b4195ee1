"""Covariance of ln κ and ln σ: against NumPy, unbiased from the start, interval, laws."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.kernel.streaming_laws import S, assert_continues_from_checkpoint, assert_flat, assert_unchanged

from undertow.kernel.covariance import (
    COVARIANCE,
    correlation_interval,
    covariance_look,
    covariance_params,
    kappa_sigma_correlation,
    log_covariance,
)
from undertow.records import Rec, new_record

LOOK = np.dtype([("now_ns", "<i8"), ("kappa", "<f8"), ("sigma", "<f8")])


@nb.njit(cache=True)
def run(state: Rec, params: Rec, looks: NDArray[np.void]) -> None:
    for i in range(looks.shape[0]):
        covariance_look(state, params, looks[i].now_ns, looks[i].kappa, looks[i].sigma)


def pairs(seed: int, n: int, rho: float, sd_kappa: float = 0.3, sd_sigma: float = 0.5) -> NDArray[np.void]:
    rng = np.random.default_rng(seed)
    looks = np.zeros(n, dtype=LOOK)
    looks["now_ns"] = S + 10 * S * np.arange(n)
    a, b = rng.normal(0.0, 1.0, (2, n))
    looks["kappa"] = 0.3 * np.exp(sd_kappa * a)
    looks["sigma"] = 1.4 * np.exp(sd_sigma * (rho * a + math.sqrt(1.0 - rho * rho) * b))
    return looks


def after(looks: NDArray[np.void], **changes: float) -> tuple[Rec, Rec]:
    state, params = new_record(COVARIANCE), covariance_params(**changes)
    run(state, params, looks)
    return state, params


def test_without_forgetting_it_is_the_sample_covariance() -> None:
    looks = pairs(1, 50, -0.6)
    state, _ = after(looks, half_life_s=1e12)
    x, y = np.log(looks["kappa"]), np.log(looks["sigma"])
    expected = np.cov(x, y)
    assert log_covariance(state) == pytest.approx((expected[0, 0], expected[1, 1], expected[0, 1]), rel=1e-6)
    assert kappa_sigma_correlation(state) == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-6)


def test_with_forgetting_it_is_numpys_weighted_covariance() -> None:
    looks = pairs(2, 400, 0.4)
    state, _ = after(looks, half_life_s=600.0)
    w = 2.0 ** (-(looks["now_ns"][-1] - looks["now_ns"]) * 1e-9 / 600.0)
    expected = np.cov(np.log(looks["kappa"]), np.log(looks["sigma"]), aweights=w)
    assert log_covariance(state)[2] == pytest.approx(expected[0, 1], rel=1e-9)
    assert log_covariance(state)[0] == pytest.approx(expected[0, 0], rel=1e-9)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_unbiased_from_the_second_look(n: int) -> None:
    """2000 markets: cov −.075; s.e. of one is ≤ .15·√((1 + ρ²)/(n − 1)), of the mean √2000 less."""
    found = [log_covariance(after(pairs(seed, n, -0.5), half_life_s=100.0)[0])[2] for seed in range(2000)]
    effective = min(n, 30)
    tolerance = 4.0 * 0.15 * math.sqrt(1.25 / (effective - 1)) / math.sqrt(2000)
    assert np.mean(found) == pytest.approx(-0.075, abs=max(tolerance, 0.004))


def test_interval_covers_for_independent_looks() -> None:
    inside = 0
    for seed in range(300):
        state, params = after(pairs(seed, 100, -0.5), half_life_s=1e9, persistence_s=10.0)
        low, high = correlation_interval(state, params)
        inside += low < -0.5 < high
    assert inside / 300 == pytest.approx(0.95, abs=0.04)


def test_interval_knows_that_estimates_remember() -> None:
    state, params = after(pairs(1, 100, -0.5), persistence_s=300.0)
    assert correlation_interval(state, params) == (-1.0, 1.0)  # 100 looks in 1000 s: three independent


def test_scale_and_sign() -> None:
    looks = pairs(3, 200, 0.5)
    plain, _ = after(looks)
    scaled, inverse = looks.copy(), looks.copy()
    scaled["kappa"] *= 7.0
    scaled["sigma"] *= 0.01
    inverse["sigma"] = 1.0 / looks["sigma"]
    assert log_covariance(after(scaled)[0]) == pytest.approx(log_covariance(plain))
    assert kappa_sigma_correlation(after(inverse)[0]) == pytest.approx(-kappa_sigma_correlation(plain))


def test_checkpoint_memory_and_nonsense() -> None:
    looks = pairs(4, 100, 0.5)
    state, params = after(looks)
    assert_continues_from_checkpoint(lambda: new_record(COVARIANCE), lambda s, e: run(s, params, e), looks)
    assert_flat(COVARIANCE, 80)
    now = int(state.last_ns) + 20 * S
    for bad in (0.0, -1.0, math.nan, math.inf):
        assert_unchanged(state, lambda s, b=bad: covariance_look(s, params, now, b, 1.0))
        assert_unchanged(state, lambda s, b=bad: covariance_look(s, params, now, 1.0, b))
    for early in (-100 * S, 0, 9 * S):
        assert_unchanged(state, lambda s, e=early: covariance_look(s, params, s.last_ns + e, 1.0, 1.0))
    empty = new_record(COVARIANCE)
    assert all(math.isnan(x) for x in log_covariance(empty))
    assert math.isnan(kappa_sigma_correlation(empty))
    assert correlation_interval(empty, params) == (-1.0, 1.0)
    constant, _ = after(np.repeat(looks[:1], 5))
    assert math.isnan(kappa_sigma_correlation(constant))
    with pytest.raises(ValueError, match="covariance"):
        covariance_params(half_life_s=0.0)
