"""Rows to estimators, estimators to inputs: what the maker sees, and when each part looks.

Book messages only note the mid and look at the volume clock. Prints gather into aggressor orders;
a complete one is counted by intensity, flow and markout, with the mid *before* it. Everything else
(exposure, drift, markouts that mature) looks once per cycle.
"""

from __future__ import annotations

import numba as nb

from undertow.events import FUNDING, FUNDING_RATE, GAP
from undertow.instrument import notional, price_of, qty_of_notional
from undertow.kernel.aggressor import add_print, is_complete, order_depth_bps, take_order
from undertow.kernel.clock import clock_gap, clock_look, clock_trade
from undertow.kernel.drift import drift_gap, drift_look
from undertow.kernel.flow import flow_advance, flow_order, flow_rates
from undertow.kernel.funding import funding_predicted, funding_schedule, funding_settled
from undertow.kernel.intensity import (
    aggressor_lots,
    intensity_advance,
    intensity_order,
    intensity_side,
    intensity_touch,
)
from undertow.kernel.l2book import Book, has_both_sides, mid_price
from undertow.kernel.markout import (
    adverse_selection_bps,
    markout_look,
    markout_own,
    markout_public,
    markout_sigma_ref,
)
from undertow.kernel.mids import mid_before, push_mid
from undertow.kernel.volatility import (
    MEDIUM,
    SLOW,
    excess_kurtosis,
    sigma_clean,
    sigma_effective,
    sigma_total,
    volatility_gap,
    volatility_tick,
)
from undertow.records import Rec
from undertow.units import depth_bps, seconds_between


@nb.njit(cache=True)
def _tick_clock(state: Rec, params: Rec, exch_ns: int, now_ns: int, mid: float) -> None:
    """Let the volume clock look; a tick feeds the volatility, a gap dims it."""
    seen = clock_look(state.clock, params.clock, exch_ns, now_ns, mid)
    if seen > 0:
        clock = state.clock
        volatility_tick(state.volatility, params.volatility, clock.return_bps, clock.duration_s)
    elif seen < 0:
        volatility_gap(state.volatility, params.volatility)


@nb.njit(cache=True)
def see_book(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec) -> None:
    """A book message is complete: note the mid."""
    session = state.session
    if not has_both_sides(book):
        return
    session.fresh = 1
    if session.first_book_ns == 0:
        session.first_book_ns = row.recv_ns
    mid = mid_price(book, inst)
    push_mid(state.mids, row.exch_ns, mid)
    _tick_clock(state, params, row.exch_ns, row.recv_ns, mid)


@nb.njit(cache=True)
def _count_order(state: Rec, params: Rec, index: int) -> None:
    """An aggressor order is complete: count it where orders are counted."""
    order = state.aggressor
    now_ns = order.recv_ns[index]
    depth = order_depth_bps(order, index)
    intensity_order(state.intensity, params.intensity, index, depth, order.qty[index], now_ns)
    flow_order(state.flow, params.flow, index, now_ns)
    sigma = sigma_effective(state.volatility, params.volatility)
    markout_public(state.markout, index, depth, order.mid[index], state.drift.mu, sigma, now_ns)
    take_order(order, index)


@nb.njit(cache=True)
def count_complete_orders(state: Rec, params: Rec, exch_ns: int, now_ns: int) -> None:
    """Count the aggressor orders that an event at `exch_ns` (0: a timer) shows to be over."""
    for index in range(2):
        if is_complete(state.aggressor, params.aggressor, index, exch_ns, now_ns):
            _count_order(state, params, index)


@nb.njit(cache=True)
def see_trade(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec) -> None:
    """A print, before the book loses what it consumed."""
    count_complete_orders(state, params, row.exch_ns, row.recv_ns)
    if has_both_sides(book):
        mid = mid_price(book, inst)
        push_mid(state.mids, book.top.exch_ns, mid)
        _tick_clock(state, params, row.exch_ns, row.recv_ns, mid)
    before = mid_before(state.mids, row.exch_ns)
    add_print(state.aggressor, row.side, row.exch_ns, row.recv_ns, row.px, row.qty, before)
    clock_trade(state.clock, params.clock, row.exch_ns, row.recv_ns, notional(inst, row.px, row.qty))


