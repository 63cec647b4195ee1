"""Stochastic volatility on simulated log-OU variance: how well each part is recovered, and the laws.

Recovery is honest rather than tight: four hours of ticks hold some fifty memories of a variance that
forgets in five minutes. Tolerances are about three standard errors of the mean over the markets.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special
from tests.kernel.streaming_laws import assert_continues_from_checkpoint, assert_flat, assert_unchanged

from undertow.kernel.special import digamma, mean_root_chi2, trigamma
from undertow.kernel.stochastic_volatility import (
    STOCHASTIC_VOLATILITY,
    init_stochastic_volatility,
    stochastic_volatility_gap,
    stochastic_volatility_params,
    stochastic_volatility_tick,
    sv_forecast,
    sv_level,
    sv_leverage,
    sv_log_variance,
    sv_speed,
    sv_vol_of_vol,
)
from undertow.records import Rec, new_record

TICK = np.dtype([("bps", "<f8"), ("seconds", "<f8"), ("h", "<f8")])


@nb.njit(cache=True)
def run(state: Rec, params: Rec, ticks: NDArray[np.void]) -> None:
    for i in range(ticks.shape[0]):
        stochastic_volatility_tick(state, params, ticks[i].bps, ticks[i].seconds)


@nb.njit(cache=True)
def fill(
    rng: np.random.Generator, ticks: NDArray[np.void], m: float, k: float, xi: float, rho: float
) -> None:
    """Log-OU variance and its returns by an exact step per third of a tick."""
    x = xi / math.sqrt(2.0 * k) * rng.standard_normal()
    for i in range(ticks.shape[0]):
        seconds = rng.exponential(3.0)
        moved = 0.0
        for _ in range(3):
            a, b = rng.standard_normal(), rng.standard_normal()
            moved += math.exp(0.5 * (m + x)) * math.sqrt(seconds / 3.0) * a
            kept = math.exp(-k * seconds / 3.0)
            shock = rho * a + math.sqrt(1.0 - rho * rho) * b
            x = x * kept + xi * math.sqrt((1.0 - kept * kept) / (2.0 * k)) * shock
        ticks[i].bps, ticks[i].seconds, ticks[i].h = moved, seconds, m + x


def market(
    seed: int, n: int, *, memory_s: float = 300.0, s: float = 0.6, rho: float = -0.5, m: float = 0.0
) -> NDArray[np.void]:
    ticks = np.zeros(n, dtype=TICK)
    k = 1.0 / memory_s
    fill(np.random.default_rng(seed), ticks, m, k, s * math.sqrt(2.0 * k), rho)
    return ticks


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params, state = stochastic_volatility_params(**changes), new_record(STOCHASTIC_VOLATILITY)  # type: ignore[arg-type]
    init_stochastic_volatility(state, params)
    return state, params


def after(ticks: NDArray[np.void]) -> tuple[Rec, Rec]:
    state, params = fresh()
    run(state, params, ticks)
    return state, params


@pytest.mark.parametrize("x", [0.25, 0.5, 1.0, 2.3, 7.0, 400.0])
def test_special_functions(x: float) -> None:
    assert digamma(x) == pytest.approx(float(special.digamma(x)), abs=1e-8)
    assert trigamma(x) == pytest.approx(float(special.polygamma(1, x)), rel=1e-7)
    expected = math.sqrt(2.0 / x) * math.exp(float(special.gammaln(0.5 * x + 0.5) - special.gammaln(0.5 * x)))
    assert mean_root_chi2(x) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("memory_s", "s", "rho", "m"), [(300.0, 0.6, -0.5, 0.0), (60.0, 0.8, -0.5, 1.0), (200.0, 1.0, 0.8, -1.0)]
)
def test_log_ou_is_recovered(memory_s: float, s: float, rho: float, m: float) -> None:
    """Ten markets of four hours. Per market: m ± .1, ln k ± .3, ln ξ ± .2, ρ ± .1."""
    k, xi = 1.0 / memory_s, s * math.sqrt(2.0 / memory_s)
    off, z = [], []
    for seed in range(10):
        state, _ = after(market(seed, 4800, memory_s=memory_s, s=s, rho=rho, m=m))
        level, level_error = sv_level(state)
        speed, speed_error = sv_speed(state)
        vol, vol_error = sv_vol_of_vol(state)
        lever, lever_error = sv_leverage(state)
        off.append((level - m, math.log(speed / k), math.log(vol / xi), lever - rho))
        errors = (level_error, speed_error, vol_error, lever_error)
        z.append([a / b for a, b in zip(off[-1], errors, strict=True)])
    assert np.all(np.abs(np.mean(off, axis=0)) < (0.2, 0.45, 0.25, 0.2))
    assert np.all(np.mean(np.abs(z) < 2.0, axis=0) >= 0.7)


def test_current_variance_is_known_better_than_its_average() -> None:
    """The filter's h against the truth, over the path: correlation, error, 95 % coverage of its interval."""
    state, params = fresh()
    found = []
    for tick in market(3, 4000, s=1.0):
        bins = state.bins
        stochastic_volatility_tick(state, params, float(tick["bps"]), float(tick["seconds"]))
        if state.bins > max(bins, 100):
            found.append((*sv_log_variance(state), tick["h"]))
    h, error, truth = np.array(found).T
    assert np.corrcoef(h, truth)[0, 1] > 0.8
    assert np.std(h - truth) < 0.65 * np.std(truth)
    assert np.mean(np.abs(h - truth) < 1.96 * error) >= 0.85


