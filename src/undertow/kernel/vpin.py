"""VPIN: volume-synchronised imbalance of buyers and sellers, with the aggressor side known.

Buckets of equal volume V, the last 50 complete ones:

    imbalance_k = V_buy − V_sell of bucket k
    VPIN   = Σ|imbalance_k| / ΣV_k                             in [0, 1], no direction
    signed = VPIN · Σ_5 imbalance_k / Σ_5 V_k                   the last five buckets give it one

V = (slow rate of volume, time constant an hour)·`bucket_s`, set when a bucket opens; no bucket opens
before `warm_s` of exposure. One order may fill several buckets.

Bulk classification is an option for feeds without sides: a bucket's buy share is Φ(Δp/σ_Δp), Δp its
change of log price from the previous bucket's end, σ_Δp² their running mean square. On pure noise its
VPIN averages E|2Φ(Z) − 1| = ½: a feature to be gated, never a level to be read.

A size or (with bulk) price that is not positive and finite, and an order older than the clock,
change nothing; simultaneous orders commute unless a bucket ends between them.
Source: docs/model.md §5; Easley, López de Prado & O'Hara, Rev. Financial Studies 25 (2012) 1457–1493.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

N_BUCKETS: Final = 50
N_RECENT: Final = 5

VPIN: Final = np.dtype(
    [
        ("imbalance", "<f8", (N_BUCKETS,)),  # of complete buckets, venue units
        ("volume", "<f8", (N_BUCKETS,)),
        ("at", "<i8"),  # slot of the next bucket to be completed
        ("buckets", "<i8"),  # completed ever
        ("bucket_qty", "<f8"),  # V of the open bucket, 0: none open
        ("bought", "<f8"),  # in the open bucket
        ("sold", "<f8"),
        ("end_px", "<f8"),  # price at the end of the last bucket, 0: unknown
        ("change_square", "<f8"),  # mean of Δp², log price
        ("change_weight", "<f8"),
        ("slow_qty", "<f8"),
        ("exposure_s", "<f8"),
        ("value", "<f8"),  # VPIN and its signed form as of the last bucket, NaN before
        ("signed", "<f8"),
        ("last_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

VPIN_PARAMS: Final = np.dtype(
    [
        ("bucket_s", "<f8"),
        ("slow_s", "<f8"),
        ("warm_s", "<f8"),
        ("gap_s", "<f8"),
        ("min_buckets", "<i8"),
        ("bulk", "u1"),
    ],
    align=True,
)


def vpin_params(
    *,
    bucket_s: float = 20.0,
    slow_s: float = 3600.0,
    warm_s: float = 60.0,
    gap_s: float = 60.0,
    min_buckets: int = 10,
    bulk: bool = False,
) -> Rec:
    """Usual seconds per bucket, memory of the volume rate, warm-up, buckets before it speaks, bulk."""
    require("vpin", bucket_s=bucket_s, slow_s=slow_s, warm_s=warm_s, gap_s=gap_s)
    require("vpin", high=N_BUCKETS, min_buckets=min_buckets)
    rec = new_record(VPIN_PARAMS)
    rec["bucket_s"], rec["slow_s"], rec["warm_s"], rec["gap_s"] = bucket_s, slow_s, warm_s, gap_s
    rec["min_buckets"], rec["bulk"] = min_buckets, bulk
    return rec


def init_vpin(state: Rec, params: Rec) -> None:
    """Silent."""
    state["value"] = state["signed"] = np.nan


@compiled
def vpin_advance(state: Rec, params: Rec, now_ns: int) -> bool:
    """Bring the volume rate to `now_ns`; time that runs backwards changes nothing and gives False."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return True
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s < 0.0:
        return False
    kept = math.exp(-elapsed_s / params.slow_s)
    state.slow_qty *= kept
    state.exposure_s *= kept
    if elapsed_s <= params.gap_s:
        state.exposure_s += (1.0 - kept) * params.slow_s
    state.last_ns = now_ns
    return True


@compiled
def _bulk_imbalance(state: Rec, px: float) -> float:
    """(2Φ(Δp/σ) − 1)·V of the bucket that ends at `px`; learns σ afterwards."""
    change = math.log(px / state.end_px) if state.end_px > 0.0 else 0.0
    weight, share = state.change_weight, 0.0
    if weight > 0.0 and state.change_square > 0.0:
        share = math.erf(change / math.sqrt(2.0 * state.change_square))
    if state.end_px > 0.0 and change != 0.0:
        weight = min(weight + 1.0, 2.0 * N_BUCKETS)
        state.change_square = blend(state.change_square, change * change, 1.0 / weight)
        state.change_weight = weight
    state.end_px = px
    return share * state.bucket_qty


@compiled
def _close_bucket(state: Rec, params: Rec, px: float) -> None:
    """The open bucket is full: keep its imbalance and read VPIN anew."""
    at = state.at
    state.imbalance[at] = _bulk_imbalance(state, px) if params.bulk else state.bought - state.sold
    state.volume[at] = state.bucket_qty
    state.at = (at + 1) % N_BUCKETS
    state.buckets += 1
    state.bought = state.sold = state.bucket_qty = 0.0
    if state.buckets < params.min_buckets:
        return
    absolute = volume = direction = recent = 0.0
    for age in range(min(state.buckets, N_BUCKETS)):
        k = (at - age) % N_BUCKETS
        absolute += abs(state.imbalance[k])
        volume += state.volume[k]
        if age < N_RECENT:
            direction += state.imbalance[k]
            recent += state.volume[k]
    state.value = absolute / volume
    state.signed = state.value * direction / recent


@compiled
def vpin_order(state: Rec, params: Rec, index: int, qty: float, px: float, now_ns: int) -> None:
    """Count an aggressor order of `qty` on side `index` (0 bid, 1 ask); `px` is read with bulk only."""
    if not (0.0 < qty < np.inf) or (params.bulk and not (0.0 < px < np.inf)):
        return
    if not vpin_advance(state, params, now_ns):
        return
    state.slow_qty += qty
    if state.exposure_s < params.warm_s and state.bucket_qty == 0.0:
        return
    left = qty
    for _ in range(N_BUCKETS + 1):  # an order of more than 50 buckets fills all there are
        if state.bucket_qty == 0.0:
            state.bucket_qty = state.slow_qty / state.exposure_s * params.bucket_s
        room = state.bucket_qty - (state.bought + state.sold)
        part = min(left, room)
        if index == 0:
            state.sold += part
        else:
            state.bought += part
        if left < room:
            return
        left -= part
        _close_bucket(state, params, px)


@compiled
def vpin(state: Rec) -> float:
    """Share of volume that is one-sided within its bucket, 0–1; NaN until `min_buckets`."""
    return state.value


@compiled
def vpin_signed(state: Rec) -> float:
    """VPIN × net buying in the last five buckets, within ±1; NaN until `min_buckets`."""
    return state.signed
