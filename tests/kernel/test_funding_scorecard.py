"""The schedule of settlements and the scorecard of fills."""

from __future__ import annotations

import math

import numpy as np
import pytest

from undertow.events import EVENT, FILL, MAKER, TAKER
from undertow.instrument import Instrument
from undertow.kernel.desk import DESK, LIVE, PENDING_CANCEL, PENDING_NEW
from undertow.kernel.funding import (
    FUNDING_STATE,
    funding_params,
    funding_predicted,
    funding_schedule,
    funding_settled,
)
from undertow.kernel.inputs import MAX_SETTLEMENTS
from undertow.kernel.scorecard import (
    DEPTH_EDGES_BPS,
    N_DEPTHS,
    SCORECARD,
    depth_bin,
    init_scorecard,
    score_cycle,
    score_fill,
    scorecard_params,
)
from undertow.records import Rec, new_record

S = 1_000_000_000
HOUR = 3600 * S
INST = Instrument(name="test", tick_size=0.01, size_step=0.001).record()


def schedule(state: Rec, params: Rec, now_ns: int) -> list[tuple[float, float]]:
    bps, in_s = np.zeros(MAX_SETTLEMENTS), np.zeros(MAX_SETTLEMENTS)
    n = funding_schedule(state, params, INST, now_ns, bps, in_s)
    return list(zip(bps[:n], in_s[:n], strict=True))


def test_nothing_is_known_before_the_first_rate() -> None:
    assert schedule(new_record(FUNDING_STATE), funding_params(), HOUR) == []


def test_predicted_rate_then_decay() -> None:
    state, params = new_record(FUNDING_STATE), funding_params(settlements=3, half_life_settlements=1.0)
    funding_predicted(state, params, 1.25e-5, 2 * HOUR)
    got = schedule(state, params, HOUR + 600 * S)
    assert [f for f, _ in got] == pytest.approx([0.125, 0.0625, 0.03125])
    assert [t for _, t in got] == pytest.approx([3000.0, 6600.0, 10200.0])


def test_settlement_moves_the_schedule_on_and_spends_the_prediction() -> None:
    """After it the settled rate and its EWMA speak (in equal parts), until the next prediction."""
    state, params = new_record(FUNDING_STATE), funding_params()
    funding_settled(state, params, INST, -2e-5, 5 * HOUR)
    assert schedule(state, params, 5 * HOUR + S)[0] == pytest.approx((-0.2, 3599.0))
    funding_predicted(state, params, 3e-5, 6 * HOUR)
    assert schedule(state, params, 6 * HOUR - 1)[0][0] == pytest.approx(0.3)
    funding_settled(state, params, INST, 1e-5, 6 * HOUR)
    usual = -2e-5 + 3e-5 * (1.0 - 2.0 ** (-1.0 / 8.0))
    assert schedule(state, params, 6 * HOUR + S)[0] == pytest.approx((1e4 * (1e-5 + usual) / 2.0, 3599.0))
    funding_predicted(state, params, 9e-5, 6 * HOUR)  # late word of what has been settled
    assert schedule(state, params, 6 * HOUR + S)[0][0] == pytest.approx(1e4 * (1e-5 + usual) / 2.0)


def test_missed_settlements_roll_forward_and_unknown_times_fall_on_the_hour() -> None:
    state, params = new_record(FUNDING_STATE), funding_params()
    funding_predicted(state, params, 1e-5, 0)
    assert schedule(state, params, 7 * HOUR + 1000 * S)[0][1] == pytest.approx(2600.0)
    funding_predicted(state, params, 1e-5, 8 * HOUR)
    assert schedule(state, params, 8 * HOUR)[0][1] == pytest.approx(3600.0)
    assert schedule(state, params, 11 * HOUR - S)[0][1] == pytest.approx(1.0)
    assert all(t > 0 for _, t in schedule(state, params, 40 * HOUR))


@pytest.mark.parametrize("rate", [math.nan, math.inf, -math.inf])
def test_impossible_rates_change_nothing(rate: float) -> None:
    state, params = new_record(FUNDING_STATE), funding_params()
    funding_predicted(state, params, 1e-5, 2 * HOUR)
    before = state.tobytes()
    funding_predicted(state, params, rate, 3 * HOUR)
    funding_settled(state, params, INST, rate, 3 * HOUR)
    assert state.tobytes() == before