def test_forecast_is_the_variance_that_comes() -> None:
    """Mean of realised over forecast variance for 1, 5 and 30 minutes, after an hour: 1 within 15 %."""
    horizons = (60.0, 300.0, 1800.0)
    ratios: list[list[float]] = [[], [], []]
    for seed in range(6):
        ticks = market(seed, 5000)
        state, params = fresh()
        at = np.cumsum(ticks["seconds"])
        for i, tick in enumerate(ticks):
            stochastic_volatility_tick(state, params, float(tick["bps"]), float(tick["seconds"]))
            if i > 1200 and i % 50 == 0:
                for j, horizon in enumerate(horizons):
                    ahead = (at > at[i]) & (at <= at[i] + horizon)
                    if at[-1] > at[i] + horizon:
                        truth = np.average(np.exp(ticks["h"][ahead]), weights=ticks["seconds"][ahead])
                        ratios[j].append(truth / sv_forecast(state, params, horizon)[0])
    assert [np.mean(r) for r in ratios] == pytest.approx([1.0, 1.0, 1.0], abs=0.15)


def test_forecast_returns_to_the_level() -> None:
    state, params = after(market(1, 4000))
    state["deviation"] = 2.0
    path = [sv_forecast(state, params, h)[0] for h in (1.0, 60.0, 600.0, 6000.0, 1e7)]
    assert path == sorted(path, reverse=True)
    longest = math.exp(state.level + 0.5 * (state.level_variance + state.stationary))
    assert path[-1] == pytest.approx(longest, rel=1e-3)
    errors = [sv_forecast(state, params, h)[1] for h in (1.0, 600.0, 1e6)]
    assert errors == sorted(errors)


def test_scale_sign_and_time() -> None:
    ticks = market(2, 1500)
    plain, params = after(ticks)
    other, flipped = ticks.copy(), ticks.copy()
    other["bps"] *= 3.0
    flipped["bps"] *= -1.0
    scaled, mirror = after(other)[0], after(flipped)[0]
    assert sv_level(scaled)[0] == pytest.approx(sv_level(plain)[0] + 2.0 * math.log(3.0))
    assert sv_speed(scaled) == pytest.approx(sv_speed(plain))
    assert sv_forecast(scaled, params, 60.0)[0] == pytest.approx(9.0 * sv_forecast(plain, params, 60.0)[0])
    assert sv_leverage(mirror)[0] == pytest.approx(-sv_leverage(plain)[0])
    assert sv_log_variance(mirror) == sv_log_variance(plain)


def test_steady_variance_has_little_vol_of_vol() -> None:
    rng = np.random.default_rng(1)
    ticks = np.zeros(6000, dtype=TICK)
    ticks["seconds"] = rng.exponential(3.0, 6000)
    ticks["bps"] = rng.standard_normal(6000) * np.sqrt(ticks["seconds"])
    state, _ = after(ticks)
    assert math.sqrt(state.stationary) < 0.3
    assert sv_log_variance(state)[0] == pytest.approx(0.0, abs=0.3)
    assert abs(sv_leverage(state)[0]) < 3.0 * sv_leverage(state)[1]


def test_gap_forgets_the_state_not_the_level() -> None:
    state, params = after(market(4, 3000, s=1.0))
    level, error = sv_level(state)[0], sv_log_variance(state)[1]
    stochastic_volatility_gap(state, params, 3 * 3600.0)
    assert sv_level(state)[0] == pytest.approx(level)
    assert sv_log_variance(state)[0] == pytest.approx(level, abs=0.05)
    assert sv_log_variance(state)[1] > error
    assert state.ticks == 0


def test_checkpoint_memory_and_nonsense() -> None:
    ticks = market(5, 400)
    state, params = after(ticks)
    assert_continues_from_checkpoint(lambda: fresh()[0], lambda s, e: run(s, params, e), ticks)
    assert_flat(STOCHASTIC_VOLATILITY, 6500)
    for bad in ((math.nan, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, -1.0), (1.0, math.inf)):
        assert_unchanged(state, lambda s, b=bad: stochastic_volatility_tick(s, params, *b))
    for horizon in (0.0, -1.0, math.nan, math.inf):
        assert all(math.isnan(x) for x in sv_forecast(state, params, horizon))
    empty, _ = fresh()
    assert math.isnan(sv_level(empty)[0])
    assert math.isnan(sv_forecast(empty, params, 60.0)[0])
    assert sv_leverage(empty) == (0.0, 1.0)
    assert all(math.isfinite(x) for x in (*sv_speed(empty), *sv_vol_of_vol(empty)))


def test_zero_and_huge_returns_are_survived() -> None:
    state, params = fresh()
    for r in (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e6, -1e6) * 30:
        stochastic_volatility_tick(state, params, r, 3.0)
    assert all(math.isfinite(x) for x in (*sv_level(state), *sv_speed(state), *sv_leverage(state)))
    assert math.isfinite(sv_forecast(state, params, 60.0)[0])


def test_parameters_are_checked() -> None:
    for wrong in ({"time_constants_s": (300.0, 20.0)}, {"deviations": (0.5, 0.5)}, {"bin_s": 0.0}):
        with pytest.raises(ValueError, match="stochastic_volatility"):
            stochastic_volatility_params(**wrong)  # type: ignore[arg-type]
