"""The six-gate maker: GLFT quotes behind six separate protections, as the incident note records it.

It traded hyna:HYPE on 19 February 2026 (docs/recorded-losses.md). Half-spread, skew and spread in its
own units, fractions of price:

    half = (1/γ_q)·ln(1 + γ_q/κ),   γ_q = γ·(1 + 3u²),   u = |q|/q_max,   skew = q·γ_q·σ²·T

with κ from the distances of the tape's prints (Gamma posterior by counts). At κ = 1287 and γ = .15 the
half-spread is 1/κ to four digits and the skew is thousandths of a basis point: γ is inert, as it was.
The ladder is `levels` orders of equal size, `spacing_bps` apart. What follows the price are the gates of
`six_gate_rules`, each with a switch. It decides every `cycle_s`, whatever the replay's own clock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.baselines.common import ignore, observe_desk
from undertow.baselines.ladder import cancel_others, send_missing
from undertow.baselines.six_gate_rules import (
    PARAMS,
    STATE,
    SixGateSettings,
    drift_shift_bps,
    limit_qty,
    quotes_side,
    see_mid,
    size_factor,
    zone_of,
    zone_spread_bps,
)
from undertow.compiled import compiled
from undertow.instrument import (
    Instrument,
    position_value,
    price_of,
    qty_of_notional,
    round_price,
    round_size,
    step_ticks,
)
from undertow.kernel.desk import LIVE, put_modify
from undertow.kernel.l2book import Book, has_both_sides, mid_price
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.units import depth_bps, price_at, seconds_between


@compiled
def on_trade(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """A print: its distance from the mid goes into κ, its size into the toxicity of the side it hit."""
    if not has_both_sides(book) or row.side == 0 or not row.px > 0.0:
        return 0
    distance = depth_bps(row.px, mid_price(book, inst), -row.side)
    if distance > 0.0:
        state.prints += 1.0
        state.distance_bps += distance
    faded = 0.5 ** (max(seconds_between(state.tape_ns, row.recv_ns), 0.0) / params.toxicity_half_life_s)
    state.tape_ns = row.recv_ns
    state.sold *= faded
    state.bought *= faded
    if row.side < 0:
        state.sold += row.qty
    else:
        state.bought += row.qty
    return 0


@compiled
def kappa_per_bp(state: Rec, params: Rec) -> float:
    """Posterior mean of κ by counts, 1/bp: the injected prior and what the tape has shown since."""
    n0 = params.prior_prints
    return (n0 + state.prints) / (n0 / params.prior_kappa_per_bp + state.distance_bps)


@compiled
def half_and_skew_bps(state: Rec, params: Rec, utilisation: float) -> tuple[float, float]:
    """GLFT half-spread and inventory skew, bps, from κ, γ and σ in fractions of price."""
    kappa = 1e4 * kappa_per_bp(state, params)
    gamma = params.gamma * (1.0 + params.utilisation_beta * utilisation * utilisation)
    half = np.log1p(gamma / kappa) / gamma
    variance = state.variance * 1e-8
    return 1e4 * half, 1e4 * state.desk.position * gamma * variance * params.horizon_s


@compiled
def replace_odd_sizes(desk: Rec, actions: NDArray[np.void], n: int, side: int, qty: float) -> int:
    """Replace live orders of `side` that are a tenth off `qty`; returns the number of actions."""
    for slot in range(desk.n_working):
        order = desk.working[slot]
        if order.side == side and order.status == LIVE and abs(order.leaves - qty) > 0.1 * qty:
            n = put_modify(desk, actions, n, slot, order.tick, qty, order.level, np.nan, np.nan)
    return n


@compiled
def keep_side(
    state: Rec, params: Rec, inst: Rec, actions: NDArray[np.void], n: int, side: int, mid: float, x_bps: float
) -> int:
    """Keep the ladder of one side with its best order `x_bps` from the mid, or clear the side."""
    best = round_price(inst, price_at(mid, -side * x_bps), side)
    step = step_ticks(inst, best)
    tick_bps = price_of(inst, step) / mid * 1e4
    gap = step * max(1, int(np.round(params.spacing_bps / tick_bps)))
    qty = round_size(inst, state.level_qty * size_factor(state, params, side))
    levels = params.levels if quotes_side(state, params, side) and qty > 0.0 else 0
    n = cancel_others(state.desk, actions, n, side, best, gap, levels)
    n = replace_odd_sizes(state.desk, actions, n, side, qty)
    return send_missing(state.desk, actions, n, side, best, gap, levels, qty)


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Every `cycle_s`: price both sides and let the gates act."""
    desk = state.desk
    if not has_both_sides(book):
        return 0
    if state.cycles > 0 and seconds_between(state.cycle_ns, desk.now_ns) < params.cycle_s:
        return 0
    mid = mid_price(book, inst)
    if state.level_qty == 0.0:
        state.level_qty = qty_of_notional(inst, mid, params.order_usd)
    see_mid(state, params, desk.now_ns, mid)
    held = 0.0 if desk.position == 0.0 else position_value(inst, mid, desk.position)
    equity = desk.cash - desk.fees + desk.funding + held
    state.q_max = limit_qty(state, params, equity)
    utilisation = abs(desk.position) / state.q_max
    state.zone = zone_of(params, utilisation)
    half, skew = half_and_skew_bps(state, params, utilisation)
    half = zone_spread_bps(params, state.zone, half)
    shift = drift_shift_bps(state, params)
    center = shift - skew
    state.center_bps = center
    least = 0.5 * price_of(inst, step_ticks(inst, round_price(inst, mid, 1))) / mid * 1e4
    n = keep_side(state, params, inst, actions, 0, 1, mid, max(half - center, least))
    return keep_side(state, params, inst, actions, n, -1, mid, max(half + center, least))


@compiled
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """What the desk knows, the centre of the quotes, σ and κ."""
    observe_desk(state.desk, inst, book, out)
    if state.cycles == 0:
        return
    out.reservation_px = price_at(out.mid, state.center_bps)
    out.sigma_bps_per_sqrt_s = np.sqrt(state.variance)
    out.kappa_bid_per_bp = out.kappa_ask_per_bp = kappa_per_bp(state, params)


def make_six_gate(instrument: Instrument, settings: SixGateSettings | None = None) -> Maker:
    """A six-gate maker for `instrument`."""
    settings = settings or SixGateSettings()
    params, state = new_record(PARAMS), new_record(STATE)
    for name in settings.__struct_fields__:
        params[name] = getattr(settings, name)
    state["mids"] = np.nan
    state["variance"] = settings.prior_sigma_bps_per_sqrt_s**2
    return Maker(
        name="six-gate",
        state=state,
        params=params,
        on_book=ignore,
        on_trade=on_trade,
        on_fill=ignore,
        on_ack=ignore,
        on_funding=ignore,
        on_timer=on_timer,
        observe=observe,
    )
