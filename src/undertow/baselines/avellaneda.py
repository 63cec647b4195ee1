"""Avellaneda-Stoikov as Hummingbot ships it.

Follows its strategy ``avellaneda_market_making`` as the repository has had it since April 2022, when
its intensity indicator began to read trades (pull request 5237). Once a second ("tick") the mid enters
a ring, and every print is measured from the mid of the tick before it. When both rings are full and
the refresh time is over, α, κ and σ are measured, quotes made (`avellaneda_math.quotes`), and all orders
canceled and sent anew, unless every price is within the tolerance. After an order has filled whole,
nothing is sent for ``filled_delay_s``. Orders are canceled at ``max_order_age_s`` in any case.

What differs, and why:

- The paper's σ² is σ there; `squared` brings it back.
- A perpetual account has no base asset to hold half of. Target position 0; q is the position's value
  over an account of `account_multiple` position limits, so that by default q = ±0.5 at the limit, as a
  spot account with the shipped target of 50 % has it. The budget constraint is the position limit. The
  account's worth does not follow its PnL.
- The fit is solved in one dimension instead of by scipy's dogbox from the last result; prints enter it
  in order of receipt; the oldest of more than `MAX_TRADES` prints in the window are dropped.
- Bids round down and asks up; quotes that would cross stay one step off the other side's touch (there
  the venue refuses them, and the side stays empty until the next refresh).
- "Order optimization" (`jump`) looks at the touch; ours is not part of a recorded book.
- A fixed timespan is the part of ``horizon_s`` left, over and over, counted from the epoch: a day with
  86 400. 0 is the infinite one. Hanging orders, order override and status reports are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.baselines.avellaneda_math import fit_exponential, instant_volatility, merge_levels, quotes
from undertow.baselines.avellaneda_records import MAX_TRADES, PARAMS, STATE, AvellanedaSettings
from undertow.baselines.common import ignore, observe_desk
from undertow.compiled import compiled
from undertow.instrument import (
    Instrument,
    notional,
    price_of,
    qty_of_notional,
    round_price,
    round_size,
    step_ticks,
    tick_near,
)
from undertow.kernel.desk import (
    PENDING_CANCEL,
    POST_ONLY,
    find_working,
    put_cancel,
    put_new,
)
from undertow.kernel.l2book import Book, has_both_sides
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.units import s_to_ns


@compiled
def on_trade(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Measure the print from the last tick's mid."""
    if state.n_mids == 0 or not (row.qty > 0.0 and row.px > 0.0):
        return 0
    if not state.sampling:
        state.sampling = 1
        state.first_trade[state.n_samples % params.intensity_ticks] = state.n_trades
        state.n_samples += 1
    at = state.n_trades % MAX_TRADES
    state.trade_level[at] = abs(2 * tick_near(inst, row.px) - state.mid2)
    state.trade_qty[at] = row.qty
    state.n_trades += 1
    return 0


