"""The forecast of funding and its day: weights, continuity, the z-score against numpy, silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.instrument import Instrument
from undertow.kernel.funding import (
    FUNDING_STATE,
    funding_forecast,
    funding_params,
    funding_predicted,
    funding_schedule,
    funding_settled,
)
from undertow.kernel.funding_view import funding_day, funding_feature, funding_score
from undertow.kernel.inputs import MAX_SETTLEMENTS
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000
HOUR = 3600 * S
INST = Instrument(name="test", tick_size=0.01, size_step=0.001).record()
START = 1_000 * HOUR


def settled(rates: list[float], hours: list[int] | None = None, scale: float = 1e-5) -> tuple[Rec, Rec, int]:
    """A state that has seen `rates` (in 1e-5) settle, hourly unless told otherwise; and the time."""
    state, params = new_record(FUNDING_STATE), funding_params()
    at = START
    for k, rate in enumerate(rates):
        at = START + (k if hours is None else hours[k]) * HOUR
        funding_settled(state, params, INST, rate * scale, at)
    return state, params, at


def test_forecast_weighs_current_predicted_and_usual() -> None:
    """Just after a settlement .2/.6/.2, in between linear in the share that has passed, at last 0/1/0."""
    state, params, at = settled([1.0, 3.0])
    usual = 1.0 + 2.0 * (1.0 - 2.0 ** (-1.0 / 8.0))
    funding_predicted(state, params, 8e-5, at + HOUR)
    for share in (0.0, 0.25, 0.5, 0.9, 1.0):
        now = at + round(share * HOUR) - (share == 1.0)
        left = 1.0 - share
        expected = 0.2 * left * 3.0 + (1.0 - 0.4 * left) * 8.0 + 0.2 * left * usual
        assert funding_forecast(state, params, INST, now) == pytest.approx(1e-5 * expected)


def test_forecast_moves_continuously_between_settlements() -> None:
    state, params, at = settled([1.0, -4.0, 3.0])
    funding_predicted(state, params, 8e-5, at + HOUR)
    path = [funding_forecast(state, params, INST, at + k * S) for k in range(3600)]
    assert np.max(np.abs(np.diff(path))) < 1e-8
    assert path == sorted(path)


def test_weights_of_the_unknown_go_to_the_known() -> None:
    state, params = new_record(FUNDING_STATE), funding_params()
    assert math.isnan(funding_forecast(state, params, INST, START))
    funding_predicted(state, params, 2e-5, START + HOUR)
    assert funding_forecast(state, params, INST, START) == 2e-5
    state, params, at = settled([3.0])
    assert funding_forecast(state, params, INST, at + S) == pytest.approx(3e-5)


def test_first_settlement_of_the_schedule_is_the_forecast() -> None:
    state, params, at = settled([1.0, 2.0, 5.0])
    funding_predicted(state, params, -3e-5, at + HOUR)
    bps, in_s = np.zeros(MAX_SETTLEMENTS), np.zeros(MAX_SETTLEMENTS)
    for share in (0.1, 0.7):
        now = at + round(share * HOUR)
        assert funding_schedule(state, params, INST, now, bps, in_s) == 3
        assert bps[0] == pytest.approx(1e4 * funding_forecast(state, params, INST, now))
        assert in_s[0] == pytest.approx(3600.0 * (1.0 - share))


# ---- the day ---------------------------------------------------------------------------------------


def test_day_is_mean_and_deviation_of_24_hourly_rates() -> None:
    rates = list(np.random.default_rng(1).normal(1.0, 2.0, 60))
    state, params, at = settled(rates)
    mean, deviation, count = funding_day(state, params, INST, at + S)
    assert count == 24
    assert mean == pytest.approx(1e-5 * np.mean(rates[-24:]))
    assert deviation == pytest.approx(1e-5 * np.std(rates[-24:], ddof=1))
    assert funding_day(state, params, INST, at + 23 * HOUR)[2] == 2
    assert funding_day(state, params, INST, at + 30 * HOUR)[2] == 0


def test_missed_settlements_count_by_time_up_to_two_intervals() -> None:
    rates, hours = [1.0, 2.0, 6.0, 3.0], [0, 1, 3, 12]
    state, params, at = settled(rates, hours)
    w = np.array([1.0, 1.0, 2.0, 2.0])
    mean = np.sum(w * rates) / 6.0
    n = 36.0 / np.sum(w * w)
    deviation = math.sqrt(np.sum(w * (np.array(rates) - mean) ** 2) / 6.0 * n / (n - 1.0))
    got = funding_day(state, params, INST, at)
    assert got == pytest.approx((1e-5 * mean, 1e-5 * deviation, 4))


def test_repeated_rows_of_one_settlement_are_one_observation() -> None:
    state, params, at = settled([1.0, 2.0])
    for k in range(5):
        funding_settled(state, params, INST, 2e-5, at + k * S)
    assert funding_day(state, params, INST, at + 10 * S)[2] == 2


def test_silent_before_three_observations_then_crowded_longs_are_bearish() -> None:
    for n in range(4):
        state, params, at = settled([1.0, 2.0, 1.5][:n])
        funding_predicted(state, params, 9e-5, at + HOUR)
        feature = funding_feature(state, params, INST, at + HOUR // 2)
        assert feature < 0.0 if n == 3 else math.isnan(feature)
    rates = list(np.random.default_rng(2).normal(1.0, 1.0, 24))
    state, params, at = settled(rates)
    funding_predicted(state, params, 4e-5, at + HOUR)
    now = at + HOUR - 1  # the prediction alone
    z = (4.0 - np.mean(rates)) / np.std(rates, ddof=1)
    assert funding_score(state, params, INST, now) == pytest.approx(z)
    assert funding_feature(state, params, INST, now) == pytest.approx(-z)


def test_a_constant_rate_is_no_signal_and_a_step_from_it_is_bounded() -> None:
    """Hyperliquid pays .125 bps for hours on end."""
    state, params, at = settled([1.25] * 24)
    assert funding_feature(state, params, INST, at + S) == pytest.approx(0.0, abs=1e-9)
    funding_predicted(state, params, 1.3e-5, at + HOUR)
    assert funding_feature(state, params, INST, at + HOUR - 1) == pytest.approx(-0.5, rel=1e-6)
    funding_predicted(state, params, 1e-3, at + HOUR)
    assert funding_feature(state, params, INST, at + HOUR - 1) == -params.max_score


RATES = st.floats(-20.0, 20.0)


@given(st.lists(RATES, min_size=3, max_size=40), RATES, st.floats(0.0, 0.99))
@settings(max_examples=50, deadline=None)
def test_mirror_and_scale(rates: list[float], predicted: float, share: float) -> None:
    def feature(sign: float, scale: float) -> float:
        state, params, at = settled([sign * r for r in rates], scale=scale)
        params["min_deviation"] *= scale / 1e-5
        funding_predicted(state, params, sign * predicted * scale, at + HOUR)
        return funding_feature(state, params, INST, at + round(share * HOUR))

    plain = feature(1.0, 1e-5)
    assert feature(-1.0, 1e-5) == -plain
    assert feature(1.0, 4e-5) == pytest.approx(plain, rel=1e-6, abs=1e-9)
    assert abs(plain) <= 5.0


# ---- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [math.nan, math.inf, -math.inf])
def test_nonsense_and_backward_time_change_nothing(rate: float) -> None:
    state, params, at = settled([1.0, 2.0, 3.0])
    before = state.tobytes()
    funding_predicted(state, params, rate, at + HOUR)
    funding_settled(state, params, INST, rate, at + HOUR)
    funding_settled(state, params, INST, 9e-5, at - HOUR)
    assert state.tobytes() == before
    funding_settled(state, params, INST, 0.0, at + HOUR)  # zero is a rate
    assert state.settled_rate == 0.0


def test_checkpoint_continues_to_the_same_bytes_in_constant_memory() -> None:
    rates = list(np.random.default_rng(3).normal(size=100))
    whole, params, _ = settled(rates)
    half = copy_record(settled(rates[:50])[0])
    for k in range(50, 100):
        funding_settled(half, params, INST, rates[k] * 1e-5, START + k * HOUR)
    assert half.tobytes() == whole.tobytes()
    assert FUNDING_STATE.itemsize < 700


def test_impossible_parameters_are_refused() -> None:
    for bad in ({"current_weight": 0.6, "usual_weight": 0.5}, {"min_observations": 33}, {"day_s": 0.0}):
        with pytest.raises(ValueError, match="funding"):
            funding_params(**bad)  # type: ignore[arg-type]
