"""Soft jumps on simulated mixtures. Tolerances are three standard errors of the mean over seeds."""

from __future__ import annotations

import math
from itertools import pairwise

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.kernel.streaming_laws import assert_continues_from_checkpoint, assert_flat, assert_unchanged

from undertow.kernel.soft_jump import (
    SOFT_JUMP,
    init_soft_jump,
    jump_probability,
    sigma_calm,
    sigma_jump,
    soft_jump_errors,
    soft_jump_params,
    soft_jump_tick,
    toxicity,
)
from undertow.records import Rec, new_record

TICK = np.dtype([("bps", "<f8"), ("seconds", "<f8")])


@nb.njit(cache=True)
def run(state: Rec, params: Rec, ticks: NDArray[np.void]) -> None:
    for i in range(ticks.shape[0]):
        soft_jump_tick(state, params, ticks[i].bps, ticks[i].seconds)


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params, state = soft_jump_params(**changes), new_record(SOFT_JUMP)
    init_soft_jump(state, params)
    return state, params


def mixture(
    seed: int, n: int, *, pi: float = 0.05, sigma: float = 1.0, ratio: float = 4.0
) -> NDArray[np.void]:
    rng = np.random.default_rng(seed)
    ticks = np.zeros(n, dtype=TICK)
    ticks["seconds"] = rng.exponential(3.0, n)
    each = np.where(rng.random(n) < pi, ratio * sigma, sigma)
    ticks["bps"] = rng.normal(0.0, 1.0, n) * each * np.sqrt(ticks["seconds"])
    return ticks


def fits(n: int, seeds: int, prior_sigma: float = 1.0, **truth: float) -> NDArray[np.float64]:
    """π, σ_d, σ_j and the standard errors of π, ln σ_d, ln σ_j, per seed."""
    out = []
    for seed in range(seeds):
        state, params = fresh(prior_sigma_bps_per_sqrt_s=prior_sigma)
        run(state, params, mixture(seed, n, **truth))
        out.append((toxicity(state), sigma_calm(state), sigma_jump(state), *soft_jump_errors(state, params)))
    return np.array(out)


@pytest.mark.parametrize(
    ("pi", "sigma", "ratio", "rel_pi", "rel_calm", "rel_jump"),
    [
        (0.05, 1.0, 4.0, 0.15, 0.01, 0.06),
        (0.05, 8.0, 4.0, 0.40, 0.02, 0.12),  # the prior σ is eight times too small
        (0.05, 0.1, 4.0, 0.15, 0.01, 0.06),  # and ten times too large
        (0.10, 1.0, 3.0, 0.20, 0.03, 0.08),
        (0.05, 1.0, 8.0, 0.10, 0.01, 0.05),  # a ratio the prior does not hold
        (0.20, 1.0, 4.0, 0.20, 0.06, 0.08),
    ],
)
def test_mixtures_are_recovered(
    pi: float, sigma: float, ratio: float, rel_pi: float, rel_calm: float, rel_jump: float
) -> None:
    """Means over 40 markets of 5000 ticks; the prior (π = .05, ratio 4, 20 ticks) leaves its bias."""
    mean_pi, calm, jump = fits(5000, 40, pi=pi, sigma=sigma, ratio=ratio)[:, :3].mean(axis=0)
    assert mean_pi == pytest.approx(pi, rel=rel_pi)
    assert calm == pytest.approx(sigma, rel=rel_calm)
    assert jump == pytest.approx(ratio * sigma, rel=rel_jump)


def test_errors_say_how_far_off_the_estimates_are() -> None:
    """60 markets: nine in ten and more of the truths lie within two of their standard errors."""
    found = fits(5000, 60)
    z = np.column_stack(
        [
            (found[:, 0] - 0.05) / found[:, 3],
            np.log(found[:, 1]) / found[:, 4],
            np.log(found[:, 2] / 4.0) / found[:, 5],
        ]
    )
    assert np.all((np.abs(z) < 2.0).mean(axis=0) >= 0.85)
    assert np.all(z.std(axis=0) > 0.4)  # not absurdly wide either


