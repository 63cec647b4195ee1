"""All that is believed of the market, in one record: which estimator sees which event, in what order.

`cycle` (or any other maker) calls one verb per kind of row and reads an `INPUTS` record per quote
cycle. Order inside a verb is law: first what the market was before the event (mid, clock, orders
that are complete), then the event itself, so nothing sees its own future.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from undertow.compiled import compiled
from undertow.events import FUNDING, FUNDING_RATE, GAP
from undertow.instrument import notional
from undertow.kernel.aggressor import (
    AGGRESSOR,
    AGGRESSOR_PARAMS,
    add_print,
    aggressor_params,
    is_complete,
    maker_side,
    order_depth_bps,
    take_order,
)
from undertow.kernel.alpha_past import ALPHA_PAST, alpha_at, push_alpha
from undertow.kernel.alphas import alpha_move_bps, alpha_shift_bps
from undertow.kernel.belief import (
    BELIEF,
    BELIEF_PARAMS,
    belief_cycle,
    belief_fill,
    belief_gap,
    belief_params,
    believed_drift,
    init_belief,
)
from undertow.kernel.book_shape import book_shape_look, thin_book_factor
from undertow.kernel.clock import (
    CLOCK,
    CLOCK_PARAMS,
    clock_gap,
    clock_look,
    clock_params,
    clock_trade,
    init_clock,
)
from undertow.kernel.crossing import CROSSING, crossing_look, crossing_order, take_crossing
from undertow.kernel.flow import FLOW, FLOW_PARAMS, flow_advance, flow_order, flow_params, flow_rates
from undertow.kernel.funding import (
    FUNDING_PARAMS,
    FUNDING_STATE,
    funding_params,
    funding_predicted,
    funding_schedule,
    funding_settled,
)
from undertow.kernel.funding_view import funding_feature
from undertow.kernel.intensity import (
    INTENSITY,
    INTENSITY_PARAMS,
    aggressor_lots,
    init_intensity,
    intensity_advance,
    intensity_order,
    intensity_params,
    intensity_side,
    intensity_touch,
)
from undertow.kernel.l2book import Book
from undertow.kernel.markout import (
    MARKOUT,
    MARKOUT_PARAMS,
    init_markout,
    markout_look,
    markout_own,
    markout_params,
    markout_public,
    tail_factor,
)
from undertow.kernel.mids import MIDS, last_mid, mid_before, push_mid
from undertow.kernel.own_intensity import (
    OWN_INTENSITY,
    OWN_INTENSITY_PARAMS,
    init_own_intensity,
    own_advance,
    own_intensity_params,
    own_refresh,
    own_refresh_depths,
)
from undertow.kernel.own_watch import OWN_WATCH
from undertow.kernel.reaction import (
    FEED,
    ORDER,
    REACTION,
    REACTION_PARAMS,
    ROUND_TRIP,
    init_reaction,
    reaction_cycle,
    reaction_params,
    reaction_s,
    reaction_seen,
)
from undertow.kernel.signals import (
    SIGNAL_PARAMS,
    SIGNALS,
    init_signals,
    signal_params,
    signals_cycle,
    signals_gap,
    signals_look,
    signals_order,
    signals_other,
    signals_print,
    signals_tick,
)
from undertow.kernel.volatility import (
    MEDIUM,
    VOLATILITY,
    VOLATILITY_PARAMS,
    excess_kurtosis,
    init_volatility,
    sigma_clean,
    sigma_effective,
    sigma_total,
    volatility_gap,
    volatility_params,
    volatility_tick,
)
from undertow.records import Rec, new_record
from undertow.units import depth_bps, price_at, seconds_between

OWN_REFRESH_NS: Final = 10_000_000_000

ESTIMATORS: Final = np.dtype(
    [
        ("mids", MIDS),
        ("reaction", REACTION),
        ("alpha_past", ALPHA_PAST),
        ("aggressor", AGGRESSOR),
        ("crossing", CROSSING),
        ("clock", CLOCK),
        ("volatility", VOLATILITY),
        ("intensity", INTENSITY),
        ("own_intensity", OWN_INTENSITY),
        ("own_watch", OWN_WATCH),
        ("own_refreshed_ns", "<i8"),
        ("flow", FLOW),
        ("markout", MARKOUT),
        ("funding", FUNDING_STATE),
        ("signals", SIGNALS),
        ("belief", BELIEF),
        ("look_ns", "<i8"),
    ],
    align=True,
)

ESTIMATOR_PARAMS: Final = np.dtype(
    [
        ("reaction", REACTION_PARAMS),
        ("aggressor", AGGRESSOR_PARAMS),
        ("clock", CLOCK_PARAMS),
        ("volatility", VOLATILITY_PARAMS),
        ("intensity", INTENSITY_PARAMS),
        ("own_intensity", OWN_INTENSITY_PARAMS),
        ("flow", FLOW_PARAMS),
        ("markout", MARKOUT_PARAMS),
        ("funding", FUNDING_PARAMS),
        ("signals", SIGNAL_PARAMS),
        ("belief", BELIEF_PARAMS),
    ],
    align=True,
)

_FACTORIES: Final[dict[str, Any]] = {
    "reaction": reaction_params,
    "aggressor": aggressor_params,
    "clock": clock_params,
    "volatility": volatility_params,
    "intensity": intensity_params,
    "own_intensity": own_intensity_params,
    "flow": flow_params,
    "markout": markout_params,
    "funding": funding_params,
    "signals": signal_params,
    "belief": belief_params,
}


def estimator_params(**records: Rec) -> Rec:
    """Parameters of all estimators; `records` replaces the defaults by name (``flow=flow_params(…)``)."""
    unknown = sorted(set(records) - set(_FACTORIES))
    if unknown:
        raise ValueError(f"no estimator named {', '.join(unknown)}; known: {', '.join(_FACTORIES)}")
    rec = new_record(ESTIMATOR_PARAMS)
    for name, factory in _FACTORIES.items():
        rec[name] = records[name] if name in records else factory()
    return rec


def init_estimators(state: Rec, params: Rec) -> None:
    """Start every estimator."""
    init_reaction(state["reaction"], params["reaction"])
    init_clock(state["clock"], params["clock"])
    init_volatility(state["volatility"], params["volatility"])
    init_intensity(state["intensity"], params["intensity"])
    init_own_intensity(state["own_intensity"], params["own_intensity"])
    init_markout(state["markout"], params["markout"])
    init_signals(state["signals"], params["signals"])
    init_belief(state["belief"], params["belief"])


@compiled
def priced_alpha(state: Rec, exch_ns: int) -> tuple[float, float]:
    """The move (bps) that alphas expected when the orders were priced which `exch_ns` met, a reaction time
    before: (until then, from then on)."""
    feed_ns = int(1e9 * state.reaction.delay_s[FEED] / state.reaction.weight[FEED])
    total, soon = alpha_at(state.alpha_past, exch_ns - state.reaction.lag_ns + feed_ns)
    return soon, total - soon


@compiled
def foreseen_mid(state: Rec, exch_ns: int) -> float:
    """Where the mid of `exch_ns` was foreseen by a maker who could still act: `actionable_mid` moved by what
    the alphas then expected within the reaction time."""
    return price_at(actionable_mid(state, exch_ns), priced_alpha(state, exch_ns)[0])


@compiled
def _deliver_orders(state: Rec, params: Rec, exch_ns: int, now_ns: int) -> None:
    """Hand the aggressor orders that are complete to those who count them."""
    for index in range(2):
        if not is_complete(state.aggressor, params.aggressor, index, exch_ns, now_ns):
            continue
        order = state.aggressor
        depth, mid = order_depth_bps(order, index), order.mid[index]
        intensity_order(state.intensity, params.intensity, index, depth, order.qty[index], now_ns)
        flow_order(state.flow, params.flow, index, now_ns)
        levels, px = order.levels[index], order.deepest_px[index]
        signals_order(state.signals, params.signals, index, order.qty[index], levels, px, now_ns)
        sigma = sigma_effective(state.volatility, params.volatility)
        _, alpha = priced_alpha(state, order.exch_ns[index])
        tail = tail_factor(params.markout, excess_kurtosis(state.volatility, params.volatility))
        markout_public(state.markout, index, depth, mid, state.belief.drift.mu, alpha, sigma, tail, now_ns)
        crossing_order(state.crossing, index, depth, order.exch_ns[index], state.reaction.lag_ns)
        take_order(order, index)


@compiled
def _watch_touch(
    state: Rec, params: Rec, exch_ns: int, now_ns: int, mid: float, half_spread_bps: float
) -> None:
    """Count what the quotes ran over since the maker could last act (`kernel.crossing`)."""
    if not (0.0 < mid < np.inf and half_spread_bps >= 0.0 and state.reaction.lag_ns > 0):
        return
    before = foreseen_mid(state, exch_ns)
    for index in range(2):
        # the opposite touch, seen from a maker on this side of the mid it foresaw
        moved = maker_side(index) * 1e4 * (1.0 - mid / before)
        reach = moved - half_spread_bps
        crossing_look(state.crossing, index, reach, before, exch_ns, now_ns, state.reaction.lag_ns)
        if not state.crossing.ended[index]:
            continue
        x = state.crossing
        intensity_order(state.intensity, params.intensity, index, x.deepest_bps[index], 0.0, now_ns)
        sigma = sigma_effective(state.volatility, params.volatility)
        tail = tail_factor(params.markout, excess_kurtosis(state.volatility, params.volatility))
        _, alpha = priced_alpha(state, x.time_ns[index])
        markout_public(
            state.markout,
            index,
            x.deepest_bps[index],
            x.mid[index],
            state.belief.drift.mu,
            alpha,
            sigma,
            tail,
            now_ns,
        )
        take_crossing(x, index)


@compiled
def _look(state: Rec, params: Rec, exch_ns: int, now_ns: int, mid: float) -> None:
    """A market message: see the market as it stands, then deliver complete orders."""
    tick = clock_look(state.clock, params.clock, exch_ns, now_ns, mid)
    if tick > 0:
        volatility_tick(state.volatility, params.volatility, state.clock.return_bps, state.clock.duration_s)
        signals_tick(state.signals, params.signals, state.clock.return_bps, state.clock.duration_s)
    elif tick < 0:
        volatility_gap(state.volatility, params.volatility)
    _deliver_orders(state, params, exch_ns, now_ns)


@compiled
def see_book(state: Rec, params: Rec, exch_ns: int, now_ns: int, mid: float, half_spread_bps: float) -> None:
    """The book has changed: `mid` and half-spread as they are now (NaN while a side is empty)."""
    push_mid(state.mids, exch_ns, mid)
    if 0.0 < mid < np.inf:
        reaction_seen(state.reaction, params.reaction, FEED, exch_ns, now_ns)
        signals_look(state.signals, params.signals, now_ns, mid)
    elapsed_s = seconds_between(state.look_ns, now_ns)
    if elapsed_s > 0.0:
        intensity_touch(state.intensity, min(elapsed_s, 60.0), half_spread_bps)
        state.look_ns = now_ns
    _look(state, params, exch_ns, now_ns, mid)
    _watch_touch(state, params, exch_ns, now_ns, mid, half_spread_bps)
    markout_look(state.markout, params.markout, now_ns, mid, state.belief.drift.mu)


@compiled
def actionable_mid(state: Rec, exch_ns: int) -> float:
    """The mid that a maker could have priced its orders against which `exch_ns` met (`reaction`).

    The newest there is before one that old has been seen; NaN before the first.
    """
    mid = mid_before(state.mids, exch_ns - state.reaction.lag_ns)
    return last_mid(state.mids) if np.isnan(mid) else mid


@compiled
def see_ack(state: Rec, params: Rec, row: Rec, sent_ns: int) -> None:
    """The venue opened an order that was sent at `sent_ns`: learn how long it and its answer took."""
    reaction_seen(state.reaction, params.reaction, ORDER, sent_ns, row.exch_ns)
    reaction_seen(state.reaction, params.reaction, ROUND_TRIP, sent_ns, row.recv_ns)


@compiled
def see_trade(
    state: Rec, params: Rec, inst: Rec, row: Rec, mid: float, mid_exch_ns: int, best_bid: int, best_ask: int
) -> None:
    """A print; `mid` and touch (ticks) of the book before it has consumed anything, since `mid_exch_ns`."""
    push_mid(state.mids, mid_exch_ns, mid)
    _look(state, params, row.exch_ns, row.recv_ns, mid)
    clock_trade(state.clock, params.clock, row.exch_ns, row.recv_ns, notional(inst, row.px, row.qty))
    signals_print(state.signals, params.signals, inst, row, best_bid, best_ask)
    before = foreseen_mid(state, row.exch_ns)
    add_print(state.aggressor, row.side, row.exch_ns, row.recv_ns, row.px, row.qty, before)


@compiled
def see_fill(state: Rec, params: Rec, row: Rec) -> None:
    """An own FILL row: follow what the mid does after it. A price not positive and finite: no update."""
    if not 0.0 < row.px < np.inf:
        return
    mid = foreseen_mid(state, row.exch_ns)
    depth = depth_bps(row.px, mid, row.side)
    _, alpha = priced_alpha(state, row.exch_ns)
    markout_own(state.markout, row.side, depth, mid, state.belief.drift.mu, alpha, row.recv_ns)
    depth = depth_bps(row.px, actionable_mid(state, row.exch_ns), row.side)
    belief_fill(state.belief, params.belief, row.side, depth, row.recv_ns)


@compiled
def see_other(state: Rec, params: Rec, inst: Rec, row: Rec) -> None:
    """Funding, other prices and gaps."""
    signals_other(state.signals, params.signals, inst, row)
    if row.kind == FUNDING_RATE:
        funding_predicted(state.funding, params.funding, row.qty, row.ref)
    elif row.kind == FUNDING:
        funding_settled(state.funding, params.funding, inst, row.qty, row.exch_ns)
    elif row.kind == GAP:
        clock_gap(state.clock)
        volatility_gap(state.volatility, params.volatility)
        belief_gap(state.belief)
        signals_gap(state.signals, params.signals, row.val)


@compiled(trunk=True)
def see_shape(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> None:
    """The whole book, once per quote cycle, before `see_cycle`."""
    book_shape_look(state.signals.book_shape, params.signals.book_shape, inst, book, now_ns)


@compiled
def fill_intensity(state: Rec, params: Rec, index: int) -> tuple[float, float]:
    """(A in 1/s, κ in 1/bp) of side `index`: the market's fit until own fills and exposure have spoken."""
    rate, kappa = intensity_side(state.intensity, params.intensity, index)
    own = state.own_intensity
    if not params.own_intensity.used or np.isnan(own.kappa[index]):
        return rate, kappa
    return own.rate[index] * math.exp(own.kappa[index] * params.own_intensity.pivot_bps), own.kappa[index]


