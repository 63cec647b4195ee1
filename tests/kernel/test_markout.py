"""Adverse selection on markets whose impact is known, and the signs of a markout."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.kernel.fill_track import DEPTH_NODES_BPS, HORIZONS_S, N_HORIZONS, N_SLOTS
from undertow.kernel.markout import (
    MARKOUT,
    adverse_selection_bps,
    init_markout,
    lasting_ratio,
    markout_curve_bps,
    markout_deviation_bps,
    markout_look,
    markout_own,
    markout_params,
    markout_public,
    markout_sigma_ref,
    prior_loss_bps,
    volatility_ratio,
)
from undertow.records import Rec, new_record
from undertow.replay.log import MARKOUT_HORIZONS_S

S = 1_000_000_000


def fresh(**changes: float) -> tuple[Rec, Rec]:
    params = markout_params(**changes)
    state = new_record(MARKOUT)
    init_markout(state, params)
    return state, params


def informed_market(
    seed: int, *, impact: float, seconds: int = 1800, sigma: float = 0.5, own_extra: float | None = None
) -> tuple[Rec, Rec]:
    """One order a second on a random side; the mid moves `impact` bps its way within a second.

    With `own_extra`, every fifth order also fills us and then moves the mid that much more.
    """
    rng = np.random.default_rng(seed)
    state, params = fresh(prior_sigma_bps_per_sqrt_s=sigma)
    log_mid = pending = 0.0
    for i in range(seconds * 4):
        now_ns = i * S // 4
        log_mid += rng.normal(0.0, sigma * 0.5)
        if i % 4 == 3:
            log_mid, pending = log_mid + pending, 0.0
        mid = 100.0 * math.exp(1e-4 * log_mid)
        markout_look(state, params, now_ns, mid, 0.0)
        if i % 4 == 1:
            index = int(rng.integers(2))
            pending = -impact if index == 0 else impact
            if own_extra is not None and rng.random() < 0.2:
                pending *= 1.0 + own_extra / impact
                markout_own(state, 1 - 2 * index, 1.0, mid, 0.0, 0.0, now_ns)
            markout_public(state, index, 1.0, mid, 0.0, 0.0, sigma, 1.0, now_ns)
    return state, params


@pytest.mark.parametrize(("side", "move", "sign"), [(1, -1, 1), (1, 1, -1), (-1, 1, 1), (-1, -1, -1)])
def test_sign_of_a_loss(side: int, move: int, sign: int) -> None:
    """A bought share that falls is a loss; loss = −side·(mid(t + h) − mid(t))."""
    state, params = fresh()
    markout_look(state, params, 0, 100.0, 0.0)
    markout_own(state, side, 0.0, 100.0, 0.0, 0.0, 0)
    markout_look(state, params, S // 2, 100.0 * math.exp(1e-4 * 3.0 * move), 0.0)
    index = 0 if side > 0 else 1
    assert state.own.fills[0, index, 0] == 1.0
    assert state.own.loss[0, index, 0] == pytest.approx(3.0 * sign)
    assert state.own.fills[0, 1 - index].sum() == 0.0


def test_loss_is_net_of_the_drift_already_priced() -> None:
    """Falling as fast as μ̂ = −.1 bps/s says, a bought share has lost nothing unforeseen."""
    state, params = fresh(theta_per_s=1e-9)
    markout_public(state, 0, 0.0, 100.0, -0.1, 0.0, 1.0, 1.0, 0)
    markout_look(state, params, 5 * S, 100.0 * math.exp(-0.5e-4), -0.1)
    assert state.public.loss[3, 0, 0] == pytest.approx(0.0, abs=1e-6)


def test_every_horizon_is_read_at_its_time() -> None:
    state, params = fresh()
    markout_public(state, 1, 2.0, 100.0, 0.0, 0.0, 1.0, 1.0, 0)
    for i in range(1, 6020):
        markout_look(state, params, i * S // 10, 100.0 * math.exp(1e-4 * i / 10.0), 0.0)
    for k, horizon in enumerate(HORIZONS_S):
        fills = state.public.fills[k, 1, 3]
        assert 0.88 < fills <= 1.0
        assert state.public.loss[k, 1, 3] / fills == pytest.approx(horizon, abs=0.11)
    assert state.public.dropped.sum() == 0


def test_memory_never_overflows_and_no_fill_is_left_out() -> None:
    """50 orders a second for twenty minutes; all of them are read."""
    state, params = fresh(half_life_s=1e12)
    n = 60_000
    for i in range(n):
        now_ns = i * S // 50
        markout_look(state, params, now_ns, 100.0, 0.0)
        markout_public(state, i & 1, 1.0, 100.0, 0.0, 0.0, 1.0, 1.0, now_ns)
    end_ns = n * S // 50
    for i in range(7000):
        markout_look(state, params, end_ns + i * S // 10, 100.0, 0.0)
    assert state.public.dropped.sum() == 0
    assert state.public.held.max() <= N_SLOTS
    np.testing.assert_allclose(state.public.fills.sum(axis=(1, 2)), n)


def test_what_matures_in_a_gap_is_dropped_and_counted() -> None:
    state, params = fresh()
    markout_public(state, 0, 0.0, 100.0, 0.0, 0.0, 1.0, 1.0, 0)
    markout_look(state, params, 100 * S, 90.0, 0.0)  # silent for 100 s
    assert state.public.dropped[:7].tolist() == [1] * 7
    assert state.public.fills.sum() == 0.0
    markout_look(state, params, 180 * S, 100.0, 0.0)
    assert state.public.fills[7, 0, 0] > 0.9


def test_public_curve_recovers_the_impact() -> None:
    """Impact 1 bp, 900 orders a side of noise .5·√h: s.e. at 1 s .017, at 5 s .037 + overlap .06."""
    curves = []
    for seed in range(3):
        state, _ = informed_market(seed, impact=1.0)
        curves.append([markout_curve_bps(state, i, 0.75, h) for i in (0, 1) for h in (1.0, 2.0, 5.0)])
        assert markout_sigma_ref(state) == pytest.approx(0.5)
    assert np.mean(curves, axis=0) == pytest.approx([1.0] * 6, abs=0.12)


def test_deviation_is_of_the_size_of_the_error() -> None:
    """At a node with data, over 12 markets: errors as large as said, or smaller.

    The deviation allows own fills to differ from public ones, which here they do not: at .5 s it is
    .05, of which sampling is .02.
    """
    z = []
    for seed in range(12):
        state, _ = informed_market(seed, impact=0.3, seconds=600)
        for h in (0.5, 1.0, 5.0):
            error = markout_curve_bps(state, 0, 0.75, h) - 0.3
            z.append(error / markout_deviation_bps(state, 0, 0.75, h))
    assert 0.25 < float(np.sqrt(np.mean(np.square(z)))) < 1.3


def test_own_fills_that_lose_more_move_the_curve() -> None:
    """Own fills lose 1 bp more than the public's 1 bp: the curve lies between 1.5 and 2.1 at 5 s."""
    with_own, _ = informed_market(3, impact=1.0, own_extra=1.0)
    public, _ = informed_market(3, impact=1.0)
    for index in (0, 1):
        assert 1.5 < markout_curve_bps(with_own, index, 1.0, 5.0) < 2.2
        assert markout_curve_bps(public, index, 1.0, 5.0) < 1.3


