"""The shape of the book near the touch: imbalance by depth, its change, liquidity, spread, queues.

    BIM(d) = (V_b − V_a)/(V_b + V_a),   V_side = size displayed within d bps of the mid
    gradient = BIM(d₁) − BIM(d₃),       change = (BIM(d₁)(t) − BIM(d₁)(t − Δt))/Δt      1/s

What the feed does not show is unknown, not empty. Where the known window of one side ends before d,
both sides are summed to the depth known on *both* (`reach_bps`), inclusive: the window ends on a
level, so that is a stopping time and the sums stay comparable. The gradient is silent where d₁ and
d₃ reach equally far; the change while what is compared reached less than half as far, or more than
twice. Δt is the actual time over `change_cycles` cycles; cycles closer than `min_dt_s` are one.

Near liquidity is the value displayed on both sides within `near_bps`, from the density of what is
known where that ends before. Its reference L is a slow average of ln near with clipped steps, near
the median; one per octave of the reach, so that feeds that show now 5, now 20 levels compare each
with its own. The factor on γ is clip(√(L/near), 1, 3), continuous (docs/model.md §3); 1 until a
first book. The touch spread is averaged over the time it stood.

One outward walk serves all depths. Prices advance by the venue's step there, and never more than
`max_steps` a side: beyond is unknown. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.instrument import notional, price_of, step_ticks
from undertow.kernel.ewma import clip, irregular_weight
from undertow.kernel.l2book import Book, has_both_sides, level_qty, mid_price
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import depth_bps, s_to_ns, seconds_between

N_BANDS: Final = 3
NEAR: Final = 3
"""Index of the near-liquidity depth behind those of the imbalances."""
N_HELD: Final = 4
COMPARABLE: Final = 2.0
N_REACHES: Final = 6
"""References of near liquidity: reach from `near_bps` down, by halves."""
LOG_STEP: Final = 0.3
"""Farthest that one look may pull the reference, in ln liquidity."""
MAX_THINNING: Final = 3.0

BOOK_SHAPE: Final = np.dtype(
    [
        ("imbalance", "<f8", (N_BANDS,)),  # BIM at each depth, NaN while silent
        ("sums", "<f8", (N_BANDS + 1, 2)),  # V_b, V_a within each depth, venue's unit
        ("reach_bps", "<f8", (N_BANDS + 1,)),  # how far both sides were summed, bps from the mid
        ("gradient", "<f8"),
        ("change", "<f8"),  # 1/s
        ("touch_imbalance", "<f8"),
        ("near_usd", "<f8"),  # value within `near_bps`, both sides
        ("octave", "<i8"),  # of the reach of `near_usd`: which reference it compares with
        ("log_reference", "<f8", (N_REACHES,)),  # ln of the usual near liquidity
        ("reference_weight", "<f8", (N_REACHES,)),
        ("spread_bps", "<f8"),  # touch spread now, NaN without one
        ("spread_sum", "<f8"),  # Σ weight·spread
        ("spread_weight", "<f8"),
        ("now_ns", "<i8"),
        ("held_ns", "<i8", (N_HELD,)),  # the last cycles: time, BIM(d₁) and its reach
        ("held_imbalance", "<f8", (N_HELD,)),
        ("held_reach", "<f8", (N_HELD,)),
        ("held_last", "<i8"),
        ("held", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

BOOK_SHAPE_PARAMS: Final = np.dtype(
    [
        ("depth_bps", "<f8", (N_BANDS + 1,)),  # of the imbalances, then of near liquidity
        ("nearest_first", "<i8", (N_BANDS + 1,)),  # the depths in increasing order
        ("change_cycles", "<i8"),
        ("max_steps", "<i8"),
        ("min_dt_ns", "<i8"),
        ("gap_s", "<f8"),
        ("reference_half_life_s", "<f8"),
        ("spread_half_life_s", "<f8"),
    ],
    align=True,
)


def book_shape_params(
    *,
    depths_bps: tuple[float, float, float] = (10.0, 25.0, 50.0),
    near_bps: float = 10.0,
    change_cycles: int = 2,
    max_steps: int = 4096,
    min_dt_s: float = 0.05,
    gap_s: float = 10.0,
    reference_half_life_s: float = 1800.0,
    spread_half_life_s: float = 60.0,
) -> Rec:
    """Depths (bps, increasing), cycles of the change (1–3), longest walk (price steps), memories."""
    require("book_shape", **{f"depths_bps[{k}]": d for k, d in enumerate(depths_bps)}, near_bps=near_bps)
    if not depths_bps[0] < depths_bps[1] < depths_bps[2]:
        raise ValueError(f"book_shape: depths_bps = {depths_bps} must increase")
    if not 1 <= change_cycles < N_HELD:
        raise ValueError(f"book_shape: change_cycles = {change_cycles} must lie in 1..{N_HELD - 1}")
    require("book_shape", max_steps=max_steps, min_dt_s=min_dt_s, gap_s=gap_s)
    require("book_shape", reference_half_life_s=reference_half_life_s, spread_half_life_s=spread_half_life_s)
    rec = new_record(BOOK_SHAPE_PARAMS)
    rec["depth_bps"] = (*depths_bps, near_bps)
    rec["nearest_first"] = np.argsort(rec["depth_bps"], kind="stable")
    rec["change_cycles"], rec["max_steps"] = change_cycles, max_steps
    rec["min_dt_ns"], rec["gap_s"] = s_to_ns(min_dt_s), gap_s
    rec["reference_half_life_s"], rec["spread_half_life_s"] = reference_half_life_s, spread_half_life_s
    return rec


def init_book_shape(state: Rec, params: Rec) -> None:
    """Silent until the first book."""
    for name in ("imbalance", "reach_bps", "gradient", "change", "touch_imbalance", "near_usd", "spread_bps"):
        state[name] = np.nan


@compiled
def _walk(ring: NDArray[np.float64], start: int, stride: int, count: int) -> float:
    """Sum of `count` levels from tick `start` on, `stride` ticks apart (negative: down).

    Eight sums side by side, for speed; a level's place among them depends on its distance alone, so
    mirrored sides give the same bits. Between the ends of the ring no index is wrapped.
    """
    mask = ring.shape[0] - 1
    a = b = c = d = e = f = g = h = 0.0
    tick = start & mask
    last = tick + stride * (count - 1)
    blocks = count >> 3
    if 0 <= last <= mask:
        for _ in range(blocks):
            a += ring[tick]
            b += ring[tick + stride]
            c += ring[tick + 2 * stride]
            d += ring[tick + 3 * stride]
            e += ring[tick + 4 * stride]
            f += ring[tick + 5 * stride]
            g += ring[tick + 6 * stride]
            h += ring[tick + 7 * stride]
            tick += 8 * stride
    else:
        for _ in range(blocks):
            a += ring[tick & mask]
            b += ring[(tick + stride) & mask]
            c += ring[(tick + 2 * stride) & mask]
            d += ring[(tick + 3 * stride) & mask]
            e += ring[(tick + 4 * stride) & mask]
            f += ring[(tick + 5 * stride) & mask]
            g += ring[(tick + 6 * stride) & mask]
            h += ring[(tick + 7 * stride) & mask]
            tick += 8 * stride
    for _ in range(count & 7):
        a += ring[tick & mask]
        tick += stride
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@compiled
def _strides(inst: Rec, book: Book, reach: float) -> tuple[int, int]:
    """Ticks between valid prices below the bid and above the ask, within `reach` half-ticks."""
    low = (book.top.best_bid + book.top.best_ask - int(reach)) // 2
    return step_ticks(inst, max(low, 1)), step_ticks(inst, book.top.best_ask)


@compiled
def _known_reach(book: Book, max_steps: int, stride_bid: int, stride_ask: int) -> int:
    """Half-ticks from the mid to where the first of the two sides becomes unknown."""
    top = book.top
    double_mid = top.best_bid + top.best_ask
    low = max(top.bid_known, top.window_low, top.best_bid - (max_steps - 1) * stride_bid)
    high = min(top.ask_known, top.window_low + book.ask.shape[0] - 1)
    high = min(high, top.best_ask + (max_steps - 1) * stride_ask)
    return min(double_mid - 2 * low, 2 * high - double_mid)


@compiled
def _sum_bands(state: Rec, params: Rec, inst: Rec, book: Book, sums: NDArray[np.float64]) -> None:
    """Write V_b and V_a of every depth to `sums`, shape (4, 2), and how far both sides reach."""
    top = book.top
    per_bps = (top.best_bid + top.best_ask) * 1e-4  # half-ticks per bp of the mid
    stride_bid, stride_ask = _strides(inst, book, params.depth_bps[params.nearest_first[N_BANDS]] * per_bps)
    known = _known_reach(book, params.max_steps, stride_bid, stride_ask)
    half = top.best_ask - top.best_bid  # half-ticks from the mid to the touch
    bid, ask, walked_bid, walked_ask = 0.0, 0.0, 0, 0
    for i in range(N_BANDS + 1):
        band = params.nearest_first[i]
        wanted = int(params.depth_bps[band] * per_bps)
        reach = min(wanted, known)
        state.reach_bps[band] = reach / per_bps if reach < wanted else params.depth_bps[band]
        if reach >= half:
            room = (reach - half) // 2  # ticks beyond the touch
            more = room // stride_bid + 1 - walked_bid
            bid += _walk(book.bid, top.best_bid - walked_bid * stride_bid, -stride_bid, more)
            walked_bid += more
            more = room // stride_ask + 1 - walked_ask
            ask += _walk(book.ask, top.best_ask + walked_ask * stride_ask, stride_ask, more)
            walked_ask += more
        sums[band, 0], sums[band, 1] = bid, ask


@compiled
def _measure(state: Rec, params: Rec, inst: Rec, book: Book) -> None:
    """What the book shows now."""
    top, sums = book.top, state.sums
    _sum_bands(state, params, inst, book, sums)
    for k in range(N_BANDS):
        total = sums[k, 0] + sums[k, 1]
        state.imbalance[k] = (sums[k, 0] - sums[k, 1]) / total if total > 0.0 else np.nan
    deeper = state.reach_bps[N_BANDS - 1] > state.reach_bps[0]
    state.gradient = state.imbalance[0] - state.imbalance[N_BANDS - 1] if deeper else np.nan
    reach = state.reach_bps[NEAR]
    near = (sums[NEAR, 0] + sums[NEAR, 1]) * params.depth_bps[NEAR] / reach if reach > 0.0 else np.nan
    state.near_usd = notional(inst, mid_price(book, inst), near)
    state.octave = 0
    while state.octave < N_REACHES - 1 and reach < params.depth_bps[NEAR]:
        reach *= 2.0
        state.octave += 1
    bid, ask = level_qty(book, 1, top.best_bid), level_qty(book, -1, top.best_ask)
    state.touch_imbalance = (bid - ask) / (bid + ask)
    state.spread_bps = (top.best_ask - top.best_bid) * 2e4 / (top.best_bid + top.best_ask)


@compiled
def _silence(state: Rec) -> None:
    state.sums[:] = 0.0
    state.imbalance[:] = np.nan
    state.reach_bps[:] = np.nan
    state.gradient = state.change = state.touch_imbalance = np.nan
    state.near_usd = state.spread_bps = np.nan


@compiled
def _note_change(state: Rec, params: Rec, now_ns: int) -> None:
    """Compare BIM(d₁) with that of some cycles ago, and remember it."""
    if np.isnan(state.imbalance[0]):
        state.change = np.nan
        return
    if state.held > 0 and seconds_between(state.held_ns[state.held_last], now_ns) > params.gap_s:
        state.held = 0
    if state.held > 0 and now_ns - state.held_ns[state.held_last] < params.min_dt_ns:
        return
    state.change = np.nan
    if state.held > 0:
        back = min(params.change_cycles, state.held) - 1
        then = (state.held_last - back) & (N_HELD - 1)
        ratio = state.reach_bps[0] / state.held_reach[then]
        if 1.0 / COMPARABLE <= ratio <= COMPARABLE:
            dt_s = seconds_between(state.held_ns[then], now_ns)
            state.change = (state.imbalance[0] - state.held_imbalance[then]) / dt_s
    state.held_last = (state.held_last + 1) & (N_HELD - 1)
    state.held = min(state.held + 1, N_HELD)
    state.held_ns[state.held_last] = now_ns
    state.held_imbalance[state.held_last] = state.imbalance[0]
    state.held_reach[state.held_last] = state.reach_bps[0]


@compiled
def _average(state: Rec, params: Rec, spread_before: float, elapsed_s: float) -> None:
    """Let the slow averages see the look: liquidity as it is, the spread for the time it stood."""
    if not elapsed_s <= params.gap_s:
        elapsed_s = params.gap_s  # a gap counts as the longest step that is none
    if 0.0 < state.near_usd < np.inf:
        log_near, at = math.log(state.near_usd), state.octave
        if state.reference_weight[at] == 0.0:
            state.log_reference[at] = log_near
            state.reference_weight[at] = irregular_weight(0.0, params.gap_s, params.reference_half_life_s)
        else:
            weight = irregular_weight(0.0, elapsed_s, params.reference_half_life_s)
            state.reference_weight[at] += weight * (1.0 - state.reference_weight[at])
            step = clip(log_near - state.log_reference[at], -LOG_STEP, LOG_STEP)
            state.log_reference[at] += weight / state.reference_weight[at] * step
    if spread_before >= 0.0:
        weight = irregular_weight(0.0, elapsed_s, params.spread_half_life_s)
        state.spread_sum += weight * (spread_before - state.spread_sum)
        state.spread_weight += weight * (1.0 - state.spread_weight)


@compiled
def book_shape_look(state: Rec, params: Rec, inst: Rec, book: Book, now_ns: int) -> None:
    """Measure the book as it stands at `now_ns`; once per quote cycle.

    A side missing or a crossed book silences what the book shows and leaves the averages; time that
    runs backwards changes nothing.
    """
    if state.started and now_ns < state.now_ns:
        return
    elapsed_s = seconds_between(state.now_ns, now_ns) if state.started else 0.0
    state.started = 1
    state.now_ns = now_ns
    before = state.spread_bps
    if not has_both_sides(book) or book.top.best_bid > book.top.best_ask or book.top.best_bid < 1:
        _silence(state)
        return
    _measure(state, params, inst, book)
    _note_change(state, params, now_ns)
    _average(state, params, before, elapsed_s)


@compiled
def reference_usd(state: Rec) -> float:
    """The usual near liquidity in USD at the reach of now, NaN before the first book."""
    at = state.octave
    return math.exp(state.log_reference[at]) if state.reference_weight[at] > 0.0 else np.nan


@compiled
def thin_book_factor(state: Rec) -> float:
    """clip(√(reference/near), 1, 3), for γ; 1 while near liquidity or its reference is unknown."""
    if state.reference_weight[state.octave] == 0.0 or not state.near_usd >= 0.0:
        return 1.0
    if state.near_usd == 0.0:
        return MAX_THINNING
    return clip(math.sqrt(reference_usd(state) / state.near_usd), 1.0, MAX_THINNING)


@compiled
def usual_spread_bps(state: Rec) -> float:
    """Touch spread averaged over the time it stood; what it is now before any time has passed."""
    return state.spread_sum / state.spread_weight if state.spread_weight > 0.0 else state.spread_bps


@compiled
def spread_ratio(state: Rec, ours_bps: float) -> float:
    """Our spread (ask − bid, bps) over the market's usual one; NaN where either is not positive."""
    market = usual_spread_bps(state)
    return ours_bps / market if market > 0.0 and 0.0 < ours_bps < np.inf else np.nan


@compiled
def queue_ahead(book: Book, side: int, tick: int) -> float:
    """Displayed size that a new order of `side` at `tick` stands behind; NaN where it is not known."""
    return level_qty(book, side, tick)


@compiled
def next_level_depth(book: Book, inst: Rec, mid: float, side: int, tick: int, max_steps: int) -> float:
    """Depth (bps) of the next displayed level beyond `tick` on `side`; NaN if none is known."""
    step = step_ticks(inst, tick - 1 if side > 0 else tick)
    for i in range(1, max_steps + 1):
        beyond = tick - side * i * step
        qty = level_qty(book, side, beyond)
        if np.isnan(qty):
            return np.nan
        if qty > 0.0:
            return depth_bps(price_of(inst, beyond), mid, side)
    return np.nan