def test_probability_is_even_and_grows_with_the_return() -> None:
    state, params = fresh()
    run(state, params, mixture(1, 2000))
    p = [jump_probability(state, r, 4.0) for r in np.linspace(0.0, 20.0, 50)]
    assert all(a < b for a, b in pairwise(p) if b < 1.0 - 1e-12)
    assert p[0] < 0.02
    assert p[-1] > 0.99
    assert jump_probability(state, -7.0, 4.0) == jump_probability(state, 7.0, 4.0)
    assert jump_probability(state, 14.0, 16.0) == jump_probability(state, 7.0, 4.0)  # √time
    assert jump_probability(state, 1e6, 1.0) == 1.0


def test_bayes_rule_at_the_start() -> None:
    state, _ = fresh(prior_pi=0.05, prior_ratio=4.0)

    def density(s: float) -> float:
        return math.exp(-0.5 * (3.0 / s) ** 2) / s

    expected = 0.05 * density(4.0) / (0.05 * density(4.0) + 0.95 * density(1.0))
    assert jump_probability(state, 3.0, 1.0) == pytest.approx(expected)


def test_without_jumps_the_components_stay_in_their_places() -> None:
    for seed in range(20):
        state, params = fresh()
        run(state, params, mixture(seed, 3000, pi=0.0))
        assert sigma_jump(state) >= params.separation * sigma_calm(state) * (1.0 - 1e-12)
        assert sigma_calm(state) == pytest.approx(1.0, rel=0.15)
        assert toxicity(state) < 0.3


def test_signs_and_scale_do_not_matter() -> None:
    ticks = mixture(3, 1000)
    flipped, scaled = ticks.copy(), ticks.copy()
    flipped["bps"] *= -1.0
    scaled["bps"] *= 7.0
    plain, params = fresh()
    run(plain, params, ticks)
    mirror = fresh()[0]
    run(mirror, params, flipped)
    assert mirror.tobytes() == plain.tobytes()
    other, other_params = fresh(prior_sigma_bps_per_sqrt_s=7.0)
    run(other, other_params, scaled)
    assert toxicity(other) == pytest.approx(toxicity(plain))
    assert sigma_calm(other) == pytest.approx(7.0 * sigma_calm(plain))
    assert sigma_jump(other) == pytest.approx(7.0 * sigma_jump(plain))


def test_toxicity_rises_in_a_burst_of_jumps_and_falls_after() -> None:
    state, params = fresh(half_life_ticks=50.0)
    run(state, params, mixture(1, 1000, pi=0.02))
    calm = toxicity(state)
    run(state, params, mixture(2, 60, pi=0.5))
    burst = toxicity(state)
    run(state, params, mixture(3, 600, pi=0.02))
    assert burst > 2.0 * calm
    assert toxicity(state) < 0.5 * burst


def test_checkpoint_and_memory() -> None:
    params = fresh()[1]
    assert_continues_from_checkpoint(lambda: fresh()[0], lambda s, e: run(s, params, e), mixture(5, 300))
    assert_flat(SOFT_JUMP, 200)


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, -1.0), (1.0, math.nan)])
def test_nonsense_changes_nothing(bad: tuple[float, float]) -> None:
    state, params = fresh()
    run(state, params, mixture(5, 100))
    assert_unchanged(state, lambda s: soft_jump_tick(s, params, *bad))
    assert math.isnan(jump_probability(state, *bad))


def test_zero_and_huge_returns_are_survived() -> None:
    state, params = fresh()
    for r in (0.0, 0.0, 1e-300, 1e6, 0.0, -1e6) * 20:
        soft_jump_tick(state, params, r, 1.0)
    assert math.isfinite(sigma_jump(state))
    assert 0.0 < toxicity(state) < 1.0
    assert all(math.isfinite(e) for e in soft_jump_errors(state, params))


def test_parameters_are_checked() -> None:
    for wrong in ({"prior_ratio": 2.0}, {"prior_ratio": 5.5}, {"prior_pi": 0.0}, {"separation": 1.0}):
        with pytest.raises(ValueError, match="soft_jump"):
            soft_jump_params(**wrong)