@nb.njit(cache=True)
def see_fill(state: Rec, row: Rec) -> None:
    """An own fill: follow what the mid does after it."""
    mid = mid_before(state.mids, row.exch_ns)
    depth = depth_bps(row.px, mid, row.side)
    markout_own(state.markout, row.side, depth, mid, state.drift.mu, row.recv_ns)


@nb.njit(cache=True)
def see_context(state: Rec, params: Rec, inst: Rec, row: Rec) -> None:
    """Funding rates and settlements, and gaps in the feed."""
    if row.kind == FUNDING:
        funding_settled(state.funding, params.funding, inst, row.qty, row.exch_ns)
    elif row.kind == FUNDING_RATE:
        funding_predicted(state.funding, params.funding, row.qty, row.ref)
    elif row.kind == GAP:
        clock_gap(state.clock)
        volatility_gap(state.volatility, params.volatility)
        drift_gap(state.drift)
        state.session.fresh = 0


@nb.njit(cache=True)
def look(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int, mid: float) -> None:
    """Once per cycle, with a valid mid: exposure, matured markouts, the drift."""
    count_complete_orders(state, params, 0, now_ns)
    intensity_advance(state.intensity, params.intensity, now_ns)
    flow_advance(state.flow, params.flow, now_ns)
    session = state.session
    if session.look_ns > 0:
        half_bps = max(depth_bps(price_of(inst, book.top.best_bid), mid, 1), 0.0)
        intensity_touch(state.intensity, seconds_between(session.look_ns, now_ns), half_bps)
    session.look_ns = now_ns
    markout_look(state.markout, params.markout, now_ns, mid)
    drift_look(state.drift, params.drift, now_ns, mid, sigma_total(state.volatility, params.volatility, SLOW))


@nb.njit(cache=True)
def read_inputs(state: Rec, params: Rec, inst: Rec, now_ns: int, mid: float) -> None:
    """Fill the market part of `state.inputs`; adverse selection comes in `read_adverse_selection`."""
    x = state.inputs
    x.mid = mid
    x.lot_qty = qty_of_notional(inst, mid, params.risk.lot_usd)
    x.position_lots = state.desk.position / x.lot_qty
    x.sigma_clean = sigma_clean(state.volatility, params.volatility, MEDIUM)
    x.sigma_effective = sigma_effective(state.volatility, params.volatility)
    x.sigma_total = sigma_total(state.volatility, params.volatility, SLOW)
    x.rate_bid, x.kappa_bid = intensity_side(state.intensity, params.intensity, 0)
    x.rate_ask, x.kappa_ask = intensity_side(state.intensity, params.intensity, 1)
    x.flow_rate_bid, x.flow_rate_ask = flow_rates(state.flow, params.flow)
    x.aggressor_lots = aggressor_lots(state.intensity, params.intensity, x.lot_qty)
    x.drift, x.drift_variance = state.drift.mu, state.drift.variance
    x.drift_reversion = params.drift.theta
    x.flow_reversion = params.flow.decay_per_s
    x.settlements = funding_schedule(
        state.funding, params.funding, inst, now_ns, x.funding_bps, x.funding_in_s
    )
    x.resting_life_s = params.quoting.resting_life_s


@nb.njit(cache=True)
def read_adverse_selection(state: Rec, params: Rec, inst: Rec, touch_bps: float) -> None:
    """Fill the adverse-selection part of `state.inputs`, at the horizon of `state.risk`.

    The touch AS is read where our nearest quote stands when r is the mid and AS is nothing,
    max(half the market's spread, c₁ + fee): without AS in it, so that nothing is iterated.
    """
    x, risk, markout = state.inputs, state.risk, params.markout
    ratio = x.sigma_effective / markout_sigma_ref(state.markout)
    tail = excess_kurtosis(state.volatility, params.volatility)
    h = risk.horizon_s
    fee = inst.maker_fee_bps
    bid, ask = max(touch_bps, risk.c1_bid + fee), max(touch_bps, risk.c1_ask + fee)
    x.as_touch_bid = adverse_selection_bps(state.markout, markout, 1, bid, h, ratio, tail)
    x.as_touch_ask = adverse_selection_bps(state.markout, markout, -1, ask, h, ratio, tail)
    for i in range(x.as_nodes):
        depth = x.as_depth_bps[i]
        x.as_bid[i] = adverse_selection_bps(state.markout, markout, 1, depth, h, ratio, tail)
        x.as_ask[i] = adverse_selection_bps(state.markout, markout, -1, depth, h, ratio, tail)
