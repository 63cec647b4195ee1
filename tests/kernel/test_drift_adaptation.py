"""θ and σ_μ learned online: towards the truth, within bounds, slowly; and how slowly, in numbers.

The simulations are those of bars/drift_adaptation.py, where the figures quoted here come from.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from bars.drift_adaptation import adapted
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.kernel.drift_adaptation import (
    DRIFT_ADAPTATION,
    SIGMA_MU_BOUNDS,
    THETA_BOUNDS,
    adaptation_observe,
    adaptation_window,
    drift_adaptation_params,
    init_drift_adaptation,
)
from undertow.records import Rec, new_record

S = 1_000_000_000


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params = drift_adaptation_params(**changes)  # type: ignore[arg-type]
    state = new_record(DRIFT_ADAPTATION)
    init_drift_adaptation(state, params)
    return state, params


def ends(days: float, start: tuple[float, float], sigma: float) -> tuple[float, float]:
    """Geometric means over seeds of θ and σ_μ in use after `days`; the truth is .02 and .01."""
    runs = [
        adapted(seed=seed, days=days, theta=0.02, sigma_mu=0.01, sigma=sigma, start=start)[-1]
        for seed in (1, 2, 3)
    ]
    theta, sigma_mu = np.exp(np.log(runs).mean(axis=0))
    return float(theta), float(sigma_mu)


@pytest.mark.parametrize("wrong", [1 / 3, 3.0])
def test_a_calm_market_shows_sigma_mu_within_a_day(wrong: float) -> None:
    """In σ = .57 bps/√s (Hyperliquid BTC), from three times off: after a day within a factor of 1.4."""
    theta, sigma_mu = ends(1.0, (0.02, 0.01 * wrong), 0.57)
    assert abs(math.log(sigma_mu / 0.01)) < math.log(1.4)
    assert abs(math.log(theta / 0.02)) < math.log(1.5)


def test_a_loud_market_shows_less() -> None:
    """In σ = 1.4 two days hold 5 nats against no drift at all: it goes the right way, and not all of it."""
    assert 0.0038 < ends(2.0, (0.02, 0.0033), 1.4)[1] < 0.011
    assert 0.009 < ends(2.0, (0.02, 0.03), 1.4)[1] < 0.021


def test_white_noise_moves_it_down_and_not_far() -> None:
    """No drift: σ_μ never rises by more than 15 %, nor θ by more than a factor of 2.5, in two days."""
    for seed in (1, 2):
        path = adapted(seed=seed, days=2.0, theta=0.02, sigma_mu=0.0, sigma=1.4, start=(0.02, 0.005))
        assert path[:, 1].max() < 1.15 * 0.005
        assert path[-1, 1] < 0.005
        assert 0.015 < path[:, 0].min() < path[:, 0].max() < 0.05


@settings(max_examples=25, deadline=None)
@given(
    theta=st.floats(*THETA_BOUNDS),
    sigma_mu=st.floats(*SIGMA_MU_BOUNDS),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 100),
)
def test_it_never_leaves_its_bounds_nor_hurries(
    theta: float, sigma_mu: float, scale: float, seed: int
) -> None:
    state, params = fresh(theta_per_s=theta, sigma_mu=sigma_mu, max_step=0.2, window_s=1.0)
    rng = np.random.default_rng(seed)
    shocks = scale * np.cumsum(rng.standard_t(2, 200))
    for i, z in enumerate(shocks):
        before = state.theta, state.sigma_mu
        adaptation_observe(state, params, (i + 1) * S, 1.0, z, 1.0)
        adaptation_window(state, params, (i + 1) * S)
        assert THETA_BOUNDS[0] <= state.theta <= THETA_BOUNDS[1]
        assert SIGMA_MU_BOUNDS[0] <= state.sigma_mu <= SIGMA_MU_BOUNDS[1]
        assert abs(math.log(state.theta / before[0])) < 0.2001
        assert abs(math.log(state.sigma_mu / before[1])) < 0.2001


def test_without_evidence_it_stays_even_at_a_bound() -> None:
    for start in (SIGMA_MU_BOUNDS[0], 0.005, SIGMA_MU_BOUNDS[1]):
        state, params = fresh(sigma_mu=start)
        for i in range(100):
            adaptation_window(state, params, i * 60 * S)
        assert state.sigma_mu == pytest.approx(start, rel=1e-9)
        assert state.theta == pytest.approx(0.02, rel=1e-9)
        assert state.windows == 99


def test_the_size_of_innovations_is_no_evidence() -> None:
    """Twice too large a V on both sides of zero-mean, uncorrelated moves: r is at fault, not σ_μ."""
    ends = []
    for assumed in (0.25, 1.0, 4.0):
        state, params = fresh()
        for i in range(2000):
            adaptation_observe(state, params, (i + 1) * S, 1.0, 1.0 if i % 2 else -1.0, assumed)
            adaptation_window(state, params, (i + 1) * S)
        ends.append(state.sigma_mu)
    assert max(ends) <= 0.005 * 1.001


def test_frozen_nonsense_and_backward_time_change_nothing() -> None:
    state, params = fresh(frozen=True)
    before = state.tobytes()
    adaptation_observe(state, params, S, 1.0, 0.1, 1.0)
    assert not adaptation_window(state, params, 100 * S)
    assert state.tobytes() == before
    state, params = fresh()
    adaptation_observe(state, params, 10 * S, 1.0, 0.1, 1.0)
    before = state.tobytes()
    for at, dt, z, variance in (
        (9, 1.0, 0.1, 1.0),
        (10, 1.0, 0.1, 1.0),
        (11, 0.0, 0.1, 1.0),
        (11, 1.0, math.nan, 1.0),
        (11, 1.0, 0.1, 0.0),
        (11, 1.0, 0.1, math.inf),
    ):
        adaptation_observe(state, params, at * S, dt, z, variance)
    assert state.tobytes() == before


@pytest.mark.parametrize(
    "changes",
    [{"theta_per_s": 0.001}, {"sigma_mu": 0.2}, {"max_step": 0.9}, {"prior_spread": 1.0}, {"window_s": 0}],
)
def test_faults(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        drift_adaptation_params(**changes)  # type: ignore[arg-type]
