"""Volume clock and volatility on markets of known truth. Tolerances are three standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.laws.drive import INSTRUMENT, drive, fresh
from tests.laws.market import Truth, rows

from undertow.kernel.clock import CLOCK, clock_gap, clock_look, clock_params, clock_trade, init_clock
from undertow.kernel.volatility import (
    FAST,
    MEDIUM,
    SLOW,
    VOLATILITY,
    excess_kurtosis,
    init_volatility,
    jump_weight,
    sigma_clean,
    sigma_effective,
    sigma_relative_error,
    sigma_total,
    volatility_gap,
    volatility_params,
    volatility_regime,
    volatility_tick,
)
from undertow.records import Rec, new_record

S = 1_000_000_000


def fresh_clock(**changes: float) -> tuple[Rec, Rec]:
    params = clock_params(**changes)
    state = new_record(CLOCK)
    init_clock(state, params)
    return state, params


def fresh_volatility(**changes: float) -> tuple[Rec, Rec]:
    params = volatility_params(**changes)  # type: ignore[arg-type]
    state = new_record(VOLATILITY)
    init_volatility(state, params)
    return state, params


def feed(returns: np.ndarray, durations: np.ndarray) -> tuple[Rec, Rec]:  # type: ignore[type-arg]
    state, params = fresh_volatility()
    for r, d in zip(returns, durations, strict=True):
        volatility_tick(state, params, float(r), float(d))
    return state, params


# ---- the clock ----------------------------------------------------------------------------------


def test_bucket_is_one_per_cent_of_five_minutes() -> None:
    state, params = fresh_clock()
    for i in range(1, 4000):
        clock_trade(state, params, i * S // 4, i * S // 4, 500.0)  # 2 000 USD/s, 600 000 in 300 s
    assert state.bucket_usd == pytest.approx(6000.0, rel=0.02)
    assert state.trailing_usd == pytest.approx(600_000.0, rel=0.02)


def test_bucket_stays_in_its_bounds() -> None:
    state, params = fresh_clock(min_usd=1e4, max_usd=2e4)
    for i in range(1, 200):
        clock_trade(state, params, i * S, i * S, 10.0)
    assert state.bucket_usd == 1e4
    for i in range(200, 400):
        clock_trade(state, params, i * S, i * S, 1e7)
    assert state.bucket_usd == 2e4


def test_one_print_closes_several_buckets_and_one_block_is_one_return() -> None:
    state, params = fresh_clock(min_usd=1000.0, max_usd=1000.0)
    assert clock_look(state, params, 1 * S, 1 * S, 100.0) == 0
    assert clock_trade(state, params, 2 * S, 2 * S, 3500.0) == 3
    assert clock_trade(state, params, 2 * S, 2 * S, 700.0) == 1
    assert state.buckets == 4
    assert clock_look(state, params, 2 * S, 2 * S, 101.0) == 0  # still the same block
    assert clock_look(state, params, 3 * S, 3 * S, 101.0) == 1
    assert state.ticks == 1
    assert state.return_bps == pytest.approx(1e4 * math.log(1.01))
    assert state.duration_s == pytest.approx(2.0)
    assert clock_look(state, params, 4 * S, 4 * S, 102.0) == 0


def test_quiet_market_ticks_by_time_and_a_dead_feed_does_not() -> None:
    state, params = fresh_clock(max_duration_s=30.0, gap_s=60.0)
    ticks = [clock_look(state, params, i * S, i * S, 100.0 + 0.01 * i) for i in range(1, 100)]
    assert ticks.count(1) == 3
    assert clock_look(state, params, 400 * S, 400 * S, 120.0) == -1
    assert state.gaps == 1
    assert clock_look(state, params, 401 * S, 401 * S, 120.0) == 0
    clock_gap(state)
    assert clock_look(state, params, 450 * S, 450 * S, 130.0) == 0


# ---- recovery -----------------------------------------------------------------------------------


def test_sigma_of_a_diffusion() -> None:
    """σ = 2 bps/√s in ticks of 3 s: s.e. of σ at half-life h is 1/√(2n), n = 2h/ln 2 ticks."""
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(40):
        d = rng.gamma(25.0, 3.0 / 25.0, 400)
        state, params = feed(rng.normal(0.0, 2.0 * np.sqrt(d)), d)
        runs.append([sigma_total(state, params, k) for k in (FAST, MEDIUM, SLOW)])
        runs[-1] += [sigma_clean(state, params, k) for k in (FAST, MEDIUM, SLOW)]
    for k, half_life in enumerate((5, 20, 100)):
        error = 2.0 / math.sqrt(2.0 * 2.0 * half_life / math.log(2.0))
        total, clean = np.array(runs)[:, k], np.array(runs)[:, k + 3]
        assert np.mean(total) == pytest.approx(2.0, abs=3.0 * error / math.sqrt(40) + 0.06)
        assert np.std(total) == pytest.approx(error, rel=0.35)
        # Bipower is 2.61/2 as variable, and its half-sample bias is downward.
        assert np.mean(clean) == pytest.approx(2.0, abs=4.0 * error / math.sqrt(40) + 0.1)


def test_stated_error_of_sigma_is_its_error() -> None:
    rng = np.random.default_rng(1)
    z = []
    for _ in range(60):
        state, params = feed(rng.normal(0.0, 1.0, 300), np.ones(300))
        z.append((sigma_total(state, params, SLOW) - 1.0) / sigma_relative_error(state, params))
    assert np.std(z) == pytest.approx(1.0, rel=0.3)
    assert abs(np.mean(z)) < 3.0 / math.sqrt(60) + 0.1


def test_jumps_count_in_total_and_not_in_clean() -> None:
    """A jump of 20 bps in 2 % of ticks of 1 s, σ = 1: RV = 1 + .02·400 = 9."""
    rng = np.random.default_rng(2)
    totals, cleans, weights = [], [], []
    for _ in range(40):
        n = 400
        r = rng.normal(0.0, 1.0, n) + 20.0 * rng.choice([-1, 1], n) * (rng.random(n) < 0.02)
        state, params = feed(r, np.ones(n))
        totals.append(sigma_total(state, params, SLOW) ** 2)
        cleans.append(sigma_clean(state, params, SLOW) ** 2)
        weights.append(jump_weight(state, params))
    assert np.mean(totals) == pytest.approx(9.0, rel=0.2)
    # E|r r₋₁| with one jump in the pair: 20·√(2/π); so BV = 1 + (π/2)·2·.02·20·.8 ≈ 2.0.
    assert np.mean(cleans) == pytest.approx(2.0, rel=0.15)
    assert 0.0 <= min(weights) <= max(weights) <= 0.9


def test_whole_chain_recovers_sigma() -> None:
    """Prints drive the clock: 10 markets of 600 s, ~180 ticks each, so 5 % in one and 2 % overall."""
    logs = []
    for seed in range(10):
        state, params = fresh()
        drive(state, params, INSTRUMENT.record(), rows(Truth(rate=(4.0, 4.0)), seed))
        v, p = state.volatility, params.volatility
        logs.append([math.log(f) for f in (sigma_total(v, p, SLOW), sigma_clean(v, p, SLOW))])
    total, clean = np.mean(logs, axis=0)
    assert abs(total) < 0.06
    assert abs(clean) < 0.06


def test_ticks_of_unequal_duration_are_no_jumps() -> None:
    """Few prints make ticks of very unequal duration; a diffusion must still show no jumps.

    20 markets of 300 ticks. Bipower over the arithmetic mean duration is 6.5 % low here and sees 14 %
    of the variance in jumps; the clip at 0 leaves a few per cent of pure noise.
    """
    clean, jumps = [], []
    for seed in range(20):
        state, params = fresh()
        drive(state, params, INSTRUMENT.record(), rows(Truth(rate=(0.5, 0.5), seconds=900.0), seed))
        clean.append(math.log(sigma_clean(state.volatility, params.volatility, SLOW)))
        jumps.append(jump_weight(state.volatility, params.volatility))
    assert abs(np.mean(clean)) < 0.045
    assert np.mean(jumps) < 0.09


# ---- blending -----------------------------------------------------------------------------------


def test_fast_rise_is_followed_and_calm_is_trusted_slowly() -> None:
    state, params = feed(np.resize([1.0, -1.0], 300), np.ones(300))
    calm = sigma_effective(state, params)
    assert calm == pytest.approx(math.sqrt(math.pi / 2.0), rel=0.02)
    for _ in range(10):
        volatility_tick(state, params, 6.0, 1.0)
    fast, slow = sigma_clean(state, params, FAST), sigma_clean(state, params, SLOW)
    assert fast > 2.6 * slow
    blend = 0.8 * fast + 0.2 * slow
    w = jump_weight(state, params)
    assert w == 0.0
    assert sigma_effective(state, params) == pytest.approx(
        blend * max(1.0, volatility_regime(state, params) ** 0.5)
    )


def test_regime_is_the_ratio_of_windows() -> None:
    state, params = feed(np.resize([1.0, -1.0], 400), np.full(400, 2.0))
    assert volatility_regime(state, params) == pytest.approx(1.0, rel=0.02)
    for _ in range(20):
        volatility_tick(state, params, 4.0, 2.0)
    # 40 s at variance 8 after .5: weights of the exponential windows with mean ages 15 and 150 s.
    short, long = (1 - math.exp(-40 / t) for t in (15.0, 150.0))
    expected = math.sqrt((0.5 + 7.5 * short) / (0.5 + 7.5 * long))
    assert volatility_regime(state, params) == pytest.approx(expected, rel=0.05)


def test_kurtosis_is_zero_for_gaussian_returns_and_large_for_fat_tails() -> None:
    rng = np.random.default_rng(5)
    gauss = [excess_kurtosis(*feed(rng.normal(size=400), np.ones(400))) for _ in range(30)]
    # s.e. of kurtosis √(24/289), shrunk by .9: 4.8 % of unit in the average; bias −6/n.
    assert np.mean(gauss) == pytest.approx(0.0, abs=0.2)
    fat = [excess_kurtosis(*feed(rng.laplace(size=400), np.ones(400))) for _ in range(30)]
    assert np.mean(fat) == pytest.approx(3.0, abs=1.0)


def test_prior_and_silence() -> None:
    state, params = fresh_volatility(prior_sigma_bps_per_sqrt_s=0.7)
    for k in (FAST, MEDIUM, SLOW):
        assert sigma_total(state, params, k) == pytest.approx(0.7)
        assert sigma_clean(state, params, k) == pytest.approx(0.7)
    assert sigma_effective(state, params) == pytest.approx(0.7)
    assert excess_kurtosis(state, params) == 0.0
    for _ in range(5000):
        volatility_tick(state, params, 0.0, 30.0)
    assert sigma_effective(state, params) == pytest.approx(params.floor_sigma)
    assert math.isfinite(excess_kurtosis(state, params))


def test_after_a_gap_the_old_estimate_is_one_tick() -> None:
    state, params = feed(np.full(400, 1.0), np.ones(400))
    before = [sigma_total(state, params, k) for k in (FAST, MEDIUM, SLOW)]
    volatility_gap(state, params)
    assert [sigma_total(state, params, k) for k in (FAST, MEDIUM, SLOW)] == pytest.approx(before)
    for _ in range(9):
        volatility_tick(state, params, 4.0, 1.0)
    # One old tick of 1 and nine of 16: √14.5; forgetting at the fast half-life leans to the new.
    assert sigma_total(state, params, SLOW) == pytest.approx(math.sqrt(14.5), rel=0.02)


@pytest.mark.parametrize("half_lives", [(5.0, 5.0, 100.0), (0.0, 20.0, 100.0), (5.0, 20.0, math.nan)])
def test_impossible_half_lives_are_refused(half_lives: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="volatility"):
        volatility_params(half_life_ticks=half_lives)
