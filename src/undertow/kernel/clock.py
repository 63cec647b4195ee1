"""The volume clock: a tick is one per cent of the volume of the last five minutes.

Returns are close to close of the *mid*, in bps (10⁴·log ratio). A bucket's size is set at the first
block after one closed: share × trailing volume, within bounds, the trailing volume scaled up while
less than the window has been seen; so the order of the prints of a block does not matter. One print
may close several buckets; all buckets closed by one block (one exchange time) are one return, taken
at the first look after the block, with the time of that look.

A bucket is also closed by time: after `max_duration_s` the next *market message* closes it, so a
quiet market yields (small) returns instead of silence. Looks more than `gap_s` apart have a gap in
the feed between them; the return across it is dropped. Timers never close a bucket: a dead feed is
not a calm market. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

N_BINS: Final = 60

CLOCK: Final = np.dtype(
    [
        ("bin_usd", "<f8", (N_BINS,)),  # volume of each slice of the window
        ("bin_end_ns", "<i8"),
        ("bin_at", "<i8"),
        ("start_ns", "<i8"),
        ("look_ns", "<i8"),
        ("trailing_usd", "<f8"),  # of complete slices and the current one
        ("bucket_usd", "<f8"),
        ("filled_usd", "<f8"),
        ("block_ns", "<i8"),  # exchange time of the last print
        ("anchor_mid", "<f8"),
        ("anchor_ns", "<i8"),
        ("return_bps", "<f8"),  # of the last tick
        ("duration_s", "<f8"),  # of the last tick
        ("buckets", "<i8"),  # closed, ever
        ("ticks", "<i8"),  # returns, ever
        ("gaps", "<i8"),
        ("pending", "<i8"),  # buckets closed whose return is still to be taken
        ("started", "u1"),
        ("anchored", "u1"),
        ("resize", "u1"),  # a bucket has closed: the next block opens one of a new size
    ],
    align=True,
)

CLOCK_PARAMS: Final = np.dtype(
    [
        ("share", "<f8"),
        ("window_s", "<f8"),
        ("bin_ns", "<i8"),
        ("min_usd", "<f8"),
        ("max_usd", "<f8"),
        ("max_duration_s", "<f8"),
        ("gap_s", "<f8"),
    ],
    align=True,
)


def clock_params(
    *,
    share: float = 0.01,
    window_s: float = 300.0,
    min_usd: float = 100.0,
    max_usd: float = 1e8,
    max_duration_s: float = 30.0,
    gap_s: float = 60.0,
) -> Rec:
    """Parameters of the clock: a bucket is `share` of the volume of `window_s`, in USD bounds."""
    require("clock", share=share, window_s=window_s, min_usd=min_usd, max_usd=max_usd)
    require("clock", max_duration_s=max_duration_s, gap_s=gap_s)
    rec = new_record(CLOCK_PARAMS)
    rec["share"], rec["window_s"] = share, window_s
    rec["bin_ns"] = s_to_ns(window_s / N_BINS)
    rec["min_usd"], rec["max_usd"] = min_usd, max_usd
    rec["max_duration_s"], rec["gap_s"] = max_duration_s, gap_s
    return rec


def init_clock(state: Rec, params: Rec) -> None:
    """Start: the first bucket has the smallest size until volume has been seen."""
    state["bucket_usd"] = params["min_usd"]


@compiled
def _roll_window(state: Rec, params: Rec, now_ns: int) -> None:
    """Drop the slices that have left the window."""
    if not state.started:
        state.started = 1
        state.start_ns = now_ns
        state.bin_end_ns = now_ns + params.bin_ns
        return
    if now_ns < state.bin_end_ns:
        return
    passed = (now_ns - state.bin_end_ns) // params.bin_ns + 1
    state.bin_end_ns += passed * params.bin_ns
    for _ in range(min(passed, N_BINS)):
        state.bin_at = (state.bin_at + 1) % N_BINS
        state.bin_usd[state.bin_at] = 0.0
    total = 0.0
    for i in range(N_BINS):
        total += state.bin_usd[i]
    state.trailing_usd = total


@compiled
def _resize(state: Rec, params: Rec, now_ns: int) -> None:
    """Size the bucket by the trailing volume, scaled up while less than the window was seen."""
    seen_s = clip(seconds_between(state.start_ns, now_ns), params.bin_ns * 1e-9, params.window_s)
    volume = state.trailing_usd * params.window_s / seen_s
    state.bucket_usd = clip(params.share * volume, params.min_usd, params.max_usd)
    state.resize = 0


@compiled
def clock_trade(state: Rec, params: Rec, exch_ns: int, now_ns: int, usd: float) -> int:
    """Count a print of `usd`; returns how many buckets it closed. Not finite or ≤ 0: no update."""
    if not (0.0 < usd < np.inf):
        return 0
    _roll_window(state, params, now_ns)
    if exch_ns != state.block_ns:
        state.block_ns = exch_ns
        if state.resize:
            _resize(state, params, now_ns)
    state.bin_usd[state.bin_at] += usd
    state.trailing_usd += usd
    state.filled_usd += usd
    if state.filled_usd < state.bucket_usd:
        return 0
    closed = int(state.filled_usd / state.bucket_usd)
    state.filled_usd = max(state.filled_usd - closed * state.bucket_usd, 0.0)
    state.pending += closed
    state.buckets += closed
    state.resize = 1
    return closed


@compiled
def _anchor(state: Rec, now_ns: int, mid: float) -> None:
    state.anchor_mid = mid
    state.anchor_ns = now_ns
    state.anchored = 1
    state.pending = 0


@compiled
def clock_look(state: Rec, params: Rec, exch_ns: int, now_ns: int, mid: float) -> int:
    """Look at the market as it stands at a message: 1 a tick was taken, −1 a gap, 0 neither.

    After 1, `return_bps` and `duration_s` describe the tick. Call on every book message and before
    every print, with the mid then known; a mid that is not positive and finite changes nothing.
    """
    if not (0.0 < mid < np.inf) or now_ns < state.look_ns:
        return 0
    silent_s = seconds_between(state.look_ns, now_ns)
    state.look_ns = now_ns
    if not state.anchored:
        _anchor(state, now_ns, mid)
        return 0
    if silent_s > params.gap_s:
        state.gaps += 1
        _anchor(state, now_ns, mid)
        return -1
    elapsed_s = seconds_between(state.anchor_ns, now_ns)
    if elapsed_s <= 0.0:
        return 0
    if not (state.pending > 0 and exch_ns > state.block_ns) and elapsed_s < params.max_duration_s:
        return 0
    state.return_bps = 1e4 * math.log(mid / state.anchor_mid)
    state.duration_s = elapsed_s
    state.ticks += 1
    _anchor(state, now_ns, mid)
    return 1


@compiled
def clock_gap(state: Rec) -> None:
    """The feed reports a gap: the next look starts anew."""
    state.anchored = 0
    state.pending = 0
    state.gaps += 1
