"""The entrances: warm-up, quotes, reasons, missing books, timed and event-driven decisions."""

from __future__ import annotations

import numpy as np
import pytest
from tests.kernel.session import COIN, START_NS, Session

from undertow.config import Config, Quoting, Risk
from undertow.events import CANCEL, FUNDING_RATE, GAP, MODIFY, NEW, TIMER
from undertow.kernel import cycle
from undertow.kernel.ladder import LIMIT, NOBOOK, QUOTED, UNREACHABLE, WARMING
from undertow.maker import OBSERVATION
from undertow.makers import gamma_of_half_life, undertow_params
from undertow.records import new_record


def test_nothing_is_quoted_before_a_book_and_the_reason_says_so() -> None:
    session = Session()
    assert session.timer() == []
    assert session.lines()[0] == "bid 1  nobook 0"
    assert set(session.reasons(1)) == set(session.reasons(-1)) == {NOBOOK}


def test_warm_up_counts_down_and_ends_within_a_minute() -> None:
    session = Session()
    session.show(100.0)
    assert session.timer() == []
    assert session.lines()[0] == "bid 1  warming 29.9"
    session.warm(59.0)
    assert QUOTED in session.reasons(1)
    assert QUOTED in session.reasons(-1)


def test_the_reducing_side_quotes_even_while_warming() -> None:
    session = Session()
    session.show(100.0)
    session.position(-2.0)
    actions = session.timer()
    assert actions
    assert all(a.side == 1 and a.kind == NEW for a in actions)
    assert set(session.reasons(-1)) == {WARMING}


def test_warm_quotes_stand_outside_the_opposite_touch_and_apart_from_each_other() -> None:
    session = Session()
    session.warm()
    session.show(100.0)
    session.timer()
    desk, top = session.state.desk, session.book.top
    orders = [desk.working[i] for i in range(desk.n_working)]
    bids, asks = [o.tick for o in orders if o.side > 0], [o.tick for o in orders if o.side < 0]
    assert bids
    assert asks
    assert max(bids) < min(asks)
    assert max(bids) < top.best_ask
    assert min(asks) > top.best_bid


def test_a_gap_withdraws_what_enlarges_the_position_and_keeps_what_reduces_it() -> None:
    session = Session()
    session.warm()
    session.position(1.0)
    session.settle()
    session.send(kind=GAP, val=3.0)
    actions = session.timer()
    assert actions
    assert all(a.kind == CANCEL and a.side == 1 for a in actions)
    assert set(session.reasons(-1)) == {NOBOOK}
    desk = session.state.desk
    assert any(desk.working[i].side == -1 for i in range(desk.n_working))
    session.show(100.0)
    session.acknowledge(session.timer())
    assert QUOTED in session.reasons(-1)


def test_an_old_book_counts_as_none() -> None:
    session = Session()
    session.warm()
    session.now_ns += 31_000_000_000
    session.timer()
    assert session.lines()[0].startswith("bid 1  nobook 31")


def test_at_the_limit_one_side_is_empty_and_the_reason_is_the_limit() -> None:
    session = Session()
    session.warm()
    lot = session.state.inputs.lot_qty
    session.position(12.0 * lot)
    session.timer()
    assert LIMIT in session.reasons(1)
    assert QUOTED not in session.reasons(1)
    assert QUOTED in session.reasons(-1)
    assert any("limit 12" in line for line in session.lines())


def test_a_second_look_at_the_same_market_sends_nothing() -> None:
    session = Session()
    session.warm()
    session.settle()
    for _ in range(20):
        session.now_ns += 1_000
        assert session.send(kind=TIMER) == []


def test_fills_move_the_position_and_the_quotes_against_it() -> None:
    session = Session(Config(risk=Risk(kappa_eta_base=0.6)))
    session.warm()
    session.show(100.0)
    session.acknowledge(session.timer())
    before = session.state.ladder.ask.touch_offset_bps
    desk = session.state.desk
    held = desk.position
    slot = next(i for i in range(desk.n_working) if desk.working[i].side == 1)
    session.fill(desk.working[slot].copy(), float(desk.working[slot].leaves))
    assert desk.position > held
    session.timer()
    assert session.state.ladder.ask.touch_offset_bps < before
    assert session.state.score.fills.sum() == 1


def test_event_driven_decisions_follow_the_mid_but_not_too_often() -> None:
    session = Session(Config(quoting=Quoting(mode="event", event_move_bps=1.0, min_interval_ms=50)))
    session.warm()
    session.show(100.0)
    session.acknowledge(session.timer())
    cycles = session.state.session.cycles
    session.now_ns += 60_000_000
    session.show(100.001)
    assert session.state.session.cycles == cycles
    session.show(100.5)
    assert session.state.session.cycles == cycles + 1
    session.show(101.0)
    assert session.state.session.cycles == cycles + 1
    session.now_ns += 60_000_000
    session.show(101.0)
    assert session.state.session.cycles == cycles + 2


def test_event_driven_decides_at_the_first_book_after_a_decision_without_one() -> None:
    session = Session(Config(quoting=Quoting(mode="event", min_interval_ms=50)))
    assert session.timer() == []
    session.now_ns += 60_000_000
    session.show(100.0)
    assert session.state.session.cycles == 2
    assert session.state.session.decided_mid == 100.0


def test_timed_quoting_waits_for_the_timer() -> None:
    session = Session()
    session.warm()
    session.now_ns += 60_000_000
    cycles = session.state.session.cycles
    assert session.show(101.0) == []
    assert session.state.session.cycles == cycles
    assert {a.kind for a in session.timer()} <= {NEW, MODIFY, CANCEL}


def test_predicted_funding_lowers_the_reservation_price() -> None:
    session = Session()
    session.warm()
    session.timer()
    assert session.state.reservation.funding_bps == 0.0
    session.send(kind=FUNDING_RATE, qty=1e-4, ref=session.now_ns + 1_000_000_000)
    session.timer()
    assert -3.1 < session.state.reservation.funding_bps < -0.5


def test_a_half_life_out_of_reach_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match=r"shortest is above 13\.9 s"):
        gamma_of_half_life(10.0, fill_slope=0.01, kappa_per_bp=0.2, aggressor_lots=3.0, sigma=1.0)
    gamma = gamma_of_half_life(60.0, fill_slope=0.01, kappa_per_bp=0.2, aggressor_lots=3.0, sigma=1.0)
    assert 0 < gamma < 1
    session = Session(Config(risk=Risk(half_life_s=0.01)))
    session.warm()
    assert set(session.reasons(1)) == {UNREACHABLE}
    assert session.lines()[0].startswith("bid 1  unreachable ")


def test_observation_shows_belief_quotes_and_equity() -> None:
    session = Session()
    session.warm()
    session.acknowledge(session.timer())
    out = new_record(OBSERVATION)
    cycle.observe(session.state, session.maker.params, session.inst, session.book, out)
    assert out.best_bid_px < out.mid < out.best_ask_px
    assert out.reservation_px == pytest.approx(out.mid, rel=1e-3)
    assert out.time_ns == session.now_ns > START_NS
    assert out.drift_sd_bps_per_s > 0
    assert out.equity == 0.0
    assert np.all(np.isfinite([out[name] for name in OBSERVATION.names or ()]))


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"below the minimum order of COIN, 10"):
        undertow_params(Config(risk=Risk(lot_usd=5.0)), COIN)
    with pytest.raises(ValueError, match="warmup_s = 90"):
        undertow_params(Config(), COIN, warmup_s=90.0)
    with pytest.raises(ValueError, match="gamma = 2"):
        undertow_params(Config(), COIN, gamma=2.0)
