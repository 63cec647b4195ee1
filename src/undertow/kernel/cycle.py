"""The maker's entrances: a row comes in, requests may go out.

Timed quoting decides at every timer. Event-driven quoting also decides when the mid or the position
has moved since the last decision, but no more often than `min_interval_ns`; timers remain its
heartbeat. A decision looks at the market, fills the inputs, prices the ladder and reconciles it with
the working orders. docs/model.md names each rule.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import GAP, MAKER, OPEN
from undertow.instrument import position_value, price_of, qty_of_notional
from undertow.kernel.allowance import look_at_allowance, request_worth
from undertow.kernel.alphas import alpha_move_bps, alpha_shift_bps
from undertow.kernel.belief import believed_drift
from undertow.kernel.decision import decide
from undertow.kernel.desk import PENDING_CANCEL, find_working
from undertow.kernel.dispatch import DECIDE
from undertow.kernel.estimators import (
    fill_intensity,
    read_inputs,
    see_ack,
    see_book,
    see_cycle,
    see_fill,
    see_other,
    see_shape,
    see_trade,
)
from undertow.kernel.eta import price_horizon, shortest_half_life_s, update_gamma
from undertow.kernel.flow_horizons import FLOW_SLOW, kappa_multipliers
from undertow.kernel.l2book import Book, has_both_sides, mid_price
from undertow.kernel.ladder import CROSSED, NOBOOK, QUOTED, UNREACHABLE, WARMING, empty_side
from undertow.kernel.markout import adverse_selection_bps, volatility_ratio
from undertow.kernel.own_watch import watch_exposure, watch_fill, watch_orders
from undertow.kernel.queue_place import join_queue, look_at_queues, print_queues
from undertow.kernel.reaction import reaction_s
from undertow.kernel.reconcile import cancel_growing, reconcile
from undertow.kernel.scorecard import score_cycle, score_fill
from undertow.kernel.taking import take
from undertow.kernel.tally import tally_ladder
from undertow.kernel.volatility import excess_kurtosis, sigma_effective
from undertow.records import Rec
from undertow.units import depth_bps, offset_bps, price_at, seconds_between


@compiled
def book_fault(state: Rec, params: Rec, inst: Rec, book: Book) -> tuple[int, float]:
    """Why no price can be made of the book, and its number; `QUOTED` if one can."""
    now_ns = state.desk.now_ns
    if not has_both_sides(book) or not state.session.fresh:
        return NOBOOK, seconds_between(book.top.recv_ns, now_ns) if book.top.recv_ns > 0 else 0.0
    if now_ns - book.top.recv_ns > params.quoting.max_book_age_ns:
        return NOBOOK, seconds_between(book.top.recv_ns, now_ns)
    if book.top.best_bid > book.top.best_ask:
        return CROSSED, -offset_bps(price_of(inst, book.top.best_ask), price_of(inst, book.top.best_bid))
    return QUOTED, 0.0


@compiled
def _why_blocked(state: Rec, params: Rec, now_ns: int) -> tuple[int, float]:
    """Why only the reducing side may quote, and the number that goes with it."""
    ready_ns = state.session.first_book_ns + params.quoting.warmup_ns
    if now_ns < ready_ns:
        return WARMING, seconds_between(now_ns, ready_ns)
    if state.risk.gamma_base == 0.0:
        kappa = (state.inputs.kappa_bid + state.inputs.kappa_ask) * 0.5
        return UNREACHABLE, shortest_half_life_s(state.risk.fill_slope, kappa)
    return QUOTED, 0.0


@compiled
def _read_market(state: Rec, params: Rec, inst: Rec, now_ns: int, mid: float) -> None:
    """Fill `state.inputs`, all but adverse selection."""
    x = state.inputs
    x.mid = mid
    x.lot_qty = qty_of_notional(inst, mid, params.risk.lot_usd)
    x.position_lots = state.desk.position / x.lot_qty
    x.flow_reversion = params.estimators.flow.decay_per_s
    look_at_allowance(state.allowance, params.allowance, state.desk)
    x.resting_life_s = state.allowance.life_s
    x.scarcity = state.allowance.scarcity
    read_inputs(state.estimators, params.estimators, inst, now_ns, x.lot_qty, x)
    lean = params.lean
    if not lean.use_drift:
        x.drift = 0.0
    if not lean.use_carry:
        x.settlements = 0
    if not params.risk.thin_book:
        x.thin_book = 1.0
    flows, rules = state.estimators.signals.flows, params.estimators.signals.flows
    on_bid, on_ask = kappa_multipliers(flows, rules, FLOW_SLOW, lean.flow_sensitivity)
    x.kappa_bid *= on_bid
    x.kappa_ask *= on_ask


@compiled
def read_adverse_selection(state: Rec, params: Rec, inst: Rec, touch_bps: float, horizon_s: float) -> None:
    """Fill the adverse-selection part of `state.inputs`, at `horizon_s`.

    The touch AS is read where our nearest quote stands when r is the mid and AS is nothing,
    max(half the market's spread, c₁ + fee): without AS in it, so that nothing is iterated.
    """
    x, risk = state.inputs, state.risk
    markout, rules = state.estimators.markout, params.estimators.markout
    ratio = volatility_ratio(markout, x.sigma_effective)
    tail = excess_kurtosis(state.estimators.volatility, params.estimators.volatility)
    total = x.flow_rate_bid + x.flow_rate_ask
    ratio *= 1.0 + params.lean.informed_weight * abs(x.flow_rate_bid - x.flow_rate_ask) / total
    h, fee = horizon_s, inst.maker_fee_bps
    bid, ask = max(touch_bps, risk.c1_bid + fee), max(touch_bps, risk.c1_ask + fee)
    x.as_touch_bid = adverse_selection_bps(markout, rules, 1, bid, h, ratio, tail)
    x.as_touch_ask = adverse_selection_bps(markout, rules, -1, ask, h, ratio, tail)
    for i in range(x.as_nodes):
        depth = x.as_depth_bps[i]
        x.as_bid[i] = adverse_selection_bps(markout, rules, 1, depth, h, ratio, tail)
        x.as_ask[i] = adverse_selection_bps(markout, rules, -1, depth, h, ratio, tail)


@compiled
def price_inputs(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> None:
    """The order that leaves nothing to iterate: horizon with fees only, then AS at that horizon.

    In the very first decision γ_base is not known yet: it is solved from the AS of a first reading.
    """
    touch_bps = max(depth_bps(price_of(inst, book.top.best_bid), state.inputs.mid, 1), 0.0)
    fee = inst.maker_fee_bps
    if state.risk.gamma_base == 0.0:
        price_horizon(state.risk, state.inputs, fee)
        read_adverse_selection(state, params, inst, touch_bps, state.risk.horizon_s)
        update_gamma(state.risk, params.risk, state.inputs, fee, now_ns)
    price_horizon(state.risk, state.inputs, fee)
    read_adverse_selection(state, params, inst, touch_bps, state.risk.horizon_s)
    alphas, rules = state.estimators.belief.alphas, params.estimators.belief.alphas
    state.inputs.alpha_bps = alpha_shift_bps(alphas, rules, 1.0 / state.risk.horizon_s)
    state.inputs.alpha_soon_bps = alpha_move_bps(alphas, rules, reaction_s(state.estimators.reaction))


@compiled(trunk=True)
def act_on_inputs(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    blocked: int,
    blocked_value: float,
    actions: NDArray[np.void],
    n: int,
) -> int:
    """From filled `state.inputs` and a priced horizon to requests."""
    x = state.inputs
    decide(
        state.ladder,
        state.reservation,
        state.risk,
        params.risk,
        params.ladder,
        x,
        inst,
        book,
        blocked,
        blocked_value,
    )
    limit_qty = params.risk.q_max_lots * x.lot_qty
    price = request_worth(params.ladder.request_price, x.scarcity)
    eta, desk = state.risk.eta, state.desk
    look_at_queues(desk, book, inst, x.mid, params.ladder.queue_aware)
    if params.risk.taking and blocked == QUOTED:
        r = state.reservation
        foreseen = r.drift_bps + r.alpha_bps
        n = take(
            desk,
            state.ladder,
            book,
            inst,
            x,
            eta,
            r.offset_bps,
            foreseen,
            limit_qty,
            price,
            actions,
            n,
        )
    return reconcile(
        state.requests, params.reconcile, inst, desk, state.ladder, x, eta, price, limit_qty, actions, n
    )


@compiled
def _moved(state: Rec, params: Rec, inst: Rec, book: Book) -> bool:
    """Event-driven: whether mid or position call for a decision, and enough time has passed."""
    quoting, session = params.quoting, state.session
    if not quoting.event_driven or session.decided_ns == 0:
        return False
    if state.desk.now_ns - session.decided_ns < quoting.min_interval_ns or not has_both_sides(book):
        return False
    gained = abs(state.desk.position - session.decided_position)
    if session.decided_mid == 0.0 or gained > 0.5 * inst.size_step:
        return True
    return not abs(offset_bps(mid_price(book, inst), session.decided_mid)) < quoting.move_bps


@compiled
def on_book(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """The last row of a book message."""
    if not has_both_sides(book):
        return 0
    session = state.session
    session.fresh = 1
    if session.first_book_ns == 0:
        session.first_book_ns = row.recv_ns
    mid = mid_price(book, inst)
    half_bps = depth_bps(price_of(inst, book.top.best_bid), mid, 1)
    see_book(state.estimators, params.estimators, row.exch_ns, row.recv_ns, mid, half_bps)
    if _moved(state, params, inst, book):
        return DECIDE
    return 0


@compiled
def on_trade(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """A print, before the book loses what it consumed."""
    top = book.top
    mid = mid_price(book, inst)
    print_queues(state.desk, inst, row.side, row.px, row.qty)
    see_trade(state.estimators, params.estimators, inst, row, mid, top.exch_ns, top.best_bid, top.best_ask)
    return 0


@compiled
def on_fill(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """An own fill, already on the desk."""
    see_fill(state.estimators, params.estimators, row)
    score_fill(state.score, row)
    if row.code == MAKER:
        watch_fill(state.estimators.own_watch, state.estimators.own_intensity, row.ref, row.side)
    if _moved(state, params, inst, book):
        return DECIDE
    return 0


@compiled
def on_ack(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """An answer of the venue, already on the desk: what waited for it may go now, event-driven."""
    if row.code == OPEN:
        slot = find_working(state.desk, row.ref)
        if slot >= 0:
            join_queue(state.desk, book, slot)
            see_ack(state.estimators, params.estimators, row, state.desk.working[slot].sent_ns)
    quoting = params.quoting
    waited = state.requests.deferred > 0 and quoting.event_driven
    if waited and state.desk.now_ns - state.session.decided_ns >= quoting.min_interval_ns:
        return DECIDE
    return 0


@compiled
def on_funding(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Funding, mark, oracle, open interest, reference prices, gaps."""
    see_other(state.estimators, params.estimators, inst, row)
    if row.kind == GAP:
        state.session.fresh = 0
    return 0


@compiled
def begin_decision(state: Rec, params: Rec, inst: Rec, book: Book) -> tuple[int, float]:
    """Count a decision; why none can be made, and its number, or `QUOTED`."""
    session, desk = state.session, state.desk
    session.cycles += 1
    session.decided_ns, session.decided_position = desk.now_ns, desk.position
    return book_fault(state, params, inst, book)


@compiled
def look(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> float:
    """Let the estimators see the moment, then fill `state.inputs` with what they believe; returns the mid."""
    mid = mid_price(book, inst)
    state.session.decided_mid = mid
    beliefs, rules = state.estimators, params.estimators
    see_shape(beliefs, rules, inst, book, now_ns)
    lot_qty = qty_of_notional(inst, mid, params.risk.lot_usd)
    see_cycle(beliefs, rules, inst, now_ns, mid, lot_qty)
    score_cycle(state.score, params.score, state.desk, inst, now_ns, mid)
    watch_exposure(beliefs.own_watch, beliefs.own_intensity, rules.own_intensity, state.desk, now_ns)
    _read_market(state, params, inst, now_ns, mid)
    price_inputs(state, params, inst, book, now_ns)
    return mid


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """The clock, or an entrance that calls for it: decide. Look, price, reconcile."""
    now_ns = state.desk.now_ns
    fault, number = begin_decision(state, params, inst, book)
    if fault != QUOTED:
        empty_side(state.ladder.bid, params.ladder.levels, fault, number)
        empty_side(state.ladder.ask, params.ladder.levels, fault, number)
        tally_ladder(state.tally, state.ladder)
        return cancel_growing(state.requests, state.desk, 0.5 * inst.size_step, actions, 0)
    mid = look(state, params, inst, book, now_ns)
    blocked, left = _why_blocked(state, params, now_ns)
    n = act_on_inputs(state, params, inst, book, blocked, left, actions, 0)
    queues = params.ladder.queue_aware
    watch_orders(state.estimators.own_watch, state.desk, state.ladder, book, inst, mid, queues, now_ns)
    tally_ladder(state.tally, state.ladder)
    update_gamma(state.risk, params.risk, state.inputs, inst.maker_fee_bps, now_ns)
    if blocked == WARMING:
        state.risk.gamma_seen_s = 0.0  # what is averaged begins when the estimators have begun
    return n


@compiled
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Fill a `maker.OBSERVATION`: what a chart shows of the maker now."""
    desk = state.desk
    mid = mid_price(book, inst)
    out.time_ns = desk.now_ns
    out.mid = mid
    out.position = desk.position
    priced = state.session.cycles > 0 and state.inputs.mid > 0.0
    out.reservation_px = price_at(mid, state.reservation.offset_bps) if priced else np.nan
    beliefs, rules = state.estimators, params.estimators
    drift, variance = believed_drift(beliefs.belief, rules.belief)
    out.drift_bps_per_s = drift
    out.drift_sd_bps_per_s = np.sqrt(variance)
    out.sigma_bps_per_sqrt_s = sigma_effective(beliefs.volatility, rules.volatility)
    out.kappa_bid_per_bp = fill_intensity(beliefs, rules, 0)[1]
    out.kappa_ask_per_bp = fill_intensity(beliefs, rules, 1)[1]
    out.best_bid_px, out.best_ask_px = np.nan, np.nan
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.status >= PENDING_CANCEL:
            continue
        px = price_of(inst, order.tick)
        if order.side > 0 and not px <= out.best_bid_px:
            out.best_bid_px = px
        elif order.side < 0 and not px >= out.best_ask_px:
            out.best_ask_px = px
    worth = position_value(inst, mid, desk.position) if desk.position != 0.0 else 0.0
    out.equity = desk.cash - desk.fees + desk.funding + worth
