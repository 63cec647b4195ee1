"""One market typed by hand, quoted through the production path: what the loss of 19 February asked for.

HYPE-like: mid 30, touch ±.7 bp, σ 1.2 bps/√s, κ .4 per bp, .3 sellers and buyers a second of 3 lots,
adverse selection .8 bp, fee 1.5 bps, limit 12 lots, β 4, κη .2. A request is worth 1 bp·lot where a test
says so (the preset of a maker near the end of its request budget), else the default .01.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from bars.signs import Desk, Quote
from numpy.typing import NDArray
from tests.kernel.session import Session

from undertow.config import Config, Flow
from undertow.instrument import hyperliquid_perp
from undertow.kernel.estimators import fill_intensity
from undertow.kernel.eta import price_horizon, update_gamma
from undertow.kernel.ladder import LIMIT, QUOTED, VALUE
from undertow.kernel.volatility import (
    VOLATILITY,
    init_volatility,
    sigma_effective,
    volatility_params,
    volatility_regime,
)
from undertow.records import new_record

SCARCE = 1.0  # price of a request, bps·lots
NOW_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Case:
    held: float = 0.0  # position as a share of the limit
    sigma: float = 1.2
    adverse_bps: float = 0.8
    drift: float = 0.0  # bps/s
    funding_bps: float = 0.0  # paid by a long in 30 s
    request_price: float = 0.01
    beta: float = 4.0


CALM = Case()


def desk_of(case: Case) -> Desk:
    """The desk, its γ solved in the calm market: a burst of volatility does not undo risk aversion."""
    desk = Desk(hyperliquid_perp("HYPE", 2), 30.0)
    tick = desk.instrument.tick_size
    top, risk = desk.book.top, desk.params.risk
    top.best_bid, top.best_ask = round(29.998 / tick), round(30.002 / tick)
    risk.q_max_lots, risk.beta = 12.0, case.beta
    desk.params.ladder.request_price = case.request_price
    desk.inst.maker_fee_bps = 1.5
    _type_market(desk, CALM)
    price_horizon(desk.state.risk, desk.x, 1.5)
    update_gamma(desk.state.risk, risk, desk.x, 1.5, NOW_NS)
    _type_market(desk, case)
    return desk


def _type_market(desk: Desk, case: Case) -> None:
    x, top = desk.x, desk.book.top
    x.mid = 0.5 * (top.best_bid + top.best_ask) * desk.instrument.tick_size
    x.lot_qty, x.position_lots = 100.0 / x.mid, case.held * 12.0
    x.sigma_clean = x.sigma_effective = x.sigma_total = case.sigma
    x.kappa_bid = x.kappa_ask = 0.4
    x.rate_bid = x.rate_ask = x.flow_rate_bid = x.flow_rate_ask = 0.3
    x.aggressor_lots, x.thin_book, x.resting_life_s = 3.0, 1.0, 30.0
    x.drift, x.drift_reversion, x.flow_reversion = case.drift, 0.02, 1.0 / 120.0
    x.as_touch_bid = x.as_touch_ask = case.adverse_bps
    x.as_bid[: x.as_nodes] = x.as_ask[: x.as_nodes] = case.adverse_bps
    x.settlements, x.funding_bps[0], x.funding_in_s[0] = 1, case.funding_bps, 30.0


def quoted(case: Case) -> tuple[Desk, Quote]:
    desk = desk_of(case)
    return desk, desk.quote()


def lots(desk: Desk, side: int) -> NDArray[np.float64]:
    rungs = desk.state.ladder.bid if side > 0 else desk.state.ladder.ask
    return np.array(rungs.qty[: rungs.levels]) / desk.x.lot_qty


def earned(desk: Desk, side: int) -> float:
    """E[PnL] of a side, bps·lots/s."""
    rungs = desk.state.ladder.bid if side > 0 else desk.state.ladder.ask
    return float(np.sum(rungs.expected_pnl[: rungs.levels]))


def reasons(desk: Desk, side: int) -> set[int]:
    rungs = desk.state.ladder.bid if side > 0 else desk.state.ladder.ask
    return {int(r) for r in rungs.reason[: rungs.levels]}


def test_a_strong_fall_pulls_bids_back_by_more_than_three_bps_and_no_cap_stops_it() -> None:
    still, falling = quoted(CALM)[1], quoted(Case(drift=-0.3))[1]
    faster = quoted(Case(drift=-0.6))[1]
    pulled = still.bid_offset - falling.bid_offset
    assert pulled > 3.0
    assert still.bid_offset - faster.bid_offset == pytest.approx(2.0 * pulled, rel=1e-9)
    tick_bps = 1e4 * 1e-5 * 10 / 30.0
    assert (max(still.bids.values()) - max(falling.bids.values())) * tick_bps > 3.0


def test_at_rest_both_touches_earn_and_are_quoted() -> None:
    desk, quote = quoted(CALM)
    assert quote.bids
    assert quote.asks
    assert earned(desk, 1) == pytest.approx(earned(desk, -1), rel=0.2)  # the grid of prices is not even
    assert earned(desk, 1) > 0.0


def test_at_thirty_per_cent_both_sides_quote_even_where_requests_are_dear() -> None:
    desk, quote = quoted(Case(held=0.3, request_price=SCARCE))
    assert quote.bids
    assert quote.asks
    assert 0.0 < earned(desk, 1) < earned(desk, -1)


@pytest.mark.parametrize("held", [0.7, 0.8, 0.9])
def test_from_seventy_per_cent_on_no_bid_is_worth_its_request_where_requests_are_dear(held: float) -> None:
    desk, quote = quoted(Case(held=held, request_price=SCARCE))
    assert not quote.bids
    assert reasons(desk, 1) <= {VALUE, LIMIT}
    assert quote.asks


def test_at_eighty_per_cent_long_the_ask_earns_more_than_at_rest_and_is_quoted() -> None:
    desk, quote = quoted(Case(held=0.8))
    assert quote.asks
    assert earned(desk, -1) > earned(quoted(CALM)[0], -1) > earned(desk, 1) > 0.0


def test_the_way_to_one_side_has_no_step_at_the_old_zones() -> None:
    """γ, the touch and the wanted lots change by little where the zones jumped, and only one way."""
    shares = np.linspace(0.0, 0.99, 100)
    widths, offsets, bids = [], [], []
    for share in shares:
        desk, quote = quoted(Case(held=float(share), beta=7.0))
        widths.append(quote.ask_offset - quote.bid_offset)
        offsets.append(quote.bid_offset)
        bids.append(float(np.max(desk.state.ladder.bid.cumulative_lots[:6])))
    assert np.all(np.diff(widths) > 0.0)
    assert np.all(np.diff(offsets) < 0.0)
    for series in (widths, offsets):
        steps = np.abs(np.diff(series))
        for zone in (0.6, 0.8):
            at = int(np.searchsorted(shares, zone))
            assert steps[at - 1] == pytest.approx(steps[at - 3 : at + 3].mean(), rel=0.1)
    assert bids[0] > bids[40] > bids[80] > 0.0


def test_beyond_the_limit_nothing_adds_whatever_gamma_is() -> None:
    for beta in (0.0, 4.0):
        desk, quote = quoted(Case(held=1.05, beta=beta))
        assert not quote.bids
        assert reasons(desk, 1) == {LIMIT}
        assert quote.asks


def test_in_a_cascade_nothing_is_worth_a_request() -> None:
    """Five times the volatility and its adverse selection, at the γ of the calm before."""
    desk, quote = quoted(Case(sigma=6.0, adverse_bps=4.0, request_price=SCARCE))
    assert not quote.bids
    assert not quote.asks
    assert reasons(desk, 1) == reasons(desk, -1) == {VALUE}
    assert quoted(Case(request_price=SCARCE))[1].bids


def test_a_fall_makes_asks_worth_more_than_bids() -> None:
    desk, _ = quoted(Case(drift=-0.1))
    still, _ = quoted(CALM)
    assert earned(desk, 1) < earned(still, 1) < earned(desk, -1)


@pytest.mark.parametrize("held", [-0.4, 0.0, 0.4])
def test_carry_costs_a_buyer_and_pays_a_seller_when_longs_pay(held: float) -> None:
    """Long or short: funding is a drift of the holder and does not multiply the position."""
    without, _ = quoted(Case(held=held))
    paying, _ = quoted(Case(held=held, funding_bps=2.0))
    receiving, _ = quoted(Case(held=held, funding_bps=-2.0))
    assert paying.state.reservation.funding_bps < 0.0 < receiving.state.reservation.funding_bps
    assert earned(paying, 1) < earned(without, 1) < earned(receiving, 1)
    assert earned(paying, -1) > earned(without, -1) > earned(receiving, -1)


def test_with_the_expected_profit_off_every_level_holds_one_lot() -> None:
    desk = desk_of(Case(held=0.4, request_price=SCARCE))
    desk.params.ladder.expected_pnl = 0
    quote = desk.quote()
    assert quote.bids
    held = lots(desk, 1)
    assert held[held > 0.0] == pytest.approx(1.0, abs=0.01)
    assert QUOTED in reasons(desk, 1)


def test_four_times_the_volatility_doubles_sigma() -> None:
    """σ_30s/σ_300s of 4 with ν = ½, all else as it was; a ratio below 1 changes nothing."""
    params = volatility_params(regime_power=0.5)
    state = new_record(VOLATILITY)
    init_volatility(state, params)
    calm = sigma_effective(state, params)
    state.window_square[0] = 16.0 * state.window_square[1] / state.window_duration[1]
    state.window_square[0] *= state.window_duration[0]
    assert volatility_regime(state, params) == pytest.approx(4.0)
    assert sigma_effective(state, params) == pytest.approx(2.0 * calm)
    state.window_square[0] /= 64.0
    assert sigma_effective(state, params) == pytest.approx(calm)


@pytest.mark.parametrize("sensitivity", [0.0, 0.5])
def test_sellers_alone_part_the_two_kappas_of_the_quotes(sensitivity: float) -> None:
    """The side under pressure gets the lower κ, beside what the depths of its orders say."""
    session = Session(Config(flow=Flow(sensitivity=sensitivity)))
    session.warm(40.0)
    for _ in range(100):
        session.show(100.0)
        session.trade(-1, 99.93, 1.0)
        session.acknowledge(session.timer())
    x, estimators = session.state.inputs, session.state.estimators
    rules = session.maker.params.estimators
    measured = [fill_intensity(estimators, rules, side)[1] for side in (0, 1)]
    assert x.kappa_bid != x.kappa_ask
    assert (x.kappa_bid / measured[0] < x.kappa_ask / measured[1]) == (sensitivity > 0.0)
    assert x.flow_rate_bid > x.flow_rate_ask