@compiled
def _own_refresh(state: Rec, params: Rec, now_ns: int) -> None:
    """The posterior of own fills, every few seconds, with the market's fit as prior."""
    if now_ns - state.own_refreshed_ns < OWN_REFRESH_NS:
        return
    state.own_refreshed_ns = now_ns
    own, rules = state.own_intensity, params.own_intensity
    own_advance(own, rules, now_ns)
    for index in range(2):
        rate, kappa = intensity_side(state.intensity, params.intensity, index)
        own_refresh(own, rules, index, kappa, rate * math.exp(-kappa * rules.pivot_bps))
    bid, ask = fill_intensity(state, params, 0), fill_intensity(state, params, 1)
    own_refresh_depths(own, rules, (bid[0], ask[0]), (bid[1], ask[1]))


@compiled
def see_cycle(state: Rec, params: Rec, inst: Rec, now_ns: int, mid: float, lot_qty: float) -> None:
    """Once per quote cycle, before reading: let time pass, then let the features and the belief follow."""
    reaction_cycle(state.reaction, params.reaction, now_ns)
    _deliver_orders(state, params, 0, now_ns)
    intensity_advance(state.intensity, params.intensity, now_ns)
    flow_advance(state.flow, params.flow, now_ns)
    _own_refresh(state, params, now_ns)
    sigma = sigma_total(state.volatility, params.volatility, MEDIUM)
    kappa = 0.0
    for index in range(2):
        kappa += 0.5 * intensity_side(state.intensity, params.intensity, index)[1]
    funding = funding_feature(state.funding, params.funding, inst, now_ns)
    signals_cycle(state.signals, params.signals, now_ns, mid, sigma, kappa, lot_qty, funding)
    belief = state.belief
    belief_cycle(belief, params.belief, now_ns, mid, sigma, state.signals.features.value)
    alphas, rules = belief.alphas, params.belief.alphas
    soon = alpha_move_bps(alphas, rules, reaction_s(state.reaction))
    push_alpha(state.alpha_past, now_ns, alpha_shift_bps(alphas, rules, 0.0), soon)
    markout_look(state.markout, params.markout, now_ns, mid, belief.drift.mu)