def test_rates_are_held_within_the_cap() -> None:
    state, params = new_record(FUNDING_STATE), funding_params(max_rate=0.04)
    funding_predicted(state, params, -7.0, 2 * HOUR)
    assert schedule(state, params, HOUR)[0][0] == pytest.approx(-400.0)


@pytest.mark.parametrize("settlements", [0, 25])
def test_horizon_is_checked(settlements: int) -> None:
    with pytest.raises(ValueError, match="settlements"):
        funding_params(settlements=settlements)


# ---- scorecard ----------------------------------------------------------------------------------


def desk_with(*orders: tuple[int, int, float, int]) -> Rec:
    """(side, tick, fill_rate, status) of each working order."""
    desk = new_record(DESK)
    for slot, (side, tick, fill_rate, status) in enumerate(orders):
        order = desk["working"][slot]
        order["id"], order["side"], order["tick"] = slot, side, tick
        order["fill_rate"], order["status"] = fill_rate, status
    desk["n_working"] = len(orders)
    return desk


def fresh() -> tuple[Rec, Rec]:
    state, params = new_record(SCORECARD), scorecard_params()
    init_scorecard(state, params)
    return state, params


def fill_row(order_id: int, side: int, px: float, code: int = MAKER) -> Rec:
    row = np.zeros(1, dtype=EVENT)
    row["kind"], row["ref"], row["side"], row["px"], row["code"] = FILL, order_id, side, px, code
    return row[0]


def test_depth_bins_have_the_edges_they_say() -> None:
    for k in range(N_DEPTHS):
        assert depth_bin(DEPTH_EDGES_BPS[k]) == k
        inside = min(DEPTH_EDGES_BPS[k + 1], 1e3)
        assert depth_bin(np.nextafter(inside, 0.0)) == k
    assert depth_bin(-3.0) == 0


def test_exposure_and_prediction_are_charged_by_depth_now() -> None:
    """At mid 100 a bid at 99.97 (3 bps) and an ask at 100.02 (2 bps); then the mid moves 1 bp up."""
    state, params = fresh()
    desk = desk_with((1, 9997, 0.1, LIVE), (-1, 10002, 0.2, PENDING_CANCEL), (1, 9990, 0.3, PENDING_NEW))
    score_cycle(state, params, desk, INST, S, 100.0)  # the first look has no interval
    assert state.exposure_s.sum() == 0.0
    score_cycle(state, params, desk, INST, 3 * S, 99.9999)
    assert state.exposure_s[0, depth_bin(2.99)] == pytest.approx(2.0)
    assert state.exposure_s[1, depth_bin(2.01)] == pytest.approx(2.0)
    assert state.predicted_fills[0].sum() == pytest.approx(0.2)
    assert state.predicted_fills[1].sum() == pytest.approx(0.4)
    score_cycle(state, params, desk, INST, 4 * S, 100.0151)
    assert state.exposure_s[0, depth_bin(4.5)] == pytest.approx(1.0)
    assert state.exposure_s[1, depth_bin(0.49)] == pytest.approx(1.0)
    assert state.exposure_s.sum() == pytest.approx(6.0)


def test_gaps_backward_time_and_no_mid_are_not_scored() -> None:
    state, params = fresh()
    desk = desk_with((1, 9997, 0.1, LIVE))
    for now_s, mid in ((1, 100.0), (1, 100.0), (0, 100.0), (2, math.nan), (100, 100.0)):
        score_cycle(state, params, desk, INST, now_s * S, mid)
    assert state.exposure_s.sum() == 0.0
    score_cycle(state, params, desk, INST, 101 * S, 100.0)
    assert state.exposure_s.sum() == pytest.approx(1.0)


def test_an_order_counts_once_at_its_first_maker_fill() -> None:
    state, params = fresh()
    score_fill(state, fill_row(1, 1, 99.97))  # no mid yet
    assert state.fills.sum() == 0.0
    score_cycle(state, params, desk_with(), INST, S, 100.0)
    for row in (
        fill_row(7, 1, 99.975),
        fill_row(7, 1, 99.975),
        fill_row(8, -1, 100.075),
        fill_row(7, 1, 99.975),
        fill_row(9, 1, 99.9, TAKER),
    ):
        score_fill(state, row)
    assert state.fills[0, depth_bin(2.5)] == 1.0
    assert state.fills[1, depth_bin(7.5)] == 1.0
    assert state.fills.sum() == 2.0
