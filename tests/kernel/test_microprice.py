"""The learned microprice: recovery where the book foretells, silence where it does not, its laws."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.kernel.microprice import (
    MICROPRICE,
    init_microprice,
    microprice_feature,
    microprice_gain,
    microprice_gap,
    microprice_look,
    microprice_params,
    solve_ridge,
)
from undertow.records import Rec, copy_record, new_record

STEP_NS = 100_000_000
HALF = 0.5


def fresh(**changes: Any) -> tuple[Rec, Rec]:
    params = microprice_params(**{"horizon_s": 1.0, **changes})
    state = new_record(MICROPRICE)
    init_microprice(state, params)
    return state, params


@nb.njit(cache=True)
def show(state: Rec, params: Rec, rows: NDArray[np.float64], start: int, out: NDArray[np.float64]) -> None:
    """Rows of (mid, half-spread, touch, book, flow), one every 100 ms; the feature goes to `out`."""
    for i in range(rows.shape[0]):
        r = rows[i]
        microprice_look(state, params, (start + i + 1) * STEP_NS, r[0], r[1], r[2], r[3], r[4])
        out[i] = microprice_feature(state, params)


def market(seed: int, n: int, pull: tuple[float, float, float], sigma: float = 0.3) -> NDArray[np.float64]:
    """Persistent imbalances (1 s); the mid's drift is h·pull·x per second, σ in bps/√s beside it."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 3))
    for i in range(1, n):
        x[i] = 0.9 * x[i - 1] + 0.18 * rng.normal(size=3)
    x = np.tanh(x)
    steps = 0.1 * HALF * x @ np.array(pull) + sigma * math.sqrt(0.1) * rng.normal(size=n)
    mid = 100.0 * np.exp(1e-4 * np.concatenate([[0.0], np.cumsum(steps)[:-1]]))
    return np.column_stack([mid, np.full(n, HALF), x])


def run(rows: NDArray[np.float64], **changes: Any) -> tuple[Rec, Rec, NDArray[np.float64]]:
    state, params = fresh(**changes)
    out = np.empty(len(rows))
    show(state, params, rows, 0, out)
    return state, params, out


def best_weights(rows: NDArray[np.float64], ahead: int = 10) -> NDArray[np.float64]:
    """Ordinary least squares over the whole sample, overlapping."""
    x = rows[:-ahead, 2:] * rows[:-ahead, 1:2]
    y = 1e4 * np.log(rows[ahead:, 0] / rows[:-ahead, 0])
    return np.linalg.lstsq(x, y, rcond=None)[0]


def test_weights_are_those_of_least_squares() -> None:
    """Half an hour at eight observations a horizon; forgetting of a day keeps them all."""
    rows = market(1, 18_000, (2.0, 0.0, 1.0))
    state, _, _ = run(rows, half_life_s=86_400.0, prior_observations=1.0)
    assert state.weight == pytest.approx(best_weights(rows), abs=0.02)


def test_imbalance_that_foretells_is_found_and_pays_out_of_sample() -> None:
    gains, weights = [], []
    for seed in range(6):
        state, params, out = run(market(seed, 12_000, (2.5, 0.0, 0.0)))
        gains.append(microprice_gain(state))
        weights.append(np.array(state.weight))
        assert np.count_nonzero(np.isnan(out)) < 450
        assert microprice_feature(state, params) == state.offset_bps
    # The 1 s move loads on x by 2.5·(1 − e^(−1/τ))·τ, τ ≈ .95 s: 1.55.
    assert np.mean(weights, axis=0) == pytest.approx([1.55, 0.0, 0.0], abs=0.2)
    # σ = .3 bps/√s, x·h has deviation ≈ .19: R² = (1.55·.19)²/(.09 + drift) ≈ .4.
    assert min(gains) > 0.25


def test_on_noise_the_weight_goes_to_zero_and_the_gain_is_not_positive() -> None:
    weights, gains = [], []
    for seed in range(8):
        state, _, _ = run(market(seed, 20_000, (0.0, 0.0, 0.0)))
        weights.append(np.array(state.weight))
        gains.append(microprice_gain(state))
    # s.e. of one weight ≈ σ/(√n_eff·dev x) = .3/(√1500·.19) ≈ .04; the prior is 50 of 14 000 sums.
    assert abs(np.mean(weights)) < 0.03
    assert np.max(np.abs(weights)) < 0.2
    assert np.mean(gains) < 0.005


def test_a_change_of_regime_is_followed() -> None:
    first, then = market(1, 8_000, (2.5, 0.0, 0.0)), market(2, 8_000, (-2.5, 0.0, 0.0))
    then[:, 0] *= first[-1, 0] / then[0, 0]
    state, _, _ = run(np.concatenate([first, then]), half_life_s=120.0)
    assert state.weight[0] < -1.0


def test_starts_as_mid_plus_half_the_spread_times_imbalance() -> None:
    state, params = fresh(min_observations=0)
    microprice_look(state, params, STEP_NS, 100.0, 0.8, 0.5, math.nan, math.nan)
    assert microprice_feature(state, params) == pytest.approx(0.4)
    state, params = fresh()
    microprice_look(state, params, STEP_NS, 100.0, 0.8, 0.5, math.nan, math.nan)
    assert math.isnan(microprice_feature(state, params))
    assert math.isnan(microprice_gain(state))


