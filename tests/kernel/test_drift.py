"""The drift filter against published numbers and simulated drift.

Expected numbers: Nile local level, Durbin & Koopman (2012), "Time Series Analysis by State Space
Methods", ch. 2 (σ²_ε = 15099, σ²_η = 1469.1): steady filtered variance 4032.158, gain .267048.
Continuous Ornstein–Uhlenbeck drift, Liptser & Shiryaev's Riccati root: θ = .5, σ_μ = .02, σ = .3
gives P = σ²(−θ + √(θ² + σ_μ²/σ²)) = 3.982379e-4. Coverage: see bars/filter_coverage.py.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from bars.filter_coverage import coverage
from hypothesis import given
from hypothesis import strategies as st

from undertow.kernel.drift import (
    DRIFT,
    drift_confidence,
    drift_gap,
    drift_look,
    drift_params,
    expected_move_bps,
    init_drift,
    kalman_update,
    noise_correction,
    noise_variance,
    observation_of_forecast,
    ou_predict,
    predict,
    update,
)
from undertow.records import Rec, new_record

S = 1_000_000_000


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params = drift_params(**changes)
    state = new_record(DRIFT)
    init_drift(state, params)
    return state, params


def test_nile_local_level() -> None:
    mu, variance, gain = 0.0, 1e7, 0.0
    for _ in range(200):
        predicted = variance + 1469.1
        gain = predicted / (predicted + 15099.0)
        mu, variance = kalman_update(mu, predicted, 1000.0, 15099.0)
    assert variance == pytest.approx(4032.158, abs=5e-4)
    assert gain == pytest.approx(0.267048, abs=5e-7)
    assert mu == pytest.approx(1000.0, abs=1e-6)


def test_continuous_drift_reaches_the_riccati_root() -> None:
    theta, sigma_mu, sigma, dt = 0.5, 0.02, 0.3, 1e-3
    stationary = sigma_mu**2 / (2 * theta)
    mu, after = 0.0, 2 * stationary
    before = after
    for _ in range(20_000):
        mu, before = ou_predict(mu, after, theta, stationary, dt)
        mu, after = kalman_update(mu, before, 0.0, sigma**2 / dt)
    # The mean of P before and after an observation differs from the continuous P by O(dt²).
    assert 0.5 * (before + after) == pytest.approx(3.982379e-4, rel=2e-7)


@given(
    mu=st.floats(-1, 1),
    variance=st.floats(1e-8, 1),
    theta=st.floats(0.005, 1),
    a=st.floats(0.001, 100),
    b=st.floats(0.001, 100),
)
def test_prediction_is_exact_over_any_split(
    mu: float, variance: float, theta: float, a: float, b: float
) -> None:
    once = ou_predict(mu, variance, theta, 0.01, a + b)
    twice = ou_predict(*ou_predict(mu, variance, theta, 0.01, a), theta, 0.01, b)
    assert twice == pytest.approx(once, rel=1e-9, abs=1e-12)


def test_start_floor_and_confidence() -> None:
    state, params = fresh(theta_per_s=0.02, sigma_mu=0.005)
    stationary = 0.005**2 / 0.04
    assert state.variance == pytest.approx(2 * stationary)
    assert drift_confidence(state, params) == 0.0
    for _ in range(10):
        update(state, params, 0.01, 1e-9)
    assert state.variance == pytest.approx(0.08 * stationary)
    assert state.mu == pytest.approx(0.01, rel=1e-4)
    assert drift_confidence(state, params) == pytest.approx(0.96)
    predict(state, params, 0)
    predict(state, params, 10_000 * S)
    assert state.mu == pytest.approx(0.0, abs=1e-12)
    assert state.variance == pytest.approx(stationary)


@pytest.mark.parametrize(
    ("z", "noise"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, 0.0), (1.0, -1.0)]
)
def test_impossible_observations_change_nothing(z: float, noise: float) -> None:
    state, params = fresh()
    before = state.tobytes()
    update(state, params, z, noise)
    assert state.tobytes() == before


def test_rising_price_raises_the_drift_and_falling_lowers_it() -> None:
    for sign in (1, -1):
        state, params = fresh()
        for i in range(60):
            drift_look(state, params, i * S, 100.0 * math.exp(sign * i * 1e-5), 1.0)
        assert 0.0 < sign * state.mu < 0.1


def test_looks_between_samples_only_predict() -> None:
    state, params = fresh()
    observed = [drift_look(state, params, i * S // 10, 100.0 + 0.001 * i, 1.0) for i in range(101)]
    assert sum(observed) == state.observations == 10


def test_a_gap_observes_nothing() -> None:
    for announced in (True, False):
        state, params = fresh()
        for i in range(5):
            drift_look(state, params, i * S, 100.0, 1.0)
        gap_s = 5 if announced else 60
        if announced:
            drift_gap(state)
        assert drift_look(state, params, (4 + gap_s) * S, 101.0, 1.0) == 0
        assert state.mu == 0.0
        assert drift_look(state, params, (5 + gap_s) * S, 101.0, 1.0) == 1
        assert state.mu == 0.0


def simulated(n: int, seed: int, *, sigma: float, bounce: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    return 100.0 * np.exp(1e-4 * (np.cumsum(rng.normal(0, sigma, n)) + rng.normal(0, bounce, n)))


@pytest.mark.parametrize("wrong", [0.6, 1.0, 1.6])
def test_a_wrong_sigma_is_corrected_in_r(wrong: float) -> None:
    """True σ = 1: s·(σ² + 2σ_noise²) tends to 1 whatever σ the filter is told.

    Its memory is 300 s/ln 2 = 433 s, i.e. ~866 innovations squared of variance 2: s.e. 4.8 %.
    """
    state, params = fresh()
    for i, mid in enumerate(simulated(3000, 4, sigma=1.0)):
        drift_look(state, params, i * S, mid, wrong)
    noise = wrong**2 + 2.0 * noise_variance(state)
    assert noise_correction(state, params) * noise == pytest.approx(1.0, rel=0.15)


def test_bounce_of_the_mid_is_found() -> None:
    """σ = .5, bounce .5 bps: −cov = .25; s.e. of a mean of ~866 products ≈ √(.75²+…)/√866 ≈ .03."""
    state, params = fresh()
    for i, mid in enumerate(simulated(5000, 8, sigma=0.5, bounce=0.5)):
        drift_look(state, params, i * S, mid, 0.5)
    assert noise_variance(state) == pytest.approx(0.25, abs=0.1)
    quiet, params = fresh()
    for i, mid in enumerate(simulated(5000, 9, sigma=0.5)):
        drift_look(quiet, params, i * S, mid, 0.5)
    assert noise_variance(quiet) < 0.03


def test_forecast_of_a_known_drift_is_that_drift() -> None:
    """With K̂ of a forecast built from μ itself plus noise, z is unbiased and R its variance."""
    params = drift_params(theta_per_s=0.02, sigma_mu=0.01)
    stationary, reach = 0.01**2 / 0.04, (1 - math.exp(-0.2)) / 0.02
    known = 0.5  # the feature explains half of Var(μ)
    rng = np.random.default_rng(1)
    mu = rng.normal(0, math.sqrt(stationary), 100_000)
    feature = mu + rng.normal(0, math.sqrt(stationary * (1 - known) / known), len(mu))
    forecast = reach * known * feature  # the regression of the 10 s return on the feature
    z, noise = observation_of_forecast(params, forecast[0], (reach**2) * known * stationary, 10.0, 0.0)
    assert z == pytest.approx(feature[0])
    residual = forecast / (reach * known) - mu
    assert noise == pytest.approx(float(np.var(residual)), rel=0.02)
    assert observation_of_forecast(params, 1.0, 1e9, 10.0, 5.0)[1] == pytest.approx(stationary / 9 * 10)


def test_expected_move() -> None:
    assert expected_move_bps(-0.095, 1e-9, 648.5) == pytest.approx(-61.6, abs=0.02)
    assert expected_move_bps(0.01, 0.02, 1e9) == pytest.approx(0.5)


def test_coverage_needs_the_inflation() -> None:
    """Golden row n_x = .05, τ_x = 10 s: .585/.78 as is, .903/.72 inflated; and the price alone.

    Between seeds coverage deviates by .04 as is, .02 inflated; four are averaged.
    """
    seeds = (1, 2, 3, 4)
    plain = np.mean([coverage(200_000, s, 0.05, 10.0, inflate=False) for s in seeds], axis=0)
    inflated = np.mean([coverage(200_000, s, 0.05, 10.0, inflate=True) for s in seeds], axis=0)
    alone = np.mean([coverage(200_000, s, 0.05, 10.0, inflate=False, feature=False) for s in seeds], axis=0)
    assert plain == pytest.approx([0.585, 0.78], abs=0.05)
    assert inflated == pytest.approx([0.903, 0.72], abs=0.03)
    assert alone[0] == pytest.approx(0.90, abs=0.015)
    assert alone[1] < 1.0