def test_a_trend_is_not_adverse_selection() -> None:
    """A mid that falls .05 bps/s all the time, orders at random: neither side selects."""
    rng = np.random.default_rng(11)
    state, params = fresh(prior_sigma_bps_per_sqrt_s=0.2)
    for i in range(2400):
        mid = 100.0 * math.exp(1e-4 * -0.05 * i)
        markout_look(state, params, i * S, mid, 0.0)
        if rng.random() < 0.5:
            markout_public(state, int(rng.integers(2)), 1.0, mid, 0.0, 0.0, 0.2, 1.0, i * S)
    for h in (10.0, 60.0, 600.0):
        assert markout_curve_bps(state, 0, 1.0, h) == pytest.approx(
            markout_curve_bps(state, 1, 1.0, h), abs=0.05
        )


def test_deep_orders_speak_for_shallow_depths_too() -> None:
    """Orders that stay at 0 lose nothing, those that reach 3 bps lose 2: at 0 the mean of both."""
    state, params = fresh(prior_sigma_bps_per_sqrt_s=0.05)
    for i in range(4000):
        now_ns = i * 3 * S
        mid = 100.0
        deep = i % 4 == 0
        markout_look(state, params, now_ns, mid, 0.0)
        markout_public(state, 0, 3.2 if deep else 0.0, mid, 0.0, 0.0, 0.05, 1.0, now_ns)
        after = mid * math.exp(-2e-4) if deep else mid
        markout_look(state, params, now_ns + S // 2, after, 0.0)
        markout_look(state, params, now_ns + S, mid, 0.0)
    assert markout_curve_bps(state, 0, 0.0, 0.5) == pytest.approx(0.5, abs=0.05)
    for depth in (0.25, 1.5, 3.0):
        assert markout_curve_bps(state, 0, depth, 0.5) == pytest.approx(2.0, abs=0.1)


def test_prior_before_any_data() -> None:
    """.25·σ·√h to 5 s, then flat (docs/model.md §3: not like √h), half of every bp of depth lost.

    A maker at a node is also met by deeper orders: before any, an eighth as many per node, so what is
    read lies up to a quarter of the way to the next node's loss.
    """
    state, params = fresh(prior_sigma_bps_per_sqrt_s=0.6)
    assert prior_loss_bps(params, 0.6, 5.0) == pytest.approx(0.25 * 0.6 * math.sqrt(5.0))
    beyond = (*DEPTH_NODES_BPS[1:], DEPTH_NODES_BPS[-1])
    for h in HORIZONS_S:
        for depth, deeper in zip(DEPTH_NODES_BPS, beyond, strict=True):
            least = 0.15 * math.sqrt(min(h, 5.0)) + 0.5 * depth
            assert least - 1e-9 <= markout_curve_bps(state, 0, depth, h)
            assert markout_curve_bps(state, 0, depth, h) <= least + 0.25 * 0.5 * (deeper - depth) + 1e-9


def test_scaling_by_volatility_and_tail() -> None:
    state, params = informed_market(1, impact=1.0, seconds=120)
    base = adverse_selection_bps(state, params, 1, 1.0, 5.0, 1.0, 0.0)
    assert base > 0.0
    assert adverse_selection_bps(state, params, 1, 1.0, 5.0, 2.0, 0.0) == pytest.approx(
        lasting_ratio(2.0, 5.0, 300.0) * base
    )
    assert adverse_selection_bps(state, params, 1, 1.0, 5.0, 1.0, 3.0) == pytest.approx(1.9 * base)
    assert adverse_selection_bps(state, params, 1, 1.0, 5.0, 1.0, 50.0) == pytest.approx(2.5 * base)
    assert adverse_selection_bps(state, params, 1, 1.0, 5.0, 1.0, -1.0) == pytest.approx(base)


def test_a_gain_is_signed_in_the_curve_and_not_priced() -> None:
    state, params = informed_market(2, impact=-1.0)
    assert markout_curve_bps(state, 0, 1.0, 5.0) < -0.5
    assert adverse_selection_bps(state, params, 1, 1.0, 5.0, 1.0, 0.0) == 0.0
    signed = markout_params(floor_bps=-math.inf)
    assert adverse_selection_bps(state, signed, 1, 1.0, 5.0, 1.0, 0.0) < -0.5


@pytest.fixture(scope="module")
def learned() -> tuple[Rec, Rec]:
    return informed_market(5, impact=0.8, seconds=300, own_extra=0.4)


@settings(max_examples=200, deadline=None)
@given(
    depth=st.floats(0, 30),
    horizon=st.floats(0.1, 1000),
    ratio=st.floats(0, 4),
    kurtosis=st.floats(-2, 10),
    step=st.sampled_from([-1e-6, 1e-6]),
)
def test_read_out_is_continuous(
    learned: tuple[Rec, Rec], depth: float, horizon: float, ratio: float, kurtosis: float, step: float
) -> None:
    """A millionth of a unit in any argument moves it by at most a ten-thousandth."""
    state, params = learned
    here = adverse_selection_bps(state, params, 1, depth, horizon, ratio, kurtosis)
    assert here >= 0.0
    for args in (
        (depth + step, horizon, ratio, kurtosis),
        (depth, horizon + step, ratio, kurtosis),
        (depth, horizon, ratio + step, kurtosis),
        (depth, horizon, ratio, kurtosis + step),
    ):
        assert adverse_selection_bps(state, params, 1, *args) == pytest.approx(here, abs=1e-4)


def test_horizons_are_those_of_the_fill_log() -> None:
    assert HORIZONS_S == MARKOUT_HORIZONS_S
    assert len(HORIZONS_S) == N_HORIZONS


def test_a_tail_the_curve_was_learned_in_is_not_counted_twice() -> None:
    params = markout_params()
    fat, thin = new_record(MARKOUT), new_record(MARKOUT)
    for state, tail in ((fat, 2.5), (thin, 1.0)):
        init_markout(state, params)
        for i in range(500):
            markout_public(state, i & 1, 1.0, 100.0, 0.0, 0.0, 1.0, tail, i * S)
    as_learned = adverse_selection_bps(fat, params, 1, 1.0, 5.0, 1.0, 50.0)
    assert as_learned == pytest.approx(adverse_selection_bps(thin, params, 1, 1.0, 5.0, 1.0, 0.0), rel=0.01)
    assert adverse_selection_bps(fat, params, 1, 1.0, 5.0, 1.0, 0.0) < 0.5 * as_learned


def test_a_burst_of_volatility_counts_for_as_long_as_it_lasts() -> None:
    assert lasting_ratio(3.0, 0.0, 300.0) == 3.0
    assert lasting_ratio(3.0, 1.0, 300.0) == pytest.approx(3.0, abs=0.01)
    # mean of 1 + 2·e^(−t/300) over 600 s, by hand: 1 + 2·(1 − e⁻²)/2
    assert lasting_ratio(3.0, 600.0, 300.0) == pytest.approx(1.0 + (1.0 - np.exp(-2.0)))
    assert lasting_ratio(1.0, 600.0, 300.0) == 1.0
    assert lasting_ratio(0.5, 600.0, 300.0) < 1.0


@pytest.mark.parametrize(("follows", "low", "high"), [(1.0, 0.75, 1.0), (0.0, 0.0, 0.25)])
def test_how_losses_follow_volatility_is_learned(follows: float, low: float, high: float) -> None:
    """Calm and loud minutes: orders move the mid by as much more as volatility, or by no more."""
    rng = np.random.default_rng(11)
    state, params = fresh(prior_sigma_bps_per_sqrt_s=0.5)
    assert state.elasticity == 1.0
    log_mid, impact = 0.0, 2.0
    pending = 0.0
    for i in range(4 * 7200):
        sigma = 0.5 if (i // 480) % 2 else 0.25
        log_mid += rng.normal(0.0, sigma * 0.5)
        if i % 4 == 3:
            log_mid, pending = log_mid + pending, 0.0
        mid = 100.0 * math.exp(1e-4 * log_mid)
        markout_look(state, params, i * S // 4, mid, 0.0)
        if i % 4 == 1:
            index = int(rng.integers(2))
            size = impact * (1.0 + follows * (sigma / 0.375 - 1.0))
            pending = -size if index == 0 else size
            markout_public(state, index, 1.0, mid, 0.0, 0.0, sigma, 1.0, i * S // 4)
    assert low <= state.elasticity <= high
    assert volatility_ratio(state, markout_sigma_ref(state)) == pytest.approx(1.0)