def test_no_look_ahead() -> None:
    """Whatever the future, what was said until now is the same, and so is the state."""
    rows = market(3, 6_000, (2.0, 1.0, 0.0))
    other = np.concatenate([rows[:4_000], market(9, 2_000, (-3.0, 0.0, 2.0))])
    a, b = run(rows)[2], run(other)[2]
    np.testing.assert_array_equal(a[:4_000], b[:4_000])


def test_scale_and_mirror() -> None:
    """Moves and spreads × c scale the offset by c; a mirrored market says the opposite."""
    rows = market(4, 3_000, (2.0, 0.5, 0.0))
    _, _, plain = run(rows)
    scaled = rows.copy()
    scaled[:, 0] = 100.0 * (rows[:, 0] / 100.0) ** 3
    scaled[:, 1] *= 3.0
    np.testing.assert_allclose(run(scaled)[2], 3.0 * plain, rtol=1e-7)
    dearer = rows.copy()
    dearer[:, 0] *= 700.0
    np.testing.assert_allclose(run(dearer)[2], plain, rtol=1e-7, atol=1e-10)
    mirror = rows.copy()
    mirror[:, 0] = 1e4 / rows[:, 0]
    mirror[:, 2:] *= -1.0
    np.testing.assert_allclose(run(mirror)[2], -plain, rtol=1e-7, atol=1e-10)


def test_more_bids_are_bullish_once_the_book_has_been_right() -> None:
    state, params, _ = run(market(5, 8_000, (2.0, 0.0, 0.0)))
    said = []
    for touch in (-0.8, -0.2, 0.0, 0.2, 0.8):
        trial = copy_record(state)
        microprice_look(trial, params, 8_001 * STEP_NS, 100.0, HALF, touch, 0.0, 0.0)
        said.append(microprice_feature(trial, params))
    assert said == sorted(said)
    assert said[0] < 0.0 < said[-1]


def test_a_torn_book_does_not_shout() -> None:
    state, params, _ = run(market(5, 8_000, (2.0, 0.0, 0.0)))
    quiet, torn = copy_record(state), copy_record(state)
    microprice_look(quiet, params, 8_001 * STEP_NS, 100.0, HALF, 0.8, 0.0, 0.0)
    microprice_look(torn, params, 8_001 * STEP_NS, 100.0, 50.0 * HALF, 0.8, 0.0, 0.0)
    ratio = microprice_feature(torn, params) / microprice_feature(quiet, params)
    assert ratio == pytest.approx(1.0, rel=0.2)


def test_unknown_regressors_keep_their_prior() -> None:
    rows = market(6, 6_000, (2.0, 0.0, 0.0))
    rows[:, 3:] = np.nan
    state, _, out = run(rows)
    assert np.array_equal(state.weight[1:], [0.0, 0.0])
    assert state.weight[0] > 1.0
    assert math.isfinite(out[-1])


def test_collinear_regressors_share_the_weight_and_stay_finite() -> None:
    rows = market(6, 6_000, (2.0, 0.0, 0.0))
    rows[:, 3] = rows[:, 4] = rows[:, 2]
    state, _, _ = run(rows)
    assert np.all(np.abs(state.weight) < 3.0)
    xx = np.tril(np.full((3, 3), 4.0))
    weight = np.empty(3)
    solve_ridge(xx, np.full(3, 8.0), 1e9, 1.0, np.zeros(3), weight)
    assert weight.sum() == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_nonsense_and_backward_time_change_nothing(bad: float) -> None:
    state, params, _ = run(market(7, 500, (1.0, 0.0, 0.0)))
    before = state.tobytes()
    microprice_look(state, params, 501 * STEP_NS, bad, HALF, 0.1, 0.1, 0.1)
    microprice_look(state, params, 501 * STEP_NS, 100.0, bad, 0.1, 0.1, 0.1)
    microprice_look(state, params, 501 * STEP_NS, 100.0, HALF, bad if abs(bad) > 1.0 else 7.0, 0.1, 0.1)
    microprice_look(state, params, 501 * STEP_NS, 100.0, HALF, math.nan, 0.1, 0.1)
    microprice_look(state, params, 499 * STEP_NS, 101.0, HALF, 0.1, 0.1, 0.1)
    assert state.tobytes() == before


def test_nothing_is_learned_across_a_gap() -> None:
    state, params, _ = run(market(7, 500, (1.0, 0.0, 0.0)))
    seen, moments = int(state.observations), np.array(state.xx)
    for announced in (True, False):
        trial = copy_record(state)
        if announced:
            microprice_gap(trial)
        microprice_look(trial, params, (500 + 8 if announced else 700) * STEP_NS, 110.0, HALF, 0.1, 0.1, 0.1)
        assert trial.observations == seen
        assert np.array_equal(trial.xx, moments)


def test_checkpoint_continues_to_the_same_bytes_in_constant_memory() -> None:
    rows = market(8, 2_000, (1.0, 1.0, 1.0))
    whole, params, _ = run(rows)
    state, out = fresh()[0], np.empty(1_000)
    show(state, params, rows[:1_000], 0, out)
    again = copy_record(state)
    show(again, params, rows[1_000:], 1_000, out)
    assert again.tobytes() == whole.tobytes()
    assert MICROPRICE.itemsize < 1500


def test_impossible_parameters_are_refused() -> None:
    for bad in ({"horizon_s": 0.0}, {"spread_cap": 0.0}, {"prior_observations": math.nan}):
        with pytest.raises(ValueError, match="microprice"):
            microprice_params(**bad)
