"""The belief: signs, switches, what each kind of observation is worth, and that it knows no inventory."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.kernel import belief as module
from undertow.kernel.alphas import alpha_shift_bps
from undertow.kernel.belief import (
    BELIEF,
    BELIEF_PARAMS,
    belief_cycle,
    belief_fill,
    belief_gap,
    belief_params,
    believed_drift,
    init_belief,
    observation_of_funding,
)
from undertow.kernel.drift import DRIFT, drift_look, drift_params, init_drift, observation_of_forecast
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.kernel.fill_belief import fill_belief_params
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000
LOADINGS = {"book_imbalance_10": 0.05, "flow_slow": 0.08, "lead": 0.02}
COVARIANCE = np.array([[0.1, 0.02, 0.0], [0.02, 0.2, 0.05], [0.0, 0.05, 1.0]])
ALPHAS = [(1.0, {"microprice": 0.3})]


def full(**changes: object) -> Rec:
    given = {
        "loadings": LOADINGS,
        "covariance": COVARIANCE,
        "alphas": ALPHAS,
        "tau_noise_s": 5.0,
        "fills": fill_belief_params(level_bps=0.02, slope=0.02),
    }
    return belief_params(**(given | changes))  # type: ignore[arg-type]


def fresh(params: Rec) -> Rec:
    state = new_record(BELIEF)
    init_belief(state, params)
    return state


def market(seed: int, n: int = 400) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(log mid in bps, features); everything random, some features silent at times."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_FEATURES))
    x[rng.random((n, N_FEATURES)) < 0.2] = np.nan
    return np.cumsum(rng.normal(0.05, 1.0, n)), x


def run(params: Rec, log_mid: NDArray[np.float64], x: NDArray[np.float64], fills: int = 0) -> Rec:
    state = fresh(params)
    for i, row in enumerate(x):
        belief_cycle(state, params, i * S, 100.0 * math.exp(1e-4 * log_mid[i]), 1.0, row)
        if fills and i % 7 == 3:
            belief_fill(state, params, fills * (1 if i % 2 else -1), 1.0, i * S + S // 2)
    return state


def silent() -> NDArray[np.float64]:
    return np.full(N_FEATURES, np.nan)


def feature(name: str, value: float) -> NDArray[np.float64]:
    x = silent()
    x[FEATURE_NAMES.index(name)] = value
    return x


def test_the_mirrored_market_mirrors_the_belief_exactly() -> None:
    params = full(legacy=True)
    log_mid, x = market(3)
    here, there = run(params, log_mid, x, fills=1), run(params, -log_mid, -x, fills=-1)
    assert here.drift.mu == pytest.approx(-there.drift.mu, rel=1e-9)
    assert here.drift.variance == pytest.approx(there.drift.variance, rel=1e-9)
    assert here.legacy.mu == pytest.approx(-there.legacy.mu, rel=1e-9)
    assert alpha_shift_bps(here.alphas, params.alphas, 0.1) == -alpha_shift_bps(
        there.alphas, params.alphas, 0.1
    )
    assert here.drift.mu != 0.0


@pytest.mark.parametrize("name", [*LOADINGS, "funding"])
def test_every_feature_is_bullish_when_positive(name: str) -> None:
    for sign in (1.0, -1.0):
        params = full()
        state = fresh(params)
        belief_cycle(state, params, 0, 100.0, 1.0, feature(name, sign))
        assert sign * state.drift.mu > 0.0, name


def test_one_forecast_one_observation() -> None:
    """A full cycle of features shrinks P by exactly one update with the joint (z, R)."""
    params = full()
    state = fresh(params)
    x = silent()
    for name in LOADINGS:
        x[FEATURE_NAMES.index(name)] = 1.0
    before = state.drift.variance
    belief_cycle(state, params, 0, 100.0, 1.0, x)
    beta = np.array(list(LOADINGS.values()))
    z, noise = observation_of_forecast(params.drift, beta.sum(), beta @ COVARIANCE @ beta, 10.0, 0.0)
    assert state.drift.mu == pytest.approx(before / (before + noise) * z)
    assert state.drift.variance == pytest.approx(before * noise / (before + noise))


def test_persistent_noise_is_not_new_information() -> None:
    """A frozen feature read ten times a second or once a second moves the belief alike."""
    ends = []
    for per_second in (1, 10):
        params = full(tau_noise_s=20.0, funding_scale=0.0)
        state = fresh(params)
        for i in range(60 * per_second + 1):
            belief_cycle(state, params, i * S // per_second, math.nan, 1.0, feature("flow_slow", 1.0))
        ends.append((state.drift.mu, state.drift.variance))
    assert ends[0] == pytest.approx(ends[1], rel=0.01)


def test_without_features_it_is_the_drift_filter() -> None:
    log_mid, _ = market(5)
    params = belief_params(frozen=True, funding_scale=0.0)
    state = fresh(params)
    alone, alone_params = new_record(DRIFT), drift_params()
    init_drift(alone, alone_params)
    for i, level in enumerate(log_mid):
        mid = 100.0 * math.exp(1e-4 * level)
        belief_cycle(state, params, i * S, mid, 1.0, silent())
        drift_look(alone, alone_params, i * S, mid, 1.0)
    assert state.drift.tobytes() == alone.tobytes()


def test_innovations_are_recorded() -> None:
    log_mid, _ = market(6)
    params = belief_params(frozen=True)
    state = fresh(params)
    squares = []
    for i, level in enumerate(log_mid):
        before = copy_record(state)
        if belief_cycle(state, params, i * S, 100.0 * math.exp(1e-4 * level), 1.0, silent()):
            move = level - log_mid[i - 1]
            assert state.drift.observed == pytest.approx(move, rel=1e-6, abs=1e-9)
            expected = move - before.drift.mu * math.exp(-0.02)
            assert state.drift.innovation == pytest.approx(expected, rel=1e-6, abs=1e-9)
            squares.append(state.drift.innovation**2 / state.drift.innovation_variance)
    assert np.mean(squares) == pytest.approx(1.0, abs=0.15)


def test_a_bid_fill_is_bearish_and_deeper_fills_say_more() -> None:
    moved = []
    for side, depth in ((1, 1.0), (-1, 1.0), (1, 6.0)):
        params = full()
        state = fresh(params)
        belief_fill(state, params, side, depth, S)
        moved.append(state.drift.mu)
    assert moved[0] < 0.0 < moved[1]
    assert moved[1] == -moved[0]
    assert moved[2] < moved[0]


def test_fills_of_one_sweep_are_one_and_own_skew_makes_them_less() -> None:
    params = full()
    state = fresh(params)
    belief_fill(state, params, 1, 1.0, S)
    once = state.tobytes()
    belief_fill(state, params, 1, 3.0, S)
    assert state.tobytes() == once
    skewed = full(fills=fill_belief_params(level_bps=0.02, slope=0.02, skew_share=0.8))
    other = fresh(skewed)
    belief_fill(other, skewed, 1, 1.0, S)
    assert 0.0 > other.drift.mu > state.drift.mu
    untaught = belief_params()
    silent_state = fresh(untaught)
    belief_fill(silent_state, untaught, 1, 1.0, S)
    assert silent_state.tobytes() == fresh(untaught).tobytes()


def test_funding_against_the_crowd_in_the_right_units() -> None:
    """z-score +3: −.06 bps/s ± .025; at .25 the variance is four times as large; at 0 nothing."""
    params = belief_params()
    assert observation_of_funding(params, -3.0, 0.0) == pytest.approx((-0.06, 0.025**2))
    assert observation_of_funding(params, 0.25, 0.0) == pytest.approx((0.005, 4 * 0.025**2))
    assert observation_of_funding(params, 0.25, 3600.0)[1] == pytest.approx(7200 * 4 * 0.025**2)
    assert math.isinf(observation_of_funding(params, 0.0, 0.0)[1])


def test_an_hour_of_one_funding_rate_is_one_observation_not_thousands() -> None:
    """It settles at z·(P/R_eff)/(θ + P/R_eff): a thousandth of a bps per second at three deviations."""
    params = belief_params(frozen=True, initial=1.0)
    state = fresh(params)
    for i in range(3600):
        belief_cycle(state, params, i * S, math.nan, 1.0, feature("funding", -3.0))
    stationary = 0.005**2 / 0.04
    rate = stationary / (0.025**2 * 7200.0)
    assert state.drift.mu == pytest.approx(-0.06 * rate / (0.02 + rate), rel=0.1)


def test_switches_silence_what_they_name() -> None:
    log_mid, x = market(7)
    plain = run(belief_params(funding_scale=0.0), log_mid, x)
    zeros = dict.fromkeys(LOADINGS, 0.0)
    off = run(belief_params(loadings=zeros, covariance=COVARIANCE, funding_scale=0.0), log_mid, x)
    assert off.drift.tobytes() == plain.drift.tobytes()
    without = run(full(without=(*LOADINGS, "microprice", "funding")), log_mid, x)
    assert without.drift.tobytes() == plain.drift.tobytes()
    assert not without.alphas.rate.any()
    with pytest.raises(ValueError, match="funding"):
        belief_params(loadings={"funding": 0.1}, covariance=np.eye(1))


def test_legacy_forgets_a_tenth_per_cycle_and_is_believed_when_asked() -> None:
    params = belief_params(legacy=True, funding_scale=0.0)
    state = fresh(params)
    for i in range(30):
        belief_cycle(state, params, i * S, 100.0 + 0.01 * i, 1.0, silent())
    mu, variance = believed_drift(state, params)
    assert mu == state.legacy.mu > 0.0
    assert 0.0 < variance < params.drift.initial_variance
    for _ in range(10):
        belief_cycle(state, params, 29 * S, 100.29, 1.0, silent())
    assert state.legacy.mu == pytest.approx(mu * 0.9**10)
    # one batch: the precision-weighted mean of the decayed mean and the signals
    prior, z, noise = 1.0 / params.legacy.prior_precision, 0.05, 0.002
    belief_cycle(state, params, 29 * S, 100.29, 1.0, silent())
    kept = state.legacy.mu
    module.legacy_signal(state.legacy, z, noise)
    module.legacy_signal(state.legacy, z, noise)
    expected = (kept / prior + 2 * z / noise) / (1 / prior + 2 / noise)
    assert state.legacy.mu == pytest.approx(expected)
    assert believed_drift(state, belief_params())[0] == state.drift.mu


def test_time_that_runs_backwards_and_nonsense_change_nothing() -> None:
    log_mid, x = market(8, 60)
    params = full()
    state = run(params, log_mid, x, fills=1)
    before = state.tobytes()
    assert belief_cycle(state, params, 30 * S, 100.0, 1.0, x[0]) == 0
    belief_fill(state, params, 1, 1.0, 30 * S)
    belief_fill(state, params, 1, math.nan, 90 * S)
    assert state.tobytes() == before
    for mid in (math.nan, 0.0, -1.0, math.inf):
        belief_cycle(state, params, 70 * S, mid, 1.0, silent())
    assert math.isfinite(state.drift.mu)


def test_checkpoint_continues_to_the_same_bytes() -> None:
    log_mid, x = market(9)
    params = full()
    whole = run(params, log_mid, x)
    state = run(params, log_mid[:200], x[:200])
    again = copy_record(state)
    for i in range(200, len(x)):
        belief_cycle(again, params, i * S, 100.0 * math.exp(1e-4 * log_mid[i]), 1.0, x[i])
    assert again.tobytes() == whole.tobytes()


def test_a_gap_gives_no_return() -> None:
    params = belief_params(funding_scale=0.0)
    state = fresh(params)
    for i in range(5):
        belief_cycle(state, params, i * S, 100.0, 1.0, silent())
    belief_gap(state)
    assert belief_cycle(state, params, 6 * S, 101.0, 1.0, silent()) == 0
    assert state.drift.mu == 0.0


def test_it_knows_no_inventory() -> None:
    """No parameter, field or argument of the layer is a position; a state is small and flat."""
    names = " ".join([*(BELIEF.names or ()), *(BELIEF_PARAMS.names or ())])
    arguments = [a for f in (belief_cycle, belief_fill) for a in inspect.signature(f.py_func).parameters]
    assert not any(word in names for word in ("position", "inventory"))
    assert set(arguments) == {"state", "params", "now_ns", "mid", "sigma", "features", "side", "depth"}
    assert BELIEF.itemsize < 10_000
    assert not BELIEF.hasobject