@compiled
def on_fill(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """After an order has filled whole, wait before anything new is sent."""
    if find_working(state.desk, row.ref) < 0:
        state.create_ns = row.recv_ns + params.filled_delay_ns
        state.cancel_ns = min(state.cancel_ns, state.create_ns)
    return 0


@compiled
def measure_intensity(state: Rec, params: Rec, inst: Rec) -> None:
    """α and κ of the prints of the last `intensity_ticks` ticks that saw one; kept where a fit fails."""
    first = state.first_trade[state.n_samples % params.intensity_ticks]
    first = max(first, state.n_trades - MAX_TRADES)
    n = state.n_trades - first
    levels, amounts = np.empty(n, np.int64), np.empty(n)
    for i in range(n):
        at = (first + i) % MAX_TRADES
        levels[i] = state.trade_level[at]
        amounts[i] = state.trade_qty[at]
    x, y = np.empty(n, np.int64), np.empty(n)
    alpha, kappa = fit_exponential(x, y, merge_levels(levels, amounts, x, y), 0.5 * price_of(inst, 1))
    if np.isfinite(alpha) and np.isfinite(kappa):
        state.alpha, state.kappa = alpha, kappa


@compiled
def share_left(params: Rec, now_ns: int) -> float:
    """Part of the horizon left; 1 for the infinite one."""
    if params.horizon_ns == 0:
        return 1.0
    return 1.0 - float(now_ns % params.horizon_ns) / params.horizon_ns


@compiled
def account_share(state: Rec, params: Rec, inst: Rec, mid: float) -> float:
    """q: signed value of the position over the account."""
    account = params.account_multiple * params.max_position_usd
    if account <= 0.0:
        return 0.0
    value = notional(inst, mid, abs(state.desk.position))
    return value / account if state.desk.position > 0.0 else -value / account


@compiled
def want_side(state: Rec, params: Rec, inst: Rec, book: Book, side: int, mid: float, q: float) -> None:
    """Ticks and sizes wanted on `side`, near to far."""
    k = 0 if side > 0 else 1
    best = state.bid if side > 0 else state.ask
    fee = inst.maker_fee_bps * 1e-4 if params.add_fees else 0.0
    own = book.top.best_bid if side > 0 else book.top.best_ask
    other = book.top.best_ask if side > 0 else book.top.best_bid
    inside = own + side * step_ticks(inst, own)
    last = other - side * step_ticks(inst, other)
    size = qty_of_notional(inst, mid, params.order_usd)
    if side * q > 0.0:
        size *= np.exp(-params.shape_factor * side * q)
    room = qty_of_notional(inst, mid, params.max_position_usd) - side * state.desk.position
    n = 0
    for level in range(params.levels):
        px = best - side * level * params.level_distance * 0.5 * state.spread
        if not px > 0.0:
            continue
        tick = round_price(inst, px, side)
        if params.jump and (tick - inside) * side > 0:
            tick = inside
        if fee != 0.0:
            tick = round_price(inst, price_of(inst, tick) * (1.0 - side * fee), side)
        if (tick - last) * side > 0:
            tick = last
        qty = round_size(inst, min(size, max(room, 0.0)))
        room -= qty
        if tick > 0 and qty > 0.0 and notional(inst, price_of(inst, tick), qty) >= inst.min_notional:
            state.wanted_tick[k, n] = tick
            state.wanted_qty[k, n] = qty
            n += 1
    state.n_wanted[k] = n


@compiled
def propose(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> bool:
    """Measure and make the wanted orders; returns whether there are quotes to act on."""
    measure_intensity(state, params, inst)
    newest = (state.n_mids - 1) % params.volatility_ticks
    state.sigma = instant_volatility(state.mids[: params.volatility_ticks], newest)
    mid = 0.5 * state.mid2 * price_of(inst, 1)
    q = account_share(state, params, inst, mid)
    if state.kappa > 0.0 and state.alpha != 0.0 and state.sigma > 0.0:
        state.reservation, state.spread, state.bid, state.ask = quotes(
            mid,
            q,
            params.gamma,
            state.sigma,
            state.kappa,
            share_left(params, now_ns),
            mid * params.min_spread_bps * 1e-4,
            params.squared,
        )
    if not (state.bid > 0.0 and state.ask > 0.0):
        return False
    want_side(state, params, inst, book, 1, mid, q)
    want_side(state, params, inst, book, -1, mid, q)
    return True


@compiled
def set_timers(state: Rec, params: Rec, now_ns: int) -> None:
    """The next refresh, unless a fill has put it off already."""
    if state.create_ns <= now_ns:
        state.create_ns = now_ns + params.refresh_ns
    if state.cancel_ns <= now_ns:
        state.cancel_ns = min(state.create_ns, now_ns + params.refresh_ns)


@compiled
def near_enough(state: Rec, params: Rec, inst: Rec, side: int) -> bool:
    """Whether the live orders of `side` are as many as wanted, each within the tolerance of its place."""
    k, seen = 0 if side > 0 else 1, 0
    for slot in range(state.desk.n_working):
        order = state.desk.working[slot]
        if order.side != side or order.status >= PENDING_CANCEL:
            continue
        if seen >= state.n_wanted[k]:
            return False
        moved = abs(state.wanted_tick[k, seen] - order.tick) / float(order.tick) * 1e4
        if moved > params.refresh_tolerance_bps:
            return False
        seen += 1
    return bool(seen == state.n_wanted[k])


@compiled
def standing(desk: Rec) -> int:
    """Orders not being canceled."""
    n = 0
    for slot in range(desk.n_working):
        if desk.working[slot].status < PENDING_CANCEL:
            n += 1
    return n


@compiled
def cancel_all(desk: Rec, actions: NDArray[np.void], n: int, sent_before_ns: int) -> int:
    """Cancel the orders sent before `sent_before_ns`; returns the number of actions."""
    for slot in range(desk.n_working):
        if desk.working[slot].sent_ns < sent_before_ns:
            n = put_cancel(desk, actions, n, slot)
    return n


@compiled
def send_wanted(state: Rec, actions: NDArray[np.void], n: int) -> int:
    """Send every wanted order; returns the number of actions."""
    for side in (1, -1):
        k = 0 if side > 0 else 1
        for level in range(state.n_wanted[k]):
            tick, qty = state.wanted_tick[k, level], state.wanted_qty[k, level]
            n = put_new(state.desk, actions, n, side, tick, qty, POST_ONLY, False, level, np.nan, np.nan)
    return n


@compiled
def take_sample(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> None:
    """Begin a tick: its mid, and a new sample of prints."""
    if state.next_tick_ns == 0:
        state.next_tick_ns = now_ns
    while state.next_tick_ns <= now_ns:
        state.next_tick_ns += params.tick_ns
    state.mid2 = book.top.best_bid + book.top.best_ask
    state.mids[state.n_mids % params.volatility_ticks] = 0.5 * state.mid2 * price_of(inst, 1)
    state.n_mids += 1
    state.sampling = 0


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Once a tick: sample; when it is time, cancel what has moved and send anew."""
    now_ns, desk = row.recv_ns, state.desk
    if now_ns < state.next_tick_ns or not has_both_sides(book):
        return 0
    take_sample(state, params, inst, book, now_ns)
    if state.n_mids < params.volatility_ticks or state.n_samples < params.intensity_ticks:
        return 0
    n = cancel_all(desk, actions, 0, now_ns - params.max_order_age_ns)
    if state.create_ns > now_ns or not propose(state, params, inst, book, now_ns):
        return n
    if state.cancel_ns <= now_ns and standing(desk) > 0:
        if near_enough(state, params, inst, 1) and near_enough(state, params, inst, -1):
            set_timers(state, params, now_ns)
        else:
            n = cancel_all(desk, actions, n, now_ns + 1)
    clear = desk.n_working == 0 if params.wait_for_cancels else standing(desk) == 0
    if state.create_ns < now_ns and clear and state.n_wanted[0] + state.n_wanted[1] > 0:
        n = send_wanted(state, actions, n)
        set_timers(state, params, now_ns)
    return n


@compiled
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Reservation price, σ and κ in bps, as of the last refresh."""
    observe_desk(state.desk, inst, book, out)
    if state.bid > 0.0:
        out.reservation_px = state.reservation
        out.sigma_bps_per_sqrt_s = state.sigma / out.mid * 1e4 / np.sqrt(params.tick_ns * 1e-9)
        out.kappa_bid_per_bp = out.kappa_ask_per_bp = state.kappa * out.mid * 1e-4


def make_avellaneda(instrument: Instrument, settings: AvellanedaSettings | None = None) -> Maker:
    """An Avellaneda-Stoikov maker for `instrument`."""
    settings = settings or AvellanedaSettings()
    if settings.order_usd < instrument.min_notional:
        raise ValueError(
            f"avellaneda: order_usd = {settings.order_usd:g} is below {instrument.name}'s minimum "
            f"notional of {instrument.min_notional:g}"
        )
    params = new_record(PARAMS)
    params["gamma"] = settings.risk_factor
    params["level_distance"] = settings.level_distance_pct / 100.0
    for name in settings.__struct_fields__:
        if name in (PARAMS.names or ()):
            params[name] = getattr(settings, name)
        elif name.endswith("_s"):
            params[f"{name[:-2]}_ns"] = s_to_ns(getattr(settings, name))
    return Maker(
        name="avellaneda",
        state=new_record(STATE),
        params=params,
        on_book=ignore,
        on_trade=on_trade,
        on_fill=on_fill,
        on_ack=ignore,
        on_funding=ignore,
        on_timer=on_timer,
        observe=observe,
    )
