"""Hawkes maximum likelihood.

Golden numbers: golden/README.md of the project's model documents ("Hawkes λ = μ+Σαe^(−βΔ)"): times
{1, 2, 2.5, 4, 7}, T = 10, μ = .5, α = .8, β = 1.2: −10.196417776; α = 0: −8.465735903.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from undertow.kernel.hawkes import HAWKES, hawkes_advance, hawkes_intensity, hawkes_order
from undertow.records import new_record
from undertow.research.hawkes import HawkesFit, fit_hawkes, log_likelihood, simulate_hawkes

TRUTH = {"mu": (0.2, 0.15), "branching_same": 0.45, "branching_cross": 0.15, "decay_per_s": 0.8}
NAMES = ("mu_bid", "mu_ask", "decay_per_s", "branching_same", "branching_cross")
TIMES = np.array([1.0, 2.0, 2.5, 4.0, 7.0])


def values(fit: HawkesFit) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([getattr(fit, name) for name in NAMES])


@pytest.mark.parametrize(("alpha", "expected"), [(0.8, -10.196417776), (0.0, -8.465735903)])
@pytest.mark.parametrize("side", [0, 1])
def test_golden_log_likelihood(alpha: float, expected: float, side: int) -> None:
    """One side alone: the other has rate 0 and no orders."""
    mu = (0.5, 0.0) if side == 0 else (0.0, 0.5)
    found = log_likelihood(
        TIMES, np.full(5, side), 10.0, mu=mu, branching_same=alpha / 1.2, branching_cross=0.0, decay_per_s=1.2
    )
    assert found == pytest.approx(expected, abs=5e-10)


def test_two_sides_by_hand() -> None:
    """Against the definition, term by term, with two orders at one time."""
    times, sides = np.array([0.5, 1.0, 1.0, 2.2]), np.array([0, 1, 0, 1])
    mu, same, cross, beta, end = (0.3, 0.4), 0.3, 0.2, 0.9, 3.0
    total = -sum(mu) * end
    for t, s in zip(times, sides, strict=True):
        rate = mu[s]
        for u, v in zip(times, sides, strict=True):
            if u < t:
                rate += beta * (same if v == s else cross) * math.exp(-beta * (t - u))
        total += math.log(rate) - (same + cross) * (1.0 - math.exp(-beta * (end - t)))
    found = log_likelihood(
        times, sides, end, mu=mu, branching_same=same, branching_cross=cross, decay_per_s=beta
    )
    assert found == pytest.approx(total, abs=1e-12)


def test_truth_is_recovered_with_its_errors() -> None:
    """8 paths of 2 h (about 6000 orders): means within 3 s.e., 40 z-scores of variance 1 ± 4·√(2/40)."""
    fits = []
    for seed in range(8):
        fits.append(fit_hawkes(*simulate_hawkes(seed, 7_200.0, **TRUTH), 7_200.0))  # type: ignore[arg-type]
    truth = np.array([0.2, 0.15, 0.8, 0.45, 0.15])
    z = np.array([(values(f) - truth) / np.array(f.errors) for f in fits])
    assert np.all(np.abs(z.mean(axis=0)) < 3.0 / math.sqrt(8))
    assert np.mean(z**2) == pytest.approx(1.0, abs=4.0 * math.sqrt(2.0 / 40))
    assert all(f.log_likelihood > f.poisson_log_likelihood + 100.0 for f in fits)


def test_poisson_orders_have_next_to_no_branching() -> None:
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0.0, 5000.0, 2000))
    fit = fit_hawkes(times, rng.integers(0, 2, 2000), 5000.0)
    assert fit.branching_same + fit.branching_cross < 0.1
    assert fit.mu_bid + fit.mu_ask == pytest.approx(0.4, rel=0.15)


def test_branching_is_below_one_even_on_one_long_burst() -> None:
    """Orders that come faster and faster look explosive; the fit stays below 1 and the kernel takes it."""
    times = 1000.0 * (1.0 - np.exp(-np.linspace(0.0, 4.0, 600)))
    fit = fit_hawkes(times, np.arange(600) % 2, 1000.0)
    assert fit.branching_same + fit.branching_cross < 1.0
    fit.params()


def test_online_intensity_is_the_likelihoods() -> None:
    """With the base rate learned, online λ before each order averages over the true λ's."""
    times, sides = simulate_hawkes(3, 20_000.0, **TRUTH)  # type: ignore[arg-type]
    params = fit_hawkes(times, sides, 20_000.0).params(base_s=5000.0)
    state, online, e = new_record(HAWKES), [], np.zeros(2)
    true, last = [], 0.0
    for t, s in zip(times, sides, strict=True):
        e *= math.exp(-0.8 * (t - last))
        last = t
        true.append(0.2 + 0.8 * (0.45 * e[0] + 0.15 * e[1]))
        hawkes_advance(state, params, round(t * 1e9))
        online.append(hawkes_intensity(state, params)[0])
        hawkes_order(state, params, int(s), round(t * 1e9))
        e[s] += 1.0
    late = slice(len(times) // 2, None)
    assert np.corrcoef(online[late], true[late])[0, 1] > 0.98
    assert np.mean(online[late]) == pytest.approx(np.mean(true[late]), rel=0.05)


def test_faults_are_named() -> None:
    good = {"mu": (0.5, 0.5), "branching_same": 0.2, "branching_cross": 0.1, "decay_per_s": 1.0}
    sides = np.zeros(5, dtype=np.int64)
    with pytest.raises(ValueError, match="must not decrease"):
        log_likelihood(TIMES[::-1], sides, 10.0, **good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="within 0 and 5"):
        log_likelihood(TIMES, sides, 5.0, **good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sides"):
        log_likelihood(TIMES, sides + 2, 10.0, **good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="per side"):
        fit_hawkes(TIMES, sides, 10.0)
    with pytest.raises(ValueError, match="below 1"):
        simulate_hawkes(1, 10.0, mu=(1.0, 1.0), branching_same=0.7, branching_cross=0.3, decay_per_s=1.0)
