"""Joint regression, persistence, decays: known answers on simulated returns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bars.filter_coverage import ou_path
from tests.research.simulated import drifting, with_alpha

from undertow.research.decay import ALPHA, OBSERVATION, classify, fit_decay, profile
from undertow.research.hac import least_squares, mean_and_error
from undertow.research.regression import (
    fit_fills,
    fit_joint,
    known_share,
    lasting_share,
    noise_persistence_s,
    reach_s,
)

THETA, STATIONARY = 0.02, 0.01**2 / 0.04


def test_hac_errors_are_as_large_as_the_scatter() -> None:
    """Overlapping 10-step sums on a persistent regressor: the usual error is 3 times too small."""
    slopes, errors, usual = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = ou_path(rng, 3000, 0.1, 1.0)
        e = rng.normal(size=3010)
        r = np.convolve(e, np.ones(10), "valid")[:3000]
        beta, spread = least_squares(x[:, None], r, 45)
        slopes.append(beta[0])
        errors.append(math.sqrt(spread[0, 0]))
        usual.append(np.std(r) / math.sqrt((x**2).sum()))
    scatter = float(np.std(slopes))
    assert np.mean(errors) == pytest.approx(scatter, rel=0.3)
    assert np.mean(usual) < 0.5 * scatter
    average, error = mean_and_error(np.arange(10.0), 0)
    assert (average, error) == (4.5, pytest.approx(np.std(np.arange(10)) / math.sqrt(10)))


def test_joint_loadings_are_those_of_the_truth() -> None:
    """Two features of one drift with correlated noise: β = hg·Cov(x)⁻¹·Cov(x, μ), within three errors."""
    time_s, mid, mu = drifting(1, 100_000)
    rng = np.random.default_rng(9)
    common = rng.normal(0.0, 0.05, len(mu))
    x = np.column_stack([mu + common, mu + common + rng.normal(0.0, 0.05, len(mu))])
    fit = fit_joint(time_s, mid, x, ("a", "b"))
    covariance = np.array(
        [[STATIONARY + 0.0025, STATIONARY + 0.0025], [STATIONARY + 0.0025, STATIONARY + 0.005]]
    )
    truth = reach_s(THETA, 10.0) * np.linalg.solve(covariance, [STATIONARY, STATIONARY])
    assert np.abs(fit.loading - truth).max() < 3.0 * fit.error.max()
    assert fit.loading[1] == pytest.approx(0.0, abs=3.0 * fit.error[1])  # the noisier twin adds nothing
    assert 0.95 < fit.shrinkage < 1.0
    known = known_share(fit.forecast_variance, STATIONARY, THETA, 10.0)
    assert known == pytest.approx(0.5, abs=0.1)
    assert fit.r2 == pytest.approx(known * STATIONARY * reach_s(THETA, 10.0) ** 2 / fit.return_variance)


def test_noise_alone_is_shrunk_to_little() -> None:
    """Twelve features of nothing: what is left forecasts a fraction of what was fitted."""
    rng = np.random.default_rng(5)
    time_s, mid, _ = drifting(6, 4000, sigma_mu=0.0)
    x = rng.normal(size=(4000, 12))
    fit = fit_joint(time_s, mid, x, tuple("abcdefghijkl"))
    raw = float(np.var((x - fit.center) @ (fit.loading / fit.shrinkage))) if fit.shrinkage > 0 else 1.0
    assert fit.shrinkage < 0.5
    assert fit.forecast_variance < 0.25 * raw


@pytest.mark.parametrize(("tau", "low", "high"), [(0.0, 0.5, 1.2), (10.0, 7.5, 13.0), (30.0, 19.0, 36.0)])
def test_the_noise_s_time_is_told_from_the_drift_s(tau: float, low: float, high: float) -> None:
    time_s, _, mu = drifting(2, 200_000)
    rng = np.random.default_rng(3)
    x = mu + ou_path(rng, len(mu), 1.0 / tau if tau > 0 else math.inf, 0.05)
    assert low < noise_persistence_s(time_s, x, known=0.5, theta=THETA) < high
    assert lasting_share(time_s, x, theta=THETA) < 0.85
    assert lasting_share(time_s, mu, theta=THETA) > 0.85


def test_an_alpha_is_an_alpha_and_a_drift_is_not() -> None:
    """Decay 1/s: classed as an alpha, decay and rate within 30 %. A noisy view of μ: an observation."""
    time_s, mid, x = with_alpha(1, 20_000, decay=1.0, rate=0.5)
    (kind,) = classify(time_s, mid, x[:, None], ("microprice",), theta=THETA, stationary=STATIONARY)
    assert kind.kind == ALPHA
    assert kind.decay.decay_per_s == pytest.approx(1.0, rel=0.3)
    assert kind.decay.rate == pytest.approx(0.5, rel=0.3)
    time_s, mid, mu = drifting(4, 100_000)
    x = mu + ou_path(np.random.default_rng(5), len(mu), 0.1, 0.05)
    (kind,) = classify(time_s, mid, x[:, None], ("trend",), theta=THETA, stationary=STATIONARY)
    assert kind.kind == OBSERVATION
    assert kind.known == pytest.approx(0.5, abs=0.2)
    assert fit_decay(profile(time_s, mid, x[:, None], ("trend",)), 0, THETA).excess_chi2 < 6.6


def test_a_weak_alpha_is_told_by_its_time_alone() -> None:
    """It claims less than K̂ = .9 of a large drift, but what it foretells is over in seconds."""
    time_s, mid, x = with_alpha(2, 60_000, decay=1.0, rate=0.15)
    (kind,) = classify(time_s, mid, x[:, None], ("microprice",), theta=THETA, stationary=0.05)
    assert kind.known < 0.9
    assert kind.kind == ALPHA
    assert "arrives" in kind.reason


def test_where_there_is_no_drift_everything_is_an_alpha() -> None:
    time_s, mid, mu = drifting(4, 20_000)
    (kind,) = classify(time_s, mid, mu[:, None], ("trend",), theta=THETA, stationary=0.0)
    assert kind.kind == ALPHA


def test_own_fills_teach_a_loss_and_skew_takes_from_it() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    skew = rng.normal(size=n)
    side = np.where(0.8 * skew + rng.normal(size=n) > 0, 1.0, -1.0)
    depth = rng.exponential(2.0, n)
    returns = -side * (0.2 + 0.1 * depth) + rng.normal(0.0, 2.0, n)
    fit = fit_fills(side, depth, returns, skew)
    assert fit.level_bps == pytest.approx(0.2, abs=3 * fit.level_error)
    assert fit.slope == pytest.approx(0.1, abs=3 * fit.slope_error)
    assert fit.skew_share == pytest.approx(np.corrcoef(side, skew)[0, 1] ** 2)
    assert 0.15 < fit.skew_share < 0.4
    nothing = fit_fills(side, depth, rng.normal(size=n))
    assert nothing.skew_share == 0.0
    with pytest.raises(ValueError, match="too few"):
        fit_fills(side[:10], depth[:10], returns[:10])


def test_faults_are_named() -> None:
    time_s, mid, mu = drifting(4, 500)
    with pytest.raises(ValueError, match="shape"):
        fit_joint(time_s, mid, mu[:, None], ("a", "b"))
    with pytest.raises(ValueError, match="too few"):
        fit_joint(time_s[:15], mid[:15], mu[:15, None], ("a",))
    with pytest.raises(ValueError, match="never moves"):
        fit_joint(time_s, mid, np.ones((500, 1)), ("a",))