@compiled
def read_inputs(state: Rec, params: Rec, inst: Rec, now_ns: int, lot_qty: float, inputs: Rec) -> None:
    """Write what the estimators know into an `INPUTS` record.

    Left to the caller: mid, position_lots, lot_qty, as_touch_bid/ask (their horizon follows from
    the decision), resting_life_s and scarcity.
    """
    volatility, intensity = state.volatility, state.intensity
    inputs.sigma_clean = sigma_clean(volatility, params.volatility, MEDIUM)
    inputs.sigma_total = sigma_total(volatility, params.volatility, MEDIUM)
    inputs.sigma_effective = sigma_effective(volatility, params.volatility)
    inputs.rate_bid, inputs.kappa_bid = fill_intensity(state, params, 0)
    inputs.rate_ask, inputs.kappa_ask = fill_intensity(state, params, 1)
    if params.own_intensity.used:
        inputs.fill_excess[:] = state.own_intensity.excess
    else:
        inputs.fill_excess[:] = 0.0
    inputs.flow_rate_bid, inputs.flow_rate_ask = flow_rates(state.flow, params.flow)
    inputs.aggressor_lots = aggressor_lots(intensity, params.intensity, lot_qty)
    inputs.drift, inputs.drift_variance = believed_drift(state.belief, params.belief)
    inputs.drift_reversion = state.belief.live.theta
    inputs.thin_book = thin_book_factor(state.signals.book_shape)
    inputs.settlements = funding_schedule(
        state.funding, params.funding, inst, now_ns, inputs.funding_bps, inputs.funding_in_s
    )
