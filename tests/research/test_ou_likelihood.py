"""Maximum likelihood of the drift: the likelihood itself, recovery, and the honest "none".

Expected numbers: the likelihood is compared with the multivariate normal density of the same series,
its covariance written down from the model; recovery is of simulated truth.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.research.simulated import drifting

from undertow.research.ou_likelihood import _filter, fit_ou_drift
from undertow.research.series import forward_returns, log_mid_bps, relative_variance, winsorised


def test_likelihood_is_the_normal_density_of_the_series() -> None:
    """n irregular times, given the first observation as the diffuse start."""
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.uniform(0.3, 2.5, 40))
    y = np.cumsum(rng.normal(0.0, 1.0, 40))
    theta, q, noise = 0.3, 0.4, 0.5
    squares, logs, n = _filter(t, y, np.ones(40), theta, q, noise, 1e9)
    stationary = q * q / (2 * theta)

    def integral(s: float, u: float) -> float:
        """Cov of ∫_0^s μ and ∫_0^u μ."""
        low, high = min(s, u), max(s, u)
        return stationary * (
            2 * low / theta
            - (1 - math.exp(-theta * low) + (math.exp(theta * low) - 1) * math.exp(-theta * high)) / theta**2
        )

    age = t - t[0]
    covariance = np.array([[integral(s, u) + min(s, u) for u in age] for s in age])
    covariance += noise**2 * np.eye(40)
    contrast = np.hstack([-np.ones((39, 1)), np.eye(39)])  # differences from the first
    spread = contrast @ covariance @ contrast.T
    difference = contrast @ y
    sign, determinant = np.linalg.slogdet(spread)
    assert sign == 1.0
    assert n == 39
    # the diffuse first state and the first noise are integrated out alike, so the forms agree
    assert squares == pytest.approx(difference @ np.linalg.solve(spread, difference), rel=1e-9)
    assert logs == pytest.approx(determinant, rel=1e-9)


def test_a_drift_is_found_with_its_error() -> None:
    """σ = .57 bps/√s, a bounce of .2 bps, a day: log θ ± .2, log σ_μ ± .16."""
    for seed in (1, 2):
        time_s, mid, _ = drifting(seed, 86_400, noise=0.2)
        fit = fit_ou_drift(time_s, mid, constant_sigma=True)
        assert fit.identified
        assert fit.evidence > 40
        assert 0.05 < fit.sigma_mu_error < 0.4
        assert abs(math.log(fit.sigma_mu / 0.01)) < 3.0 * fit.sigma_mu_error
        assert abs(math.log(fit.theta_per_s / 0.02)) < 3.0 * fit.theta_error
        assert fit.sigma == pytest.approx(0.57, rel=0.02)
        assert fit.sigma_noise == pytest.approx(0.2, abs=0.03)
        assert fit.sigma_mu_upper > 0.0085
        assert fit.stationary_variance == pytest.approx(fit.sigma_mu**2 / (2 * fit.theta_per_s))


def test_white_noise_has_no_identifiable_drift() -> None:
    """At most one of 30 half hours without a drift passes for one (2 % of 200 did)."""
    fits = [fit_ou_drift(*drifting(s, 2000, sigma_mu=0.0)[:2], constant_sigma=True) for s in range(30)]
    assert sum(f.identified for f in fits) <= 1
    for fit in fits:
        assert fit.identified or math.isnan(fit.theta_error)
        assert 0.0 < fit.sigma_mu_upper < 0.05


def test_a_gap_is_neither_a_return_nor_a_drift() -> None:
    time_s, mid, _ = drifting(3, 40_000)
    whole = fit_ou_drift(time_s, mid, constant_sigma=True)
    broken = time_s.copy()
    broken[20_000:] += 5_000.0
    jumped = mid.copy()
    jumped[20_000:] *= 1.03
    fit = fit_ou_drift(broken, jumped, constant_sigma=True)
    assert fit.sigma == pytest.approx(whole.sigma, rel=0.01)
    assert fit.sigma_mu == pytest.approx(whole.sigma_mu, rel=0.1)
    assert fit.observations == whole.observations - 1


def test_bursts_and_jumps_are_not_drift() -> None:
    """Volatility that doubles for minutes and 30-bp jumps, no drift: none is found, σ is the usual one."""
    found = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sigma = np.where((np.arange(6000) // 600) % 3 == 0, 1.5, 0.6)
        steps = rng.normal(0.0, sigma)
        steps[rng.random(6000) < 0.001] += 30.0
        mid = 100.0 * np.exp(1e-4 * np.cumsum(steps))
        found += fit_ou_drift(np.arange(6000.0), mid).identified
    assert found <= 1


def test_series_tools() -> None:
    t, y = log_mid_bps(np.array([0.0, 1, 1, 0.5, 2, 3, 4]), np.array([1.0, 2, 3, 4, -1, np.nan, 2]))
    assert t.tolist() == [0.0, 1.0, 4.0]
    assert y[1] == pytest.approx(1e4 * math.log(2))
    rng = np.random.default_rng(0)
    sigma = np.where(np.arange(8000) < 4000, 0.5, 2.0)
    walk = np.cumsum(rng.normal(0.0, sigma))
    rate = relative_variance(np.arange(8000.0), walk)
    assert rate[6000] / rate[2000] == pytest.approx(16.0, rel=0.35)
    walk[5000:] += 500.0
    cut = winsorised(np.arange(8000.0), walk, rate)
    assert abs(cut[5000] - cut[4999]) < 20.0
    assert np.abs(np.diff(cut)[:1000] - np.diff(walk)[:1000]).max() < 1e-9


def test_forward_returns_know_what_they_cannot_know() -> None:
    time_s = np.array([0.0, 1, 2, 3, 4, 30, 31, 32, 33])
    mid = 100.0 * np.exp(1e-4 * np.arange(9.0))
    r = forward_returns(time_s, mid, 0.0, 2.0)
    assert r[:3] == pytest.approx([2.0, 2.0, 2.0])
    assert np.isnan(r[3:5]).all()  # across the gap
    assert r[5:7] == pytest.approx([2.0, 2.0])
    assert np.isnan(r[7:]).all()  # beyond the end
    assert forward_returns(time_s, mid, 1.0, 2.0)[0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="decrease"):
        forward_returns(time_s[::-1], mid, 0.0, 1.0)


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be fitted"):
        fit_ou_drift(np.arange(50.0), np.linspace(100, 101, 50))
    with pytest.raises(ValueError, match="cannot be fitted"):
        fit_ou_drift(np.arange(500.0), np.full(500, 100.0))
