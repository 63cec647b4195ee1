"""The joint forecast against NumPy's least squares: weights, Var(f), silence, tiers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.kernel.alphas import ALPHAS, alpha_move_bps, alpha_params, alpha_shift_bps, alphas_cycle
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.kernel.forecast import FORECAST, forecast_cycle, forecast_params, init_forecast
from undertow.records import Rec, new_record

NAMES = ("book_imbalance_10", "flow_slow", "trend", "lead")
AT = [FEATURE_NAMES.index(name) for name in NAMES]
LOADING = np.array([0.8, 0.5, -3.0, 0.2])


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """(x of shape (n, 4), its exact covariance as sampled)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4000, 4)) @ rng.normal(size=(4, 4))
    x -= x.mean(axis=0)
    return x, np.cov(x.T, bias=True)


def fresh(covariance: np.ndarray, **changes: object) -> tuple[Rec, Rec]:  # type: ignore[type-arg]
    loadings = dict(zip(NAMES, LOADING, strict=True))
    params = forecast_params(loadings=loadings, covariance=covariance, **changes)  # type: ignore[arg-type]
    state = new_record(FORECAST)
    init_forecast(state, params)
    return state, params


def features(**values: float) -> np.ndarray:  # type: ignore[type-arg]
    out = np.full(N_FEATURES, np.nan)
    for name, value in values.items():
        out[FEATURE_NAMES.index(name)] = value
    return out


def test_all_speaking_is_the_regression_itself() -> None:
    x, covariance = drawn(1)
    state, params = fresh(covariance, centers={"flow_slow": 0.3})
    forecast_cycle(state, params, features(**dict(zip(NAMES, x[0], strict=True))))
    assert state.forecast_bps == pytest.approx(LOADING @ x[0] - 0.5 * 0.3)
    assert state.forecast_variance == pytest.approx(np.var(x @ LOADING))


@settings(max_examples=40, deadline=None)
@given(silent=st.sets(st.integers(0, 3), min_size=1, max_size=3), seed=st.integers(0, 5))
def test_what_is_silent_is_expected_from_what_speaks(silent: set[int], seed: int) -> None:
    """Weights equal those of regressing the full forecast on the features that speak."""
    x, covariance = drawn(seed)
    present = [k for k in range(4) if k not in silent]
    full = x @ LOADING
    expected, *_ = np.linalg.lstsq(x[:, present], full, rcond=None)
    for switched_off in (False, True):
        off = tuple(NAMES[k] for k in silent) if switched_off else ()
        state, params = fresh(covariance, without=off)
        row = {NAMES[k]: x[7, k] for k in (range(4) if switched_off else present)}
        forecast_cycle(state, params, features(**row))
        assert state.weight[[AT[k] for k in present]] == pytest.approx(expected, rel=1e-6, abs=1e-9)
        assert state.forecast_bps == pytest.approx(expected @ x[7, present], rel=1e-6, abs=1e-9)
        assert state.forecast_variance == pytest.approx(np.var(x[:, present] @ expected), rel=1e-6, abs=1e-9)


def test_nobody_speaks_nothing_is_forecast() -> None:
    state, params = fresh(drawn(0)[1])
    forecast_cycle(state, params, features(vpin=1.0))
    assert math.isnan(state.forecast_bps)
    assert state.forecast_variance == 0.0


def test_twins_that_say_the_same_keep_their_loadings() -> None:
    """Two features that are one: the silent twin cannot be told apart, and nothing blows up."""
    params = forecast_params(
        loadings={"knife": 1.0, "sweep": 1.0, "vpin": 0.5},
        covariance=np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.2], [0.2, 0.2, 1.0]]),
    )
    state = new_record(FORECAST)
    init_forecast(state, params)
    forecast_cycle(state, params, features(knife=1.0, sweep=1.0))
    assert state.forecast_bps == pytest.approx(2.0)


def test_tiers_keep_their_pace() -> None:
    state, params = fresh(drawn(0)[1])
    seen = {name: [] for name in NAMES}  # type: ignore[var-annotated]
    for cycle in range(11):
        forecast_cycle(state, params, features(**dict.fromkeys(NAMES, float(cycle))))
        for name, at in zip(NAMES, AT, strict=True):
            seen[name].append(state.value[at])
    assert seen["book_imbalance_10"] == list(range(11))  # hot: every cycle
    assert seen["flow_slow"] == [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10]  # warm: every second
    assert seen["lead"] == [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10]  # cold: every fifth
    forecast_cycle(state, params, features())
    assert math.isnan(state.value[AT[0]])
    assert state.value[AT[3]] == 10.0  # silence too is noticed when due


def test_infinities_are_silence() -> None:
    state, params = fresh(drawn(0)[1])
    forecast_cycle(state, params, features(book_imbalance_10=math.inf, trend=-math.inf))
    assert math.isnan(state.forecast_bps)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"loadings": {"nonsense": 1.0}, "covariance": np.eye(1)}, "nonsense"),
        ({"loadings": {"trend": math.nan}, "covariance": np.eye(1)}, "finite"),
        ({"loadings": {"trend": 1.0}}, "covariance"),
        ({"loadings": {"trend": 1.0}, "covariance": np.eye(2)}, "shape"),
        ({"loadings": {"trend": 1.0, "lead": 1.0}, "covariance": np.array([[1, 2], [2, 1.0]])}, "positive"),
        (
            {"loadings": {"trend": 1.0, "lead": 1.0}, "covariance": np.array([[1, 0.5], [0, 1.0]])},
            "symmetric",
        ),
        ({"pace_cycles": (0, 1, 1)}, "pace_cycles"),
        ({"horizon_s": 0.0}, "horizon_s"),
        ({"without": ("lede",)}, "lede"),
    ],
)
def test_faults_are_named(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        forecast_params(**changes)  # type: ignore[arg-type]


def test_alphas_enter_the_price_with_their_own_times() -> None:
    params = alpha_params(
        alphas=[(1.0, {"microprice": 0.5}), (0.1, {"lead": 0.2, "sweep": -0.1})], centers={"lead": 1.0}
    )
    state = new_record(ALPHAS)
    value = features(microprice=2.0, lead=4.0)
    alphas_cycle(state, params, value)
    assert state.rate[:3] == pytest.approx([1.0, 0.6, 0.0])
    rho = 0.05
    assert alpha_shift_bps(state, params, rho) == pytest.approx(1.0 / 1.05 + 0.6 / 0.15)
    assert alpha_move_bps(state, params, 10.0) == pytest.approx(1 - math.exp(-10) + 6 * (1 - math.exp(-1)))
    assert alpha_move_bps(state, params, 1e9) == pytest.approx(alpha_shift_bps(state, params, 0.0))
    off = alpha_params(alphas=[(1.0, {"microprice": 0.5})], without=("microprice",))
    alphas_cycle(state, off, value)
    assert state.rate[0] == 0.0
    with pytest.raises(ValueError, match="alpha_decay_per_s"):
        alpha_params(alphas=[(0.0, {"microprice": 0.5})])
