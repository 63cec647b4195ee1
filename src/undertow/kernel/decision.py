"""From the inputs of a cycle to the wanted ladder: risk, reservation price, depths, sizes.

`decide` reads nothing but its arguments. Before it, `kernel.eta.price_horizon` must have been
called with the same inputs: it gives the horizon at which the adverse selection in them is read.
"""

from __future__ import annotations

from undertow.compiled import compiled
from undertow.instrument import price_of
from undertow.kernel.allowance import request_worth
from undertow.kernel.eta import price_risk
from undertow.kernel.l2book import Book
from undertow.kernel.ladder import (
    QUOTED,
    empty_side,
    one_lot_each,
    price_levels,
    settle_sizes,
    solve_sizes,
)
from undertow.kernel.queue_place import place_in_queues
from undertow.kernel.quoting import half_spreads_bps, place_levels, post_only_ticks, touch_ticks
from undertow.kernel.reservation import price_reservation
from undertow.records import Rec
from undertow.units import depth_bps


@compiled
def reducing_side(x: Rec, inst: Rec) -> int:
    """The side whose fills bring the position nearer to zero; 0 while flat (under half a step)."""
    if abs(x.position_lots) * x.lot_qty < 0.5 * inst.size_step:
        return 0
    return -1 if x.position_lots > 0.0 else 1


@compiled
def _build_side(
    rungs: Rec,
    params: Rec,
    x: Rec,
    inst: Rec,
    reservation: Rec,
    eta: float,
    q_max: float,
    post_only_tick: int,
    touch_bps: float,
    reducing: bool,
    book: Book,
) -> None:
    """Prices, margins, joint sizes and quantities of one side whose touch is known."""
    rungs.levels = params.levels
    rungs.room_lots = q_max - rungs.sign * x.position_lots
    place_levels(rungs, inst, x.mid, post_only_tick, params)
    if params.queue_aware:
        place_in_queues(rungs, book, inst, x.mid)
    else:
        rungs.queue_bps[:] = 0.0
    foreseen = reservation.drift_bps + reservation.alpha_bps
    price_levels(rungs, x, reservation.offset_bps, foreseen, inst.maker_fee_bps, touch_bps)
    if not params.expected_pnl:
        one_lot_each(rungs, x, inst, q_max)
        return
    solve_sizes(rungs, eta)
    price = request_worth(params.request_price, x.scarcity)
    settle_sizes(rungs, x, inst, eta, price, q_max, reducing)


@compiled
def read_intensities(ladder: Rec, x: Rec) -> None:
    """κ, A and what own fills correct of them (`kernel.own_level`), from the inputs to both sides."""
    ladder.bid.kappa, ladder.ask.kappa = x.kappa_bid, x.kappa_ask
    ladder.bid.rate, ladder.ask.rate = x.rate_bid, x.rate_ask
    ladder.bid.fill_excess[:] = x.fill_excess
    ladder.ask.fill_excess[:] = x.fill_excess


@compiled
def decide(
    ladder: Rec,
    reservation: Rec,
    risk: Rec,
    risk_params: Rec,
    ladder_params: Rec,
    x: Rec,
    inst: Rec,
    book: Book,
    blocked: int,
    blocked_value: float,
) -> None:
    """Fill `ladder` (`LADDER`) for the `INPUTS` record `x` and the book as it stands.

    `blocked` is a reason of `kernel.ladder` for which only the side that reduces the position may
    quote, or `QUOTED` for none.
    """
    fee = inst.maker_fee_bps
    price_risk(risk, risk_params, x, fee)
    price_reservation(reservation, x, risk, fee)
    r = reservation.offset_bps
    half_bid, half_ask = half_spreads_bps(risk, x, fee)
    bid, ask = ladder.bid, ladder.ask
    bid.sign, ask.sign = 1, -1
    read_intensities(ladder, x)
    for rungs in (bid, ask):
        rungs.held_lots = rungs.sign * x.position_lots
        rungs.held_bps = -rungs.sign * reservation.inventory_bps
        rungs.bend, rungs.tilt = risk.bend, rungs.sign * risk.tilt
    bid.touch_offset_bps, ask.touch_offset_bps = r - half_bid, r + half_ask
    bid.touch_tick, ask.touch_tick = touch_ticks(inst, x.mid, r, half_bid, half_ask, x.position_lots)
    bid_limit, ask_limit = post_only_ticks(inst, book.top.best_bid, book.top.best_ask)
    touch_bps = max(depth_bps(price_of(inst, book.top.best_bid), x.mid, 1), 0.0)
    reducing = reducing_side(x, inst)
    q_max = risk_params.q_max_lots
    for rungs in (bid, ask):
        sign = rungs.sign
        if blocked != QUOTED and reducing != sign:
            empty_side(rungs, ladder_params.levels, blocked, blocked_value)
            continue
        limit = bid_limit if sign > 0 else ask_limit
        exempt = reducing == sign
        _build_side(
            rungs, ladder_params, x, inst, reservation, risk.eta, q_max, limit, touch_bps, exempt, book
        )
