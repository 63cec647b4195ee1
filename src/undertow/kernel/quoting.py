"""Where the quotes stand: touch depths, level spacing, the venue's grid, the post-only clamp.

    bid touch  x_b = r − (c₁ + P(½) + AS_b + fee),   ask mirrored,   deeper levels in geometric gaps

docs/model.md §3. Offsets are continuous in every input; ticks come last: bids round down, asks up,
and a post-only order never reaches the opposite touch.
"""

from __future__ import annotations

import math

from undertow.compiled import compiled
from undertow.instrument import price_of, round_price, step_ticks
from undertow.records import Rec
from undertow.units import depth_bps, price_at

MAX_OFFSET_BPS = 5000.0
"""No order is priced further than this from the mid."""


@compiled
def half_spreads_bps(risk: Rec, x: Rec, fee_bps: float) -> tuple[float, float]:
    """Distance of the touch quotes from the reservation price: c₁ + P(½) + AS + fee, per side.

    P(½), half a lot's price from flat (`kernel.bend`; η/2 up to κη ≈ 1), is that of the base spread
    (σ_clean), at η(q). c₁ is taken at γ_base: it *falls* in γ, so γ(q) acts
    through η alone and the spread grows strictly with \\|q\\| (docs/model.md §3).
    """
    lot = risk.lot_spread + fee_bps
    return risk.c1_bid + lot + x.as_touch_bid, risk.c1_ask + lot + x.as_touch_ask


@compiled
def boxed_offset(offset: float) -> float:
    """An offset kept within `MAX_OFFSET_BPS` of the mid."""
    return min(max(offset, -MAX_OFFSET_BPS), MAX_OFFSET_BPS)


@compiled
def touch_ticks(
    inst: Rec, mid: float, reservation: float, half_bid: float, half_ask: float, position: float
) -> tuple[int, int]:
    """Valid ticks of the two touch quotes, bid down and ask up, width never narrowed by rounding.

    Rounding each side on its own makes a spread of w steps come out as ⌈w⌉ or ⌈w⌉ + 1 steps,
    depending on where r happens to lie; a wider spread could then reach the venue narrower. It is
    always ⌈w⌉ + 1 here: where one step is missing, the side that would add to the position gives
    way (the bid when flat), a quarter of a step per side on average.
    """
    bid_px = price_at(mid, boxed_offset(reservation - half_bid))
    ask_px = price_at(mid, boxed_offset(reservation + half_ask))
    bid, ask = round_price(inst, bid_px, 1), round_price(inst, ask_px, -1)
    step = step_ticks(inst, bid)
    width = (half_bid + half_ask) * 1e-4 * mid * inst.tick_den / inst.tick_num
    least = (math.ceil(width / step - 1e-9) + 1) * step
    if ask - bid < least:
        if position >= 0.0:
            bid = round_price(inst, price_of(inst, ask - least), 1)
        else:
            ask = round_price(inst, price_of(inst, bid + least), -1)
    return bid, ask


@compiled
def post_only_ticks(inst: Rec, best_bid: int, best_ask: int) -> tuple[int, int]:
    """Highest valid tick of a bid and lowest of an ask that do not reach the opposite touch."""
    bid, ask = best_ask - 1, best_bid + 1
    step = step_ticks(inst, bid)
    bid = bid // step * step
    step = step_ticks(inst, ask)
    return bid, -(-ask // step) * step


@compiled
def place_levels(rungs: Rec, inst: Rec, mid: float, post_only_tick: int, params: Rec) -> None:
    """Ticks and depths of all levels of a side, outward from ``rungs.touch_tick``.

    Level k lies `params.gap_multiple[k]`/κ beyond the touch quote's exact price. The clamp comes
    last, so several levels may share a tick: the ladder merges them.
    """
    sign = rungs.sign
    base = rungs.touch_offset_bps
    for k in range(params.levels):
        if k == 0:
            tick = rungs.touch_tick
        else:
            offset = boxed_offset(base - sign * params.gap_multiple[k] / rungs.kappa)
            tick = round_price(inst, price_at(mid, offset), sign)
            # rounding in pairs may have moved the touch quote beyond a close second level
            tick = min(tick, rungs.touch_tick) if sign > 0 else max(tick, rungs.touch_tick)
        tick = min(tick, post_only_tick) if sign > 0 else max(tick, post_only_tick)
        rungs.tick[k] = tick
        rungs.depth_bps[k] = depth_bps(price_of(inst, tick), mid, sign)
