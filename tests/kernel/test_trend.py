"""Trend, agreement and continuation on paths of known drift; bearish is negative, always."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.kernel.lagged import LAGGED, N_SAMPLES, lag_push, lagged
from undertow.kernel.trend import (
    TREND,
    init_trend,
    p_continuation,
    p_continuation_deviation,
    trend_continuation,
    trend_gap,
    trend_look,
    trend_params,
    trend_see,
)
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000


def fresh(**changes: Any) -> tuple[Rec, Rec]:
    params = trend_params(**changes)
    state = new_record(TREND)
    init_trend(state, params)
    return state, params


@nb.njit(cache=True)
def show(
    state: Rec, params: Rec, at_ns: NDArray[np.int64], mid: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """A look at every mid (σ = 1 bps/√s); rate, agreement and continuation go to `out` (n, 3)."""
    for i in range(len(mid)):
        trend_look(state, params, at_ns[i], mid[i], 1.0)
        out[i, 0], out[i, 1] = state.rate, state.agreement
        out[i, 2] = trend_continuation(state, params)


def run(log_bps: NDArray[np.float64], step_s: float = 0.25, **changes: Any) -> tuple[Rec, Rec, NDArray[Any]]:
    state, params = fresh(**changes)
    out = np.empty((len(log_bps), 3))
    at_ns = (np.arange(1, len(log_bps) + 1) * step_s * S).astype(np.int64)
    show(state, params, at_ns, 100.0 * np.exp(1e-4 * log_bps), out)
    return state, params, out


def walk(seed: int, n: int, drift: float = 0.0, step_s: float = 0.25) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.cumsum(drift * step_s + math.sqrt(step_s) * rng.normal(size=n))


# ---- the ring ------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 40), min_size=1, max_size=300), st.integers(48, 2000))
@settings(max_examples=60, deadline=None)
def test_lagged_value_stood_the_window_ago_or_is_the_oldest(gaps: list[int], window: int) -> None:
    """Against the whole history: the answer is no younger than the window, older by one spacing at most."""
    state: Any = new_record(LAGGED)
    times = np.cumsum(gaps)
    for t in times:
        lag_push(state, window, int(t), float(t))
    now = int(times[-1])
    value, elapsed_s = lagged(state, window, now)
    if now == times[0]:
        assert math.isnan(value)
        return
    elapsed = round(elapsed_s * 1e9)
    assert value == now - elapsed
    if now - times[0] >= window:
        spacing = window / 48 + 40
        assert window <= elapsed <= window + spacing
    else:
        assert value == times[0]
    assert state.held <= N_SAMPLES


# ---- readings -------------------------------------------------------------------------------------


def test_a_steady_drift_is_read_in_all_windows_as_the_same_rate() -> None:
    state, _, _ = run(-0.5 * 0.25 * np.arange(2000))
    assert state.rate == pytest.approx(-0.5)
    assert state.moves_bps == pytest.approx(-0.5 * state.length_s)
    assert state.length_s == pytest.approx([0.5, 30.0, 300.0], rel=0.03)
    assert state.agreement == pytest.approx(-1.0)
    assert state.direction == -1.0


def test_partial_windows_at_the_start_are_rates_over_what_was_seen() -> None:
    state, _, out = run(0.3 * 0.25 * np.arange(41))
    assert np.all(np.isnan(out[:2, 0]))
    assert state.length_s[1] == state.length_s[2] == pytest.approx(10.0)
    assert out[2:, 0] == pytest.approx(0.3)


def test_windows_count_by_their_length() -> None:
    """300 s up by 60 bps, then 30 s down by 3: +57 and −3 over 330 s, not +.2 − .1 − .1."""
    path = np.concatenate([np.linspace(0.0, 60.0, 1200), np.linspace(60.0, 57.0, 121)[1:]])
    state, _, _ = run(path)
    long_move = state.moves_bps[2]
    expected = (state.moves_bps.sum()) / state.length_s.sum()
    assert state.rate == pytest.approx(expected)
    assert long_move > 45.0
    assert state.moves_bps[1] == pytest.approx(-3.0, abs=0.2)  # a spacing of the ring reaches into the rise
    assert 0.1 < state.rate < 0.2


def test_agreement_is_of_windows_that_moved() -> None:
    """About −30 bps in 30 s are 5 deviations, −31 in 300 s 1.8, +1.4 in .5 s 2: two fall, one rises."""
    path = np.concatenate([np.linspace(0.0, -1.0, 1100), np.linspace(-1.0, -31.0, 118), [-30.3, -29.6]])
    state, _, _ = run(path)
    down_30, down_300 = 1.0, abs(state.moves_bps[2]) / math.sqrt(state.length_s[2]) - 1.5
    up = state.moves_bps[0] / math.sqrt(state.length_s[0]) - 1.5
    assert 0.0 < up < 1.0
    assert 0.0 < down_300 < 1.0
    expected = (up - down_30 - down_300) / max(1.0, up + down_30 + down_300)
    assert state.agreement == pytest.approx(expected)


def test_noise_does_not_count_as_moved() -> None:
    """On a driftless walk agreement is small, unbiased and ±1 hardly ever."""
    outs = np.concatenate([run(walk(seed, 4000))[2][1200:] for seed in range(8)])
    assert abs(np.mean(outs[:, 1])) < 0.1
    assert np.mean(np.abs(outs[:, 1])) < 0.2
    assert np.mean(np.abs(outs[:, 1]) > 0.99) < 0.05


def test_recorded_fall_of_19_february_reads_bearish() -> None:
    """−61.6 bps in 648.5 s (docs/model.md §1) with σ = 1 about it: −.095 bps/s."""
    rates, agreements = [], []
    for seed in range(6):
        _, _, out = run(walk(seed, 2594, drift=-61.6 / 648.5))
        rates.append(np.mean(out[1200:, 0]))
        agreements.append(np.mean(out[1200:, 1]))
    assert np.mean(rates) == pytest.approx(-0.095, abs=3.0 / math.sqrt(6 * 648.5) + 0.01)
    assert max(agreements) < 0.0


# ---- continuation ----------------------------------------------------------------------------------


def trending(seed: int, n: int, theta: float, deviation: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    mu, out = 0.0, np.empty(n)
    kept = math.exp(-theta * 0.25)
    for i in range(n):
        mu = kept * mu + deviation * math.sqrt(1 - kept * kept) * rng.normal()
        out[i] = mu * 0.25 + 0.5 * rng.normal()
    return np.cumsum(out)


def test_continuation_is_learned_where_it_exists_and_stays_half_where_not() -> None:
    trends, noise = [], []
    for seed in range(6):
        state, params, _ = run(trending(seed, 40_000, 0.01, 0.5))
        trends.append(p_continuation(state, params))
        state, params, _ = run(walk(seed, 40_000))
        noise.append((p_continuation(state, params) - 0.5) / p_continuation_deviation(state, params))
    assert min(trends) > 0.6
    assert abs(np.mean(noise)) < 3.0 / math.sqrt(6)


def test_posterior_starts_at_half_counts_and_forgets() -> None:
    state, params = fresh(prior_trials=4.0, half_life_s=100.0, horizon_s=10.0)
    assert p_continuation(state, params) == 0.5
    assert p_continuation_deviation(state, params) == pytest.approx(math.sqrt(0.25 / 5.0))
    for i in range(1, 300):
        trend_look(state, params, i * S, 100.0 * math.exp(1e-3 * i), 1.0)
    assert state.failures == 0.0
    # One trial in every 10 looks of 1 s: Σ 2^(−10k/100) = 1/(1 − 2^(−.1)) = 14.9.
    assert state.successes == pytest.approx(14.9, rel=0.15)
    assert p_continuation(state, params) == pytest.approx((2 + 14.9) / (4 + 14.9), rel=0.02)
    assert trend_continuation(state, params) > 0.3


def test_a_trial_ends_where_it_was_due_or_not_at_all() -> None:
    state, params = fresh(horizon_s=10.0, gap_s=100.0)
    for i in range(1, 8):
        trend_look(state, params, i * S, 100.0 * math.exp(1e-3 * i), 1.0)
    assert state.trial_sign == 1.0
    trend_look(state, params, 40 * S, 90.0, 1.0)
    assert state.successes + state.failures == 0.0


# ---- laws --------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.floats(0.2, 3.0))
@settings(max_examples=40, deadline=None)
def test_bearish_is_negative(seed: int, fall: float) -> None:
    """A fall beyond the noise, whatever its path: rate, direction and what is expected of a trend < 0."""
    path = walk(seed, 600) - fall * 0.25 * np.arange(600) * 4.0
    state, params, out = run(path)
    assert out[-1, 0] < 0.0
    assert state.direction < 0.0
    assert out[-1, 1] < 0.0
    state["successes"] += 100.0
    assert trend_continuation(state, params) < 0.0
    mirror = run(-path)[2]
    np.testing.assert_allclose(mirror, -out, rtol=1e-6, atol=1e-9)


def test_price_units_do_not_matter() -> None:
    path = walk(3, 1500)
    _, _, plain = run(path)
    _, _, dearer = run(path + 1e4 * math.log(700.0))
    np.testing.assert_allclose(dearer, plain, rtol=1e-6, atol=1e-7)


def test_readings_are_continuous_in_the_move() -> None:
    state, params, _ = run(walk(4, 1500))
    at, previous = 1501 * S // 4, None
    for move in np.linspace(-12.0, 12.0, 2401):
        trial = copy_record(state)
        trend_look(trial, params, at, 100.0 * math.exp(1e-4 * move), 1.0)
        now = np.array([trial.rate, trial.agreement, trend_continuation(trial, params)])
        if previous is not None:
            assert np.max(np.abs(now - previous)) < 0.03
        previous = now


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_nonsense_and_backward_time_change_nothing(bad: float) -> None:
    state, params, _ = run(walk(5, 300))
    before = state.tobytes()
    trend_look(state, params, 1000 * S, bad, 1.0)
    assert not trend_see(state, params, 1000 * S, bad)
    trend_look(state, params, 10 * S, 100.0, 1.0)
    assert state.tobytes() == before
    trend_look(state, params, 76 * S, 100.0, bad)
    assert (state.rate, state.agreement) == np.frombuffer(before, TREND)[0][["rate", "agreement"]].item()


def test_no_reading_reaches_across_a_gap() -> None:
    for announced in (True, False):
        state, params, _ = run(walk(6, 2000))
        if announced:
            trend_gap(state)
        start = state.now_ns + (1 if announced else 100) * S
        trend_look(state, params, start, 150.0, 1.0)
        assert math.isnan(state.rate)
        trend_look(state, params, start + S, 150.0, 1.0)
        assert state.rate == 0.0


def test_checkpoint_continues_to_the_same_bytes_in_constant_memory() -> None:
    path = walk(7, 2000)
    whole, params, _ = run(path)
    state, out = fresh()[0], np.empty((1000, 3))
    at_ns = (np.arange(1, 2001) * 0.25 * S).astype(np.int64)
    mid = 100.0 * np.exp(1e-4 * path)
    show(state, params, at_ns[:1000], mid[:1000], out)
    again = copy_record(state)
    show(again, params, at_ns[1000:], mid[1000:], out)
    assert again.tobytes() == whole.tobytes()
    assert TREND.itemsize < 4000


def test_impossible_parameters_are_refused() -> None:
    for bad in ({"windows_s": (1.0, 0.5, 3.0)}, {"band": 0.0}, {"half_life_s": math.nan}):
        with pytest.raises(ValueError, match="trend"):
            trend_params(**bad)
