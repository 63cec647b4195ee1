"""The view of the maker's state mirrors what it quotes from, and says what is not known."""

from __future__ import annotations

import math

import msgspec
import pytest
from tests.kernel.session import Session

import undertow
from undertow.config import Config
from undertow.events import FUNDING_RATE
from undertow.kernel.belief import believed_drift
from undertow.market_params import MAX_FIELDS, MarketParams, as_dict, field_count, market_params


@pytest.fixture(scope="module")
def session() -> Session:
    session = Session(Config())
    session.send(kind=FUNDING_RATE, qty=2e-5, ref=session.now_ns + 1800 * 10**9)
    session.warm(40.0)
    session.position(3.0)
    session.timer()
    return session


@pytest.fixture(scope="module")
def view(session: Session) -> MarketParams:
    return market_params(session.state, session.maker.params, session.instrument)


def test_it_is_small_enough_to_read() -> None:
    assert 40 < field_count() <= MAX_FIELDS


def test_json_says_the_same(view: MarketParams) -> None:
    again = msgspec.json.decode(msgspec.json.encode(view), type=MarketParams)
    assert again == view
    assert set(as_dict(view)) == {f.name for f in msgspec.structs.fields(MarketParams)}


def test_it_cannot_be_written(view: MarketParams) -> None:
    with pytest.raises(AttributeError):
        view.volatility.sigma_clean = 1.0  # type: ignore[misc]


def test_it_is_what_the_quotes_were_made_from(session: Session, view: MarketParams) -> None:
    x, state = session.state.inputs, session.state
    assert view.volatility.sigma_effective == x.sigma_effective
    assert view.volatility.sigma_clean == x.sigma_clean
    assert view.volatility.jump_ratio == pytest.approx((x.sigma_total / x.sigma_clean) ** 2)
    assert (view.intensity.kappa_bid_per_bp, view.intensity.rate_ask_per_s) == (x.kappa_bid, x.rate_ask)
    assert view.adverse_selection.touch_bid_bps == x.as_touch_bid
    rules = session.maker.params.estimators
    mean, variance = believed_drift(state.estimators.belief, rules.belief)
    assert (view.belief.drift_bps_per_s, view.belief.drift_sd_bps_per_s) == (mean, math.sqrt(variance))
    assert view.belief.drift_bps_per_s == x.drift
    assert view.risk.gamma_per_bp_lot == state.risk.gamma_base
    assert view.flow.imbalance * (x.flow_rate_bid - x.flow_rate_ask) <= 0.0


def test_the_terms_of_the_reservation_price_add_up(view: MarketParams) -> None:
    r = view.risk
    parts = (
        r.from_drift_bps,
        r.from_alphas_bps,
        r.from_funding_bps,
        r.from_flow_bps,
        r.from_costs_bps,
        r.from_inventory_bps,
    )
    assert r.reservation_bps == pytest.approx(sum(parts), abs=1e-12)
    assert r.from_inventory_bps < 0.0  # long
    assert r.from_funding_bps < 0.0  # longs pay
    assert view.funding.forecast_bps is not None
    assert view.funding.forecast_bps > 0.0


def test_what_is_not_known_is_none_and_intervals_hold_their_value(view: MarketParams) -> None:
    assert view.cross.lead_bps is None
    assert view.cross.basis_change_bps is None
    assert view.funding.zscore is None  # three settlements have not been seen
    u = view.uncertainty
    assert 0.0 < u.kappa_bid_95[0] < u.kappa_bid_95[1] < math.inf
    assert 0.0 < view.belief.drift_confidence < 1.0
    assert view.book.touch_spread_bps == pytest.approx(10.0, rel=0.05)  # ±.05 about 100


def test_reading_changes_nothing(session: Session) -> None:
    before = session.state.tobytes()
    market_params(session.state, session.maker.params, session.instrument)
    assert session.state.tobytes() == before


def test_a_session_ends_with_it_and_other_makers_have_none() -> None:
    market = undertow.generate("hl-btc", seed=5, duration_s=60.0)
    session = undertow.run(market, extent="off")
    assert session.market_params is not None
    assert session.market_params.volatility.sigma_total == session.result.maker_state.inputs.sigma_total
    assert undertow.run(market, "symmetric", extent="off").market_params is None
