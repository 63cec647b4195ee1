"""From the queue ahead to the time until a fill, and to the chance of one when the level is reached.

Volume that trades at the touch of a side, as a rate with exposure (as in `flow.py`):

    N(t) = Σ q_i·e^(−λ(t − t_i)),   W(t) = (1 − e^(−λ·seen))/λ,   v = N/W         quantity per second
    time to a fill at the touch = ahead/v

An upper estimate: cancellations ahead shorten the wait and a feed of levels does not show whose they
are. Prints count while they happen at or inside the touch as it stood before their block; what a
sweep takes behind it waits in other queues. Relative error of v: √Σw²q²/Σwq, block by block.

Given that an aggressor order reaches a level, what is left of it there is exponential (the depth it
reaches is: Λ(δ) = A·e^(−κδ)), and passing the whole level is reaching the next one:

    P(fill | reached) = e^(−κ·gap·u),   u the share of the level in front of us
    Λ(δ)·P = Λ(δ + u·gap)               an order behind a share u behaves like one deeper by u·gap

Sizes known instead of depths: P = e^(−ahead/L), L the mean aggressor order. Source: docs/model.md
§2 (Λ "times the probability of being filled there given the queue ahead") and §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.book_shape import next_level_depth, queue_ahead
from undertow.kernel.ewma import clip, decay
from undertow.kernel.l2book import Book
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

QUEUE_TIME: Final = np.dtype(
    [
        ("qty", "<f8", (2,)),  # N per side hit (0 bid, 1 ask), venue's unit
        ("squares", "<f8", (2,)),  # Σ w²q² of blocks
        ("block_qty", "<f8", (2,)),  # of the block that is being counted
        ("touch", "<i8", (2,)),  # best bid and ask before it
        ("block_ns", "<i8"),
        ("exposure_s", "<f8"),
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

QUEUE_TIME_PARAMS: Final = np.dtype(
    [("half_life_s", "<f8"), ("min_exposure_s", "<f8"), ("gap_s", "<f8")], align=True
)


def queue_time_params(
    *, half_life_s: float = 120.0, min_exposure_s: float = 10.0, gap_s: float = 60.0
) -> Rec:
    """Memory of the volume rate, exposure before it speaks, longest silence that counts (s)."""
    require("queue_time", half_life_s=half_life_s, min_exposure_s=min_exposure_s, gap_s=gap_s)
    rec = new_record(QUEUE_TIME_PARAMS)
    rec["half_life_s"], rec["min_exposure_s"], rec["gap_s"] = half_life_s, min_exposure_s, gap_s
    return rec


@compiled
def queue_time_advance(state: Rec, params: Rec, now_ns: int) -> None:
    """Bring the sums to `now_ns`; time that runs backwards changes nothing."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s <= 0.0:
        return
    kept = decay(elapsed_s, params.half_life_s)
    for index in range(2):
        state.qty[index] *= kept
        state.squares[index] *= kept * kept
        state.block_qty[index] *= kept
    state.exposure_s *= kept
    if elapsed_s <= params.gap_s:
        state.exposure_s += (1.0 - kept) * params.half_life_s / math.log(2.0)
    state.last_ns = now_ns


@compiled
def queue_time_print(
    state: Rec,
    params: Rec,
    side: int,
    exch_ns: int,
    now_ns: int,
    tick: int,
    qty: float,
    best_bid: int,
    best_ask: int,
) -> None:
    """A print by aggressor `side` (±1) at `tick`; the touch is as it stood before the print.

    Nothing is counted where `qty` is not positive and finite or the side unknown.
    """
    if not (0.0 < qty < np.inf) or side == 0:
        return
    queue_time_advance(state, params, now_ns)
    if exch_ns != state.block_ns:
        state.block_ns = exch_ns
        state.touch[0], state.touch[1] = best_bid, best_ask
        state.block_qty[0] = state.block_qty[1] = 0.0
    index = 0 if side < 0 else 1
    if side * (tick - state.touch[index]) > 0:
        return
    state.block_qty[index] += qty
    state.qty[index] += qty
    state.squares[index] += qty * (2.0 * state.block_qty[index] - qty)


@compiled
def touch_volume_rate(state: Rec, params: Rec, index: int) -> float:
    """Quantity per second that trades at the touch of side `index`; NaN before enough was seen."""
    if not state.exposure_s >= params.min_exposure_s:
        return np.nan
    return state.qty[index] / state.exposure_s


@compiled
def touch_volume_error(state: Rec, index: int) -> float:
    """Relative standard error of that rate (compound Poisson); infinite before the first print."""
    return math.sqrt(state.squares[index]) / state.qty[index] if state.qty[index] > 0.0 else np.inf


@compiled
def expected_fill_s(state: Rec, params: Rec, index: int, ahead: float) -> float:
    """Seconds until `ahead` (venue's unit) has traded at the touch of side `index`, an upper estimate.

    NaN while the queue or the rate is unknown, infinite where nothing trades.
    """
    rate = touch_volume_rate(state, params, index)
    if np.isnan(rate) or not 0.0 <= ahead < np.inf:
        return np.nan
    if ahead == 0.0:
        return 0.0
    return ahead / rate if rate > 0.0 else np.inf


@compiled
def fill_given_reached(ahead: float, aggressor_qty: float) -> float:
    """P(an exponential aggressor of mean `aggressor_qty` passes `ahead`): e^(−ahead/L).

    An unknown queue or mean (NaN) gives NaN.
    """
    if not (ahead >= 0.0 and aggressor_qty > 0.0):
        return np.nan
    return math.exp(-ahead / aggressor_qty)


@compiled
def effective_depth(depth: float, next_depth: float, ahead_share: float) -> float:
    """δ + u·(gap to the next level): where an order behind a share u of its level stands for Λ.

    Depths in bps. An unknown next level leaves `depth`; an unknown share is the end of the queue.
    """
    gap = next_depth - depth
    if not 0.0 < gap < np.inf:
        return depth
    share = 1.0 if np.isnan(ahead_share) else clip(ahead_share, 0.0, 1.0)
    return depth + share * gap


@compiled
def queued_depth(
    book: Book, inst: Rec, mid: float, side: int, tick: int, depth: float, ahead: float, max_steps: int
) -> float:
    """`effective_depth` of an order at `tick`, `depth` bps from the mid, with `ahead` before it.

    `ahead` NaN: a new order, which stands behind all that is displayed. An empty level is front of
    queue; a level the feed does not show leaves `depth`.
    """
    shown = queue_ahead(book, side, tick)
    if not shown > 0.0:
        return depth
    share = 1.0 if np.isnan(ahead) else ahead / shown
    return effective_depth(depth, next_level_depth(book, inst, mid, side, tick, max_steps), share)
