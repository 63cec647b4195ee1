"""Predicted against realised fills, per side and depth: the model marks its own work.

For every cycle and every order resting at the venue, the seconds since the last cycle are added to
the exposure of its depth bin (distance from the mid now) and `fill_rate` × seconds, the maker's own
forecast, to the predicted fills. An order counts as filled once, at its first maker fill, in the bin of
its price's distance from the mid last seen. Orders whose acknowledgement is outstanding are not exposed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.events import MAKER
from undertow.instrument import price_of
from undertow.kernel.aggressor import side_index
from undertow.kernel.desk import PENDING_NEW
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import depth_bps, seconds_between

DEPTH_EDGES_BPS: Final = (
    0.0,
    0.25,
    0.5,
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    12.0,
    16.0,
    24.0,
    32.0,
    48.0,
    float("inf"),
)
"""Edges of the depth bins in bps; bin i holds [edge i, edge i+1), below zero belongs to bin 0."""

N_DEPTHS: Final = len(DEPTH_EDGES_BPS) - 1
N_SEEN: Final = 128
_INNER_EDGES: Final = DEPTH_EDGES_BPS[1:-1]

SCORECARD: Final = np.dtype(
    [
        ("exposure_s", "<f8", (2, N_DEPTHS)),  # index 0 bid, 1 ask
        ("predicted_fills", "<f8", (2, N_DEPTHS)),
        ("fills", "<f8", (2, N_DEPTHS)),
        ("seen_id", "<i8", (N_SEEN,)),  # orders already counted, the latest
        ("seen", "<i8"),
        ("last_ns", "<i8"),
        ("mid", "<f8"),
    ],
    align=True,
)

SCORECARD_PARAMS: Final = np.dtype([("max_step_s", "<f8")], align=True)


def scorecard_params(*, max_step_s: float = 10.0) -> Rec:
    """`max_step_s`: cycles further apart than this have a gap between them, which is not scored."""
    require("scorecard", max_step_s=max_step_s)
    rec = new_record(SCORECARD_PARAMS)
    rec["max_step_s"] = max_step_s
    return rec


def init_scorecard(state: Rec, params: Rec) -> None:
    """No order has been seen and no mid is known."""
    state["seen_id"] = -1
    state["mid"] = np.nan


@compiled
def depth_bin(depth: float) -> int:
    """Index of the bin of `depth` (bps)."""
    k = 0
    for edge in _INNER_EDGES:
        if depth < edge:
            return k
        k += 1
    return k


@compiled
def score_cycle(state: Rec, params: Rec, desk: Rec, inst: Rec, now_ns: int, mid: float) -> None:
    """Charge the time since the last cycle to the orders now resting; once per cycle."""
    if not (0.0 < mid < np.inf) or now_ns <= state.last_ns:
        return
    first = np.isnan(state.mid)
    elapsed_s = seconds_between(state.last_ns, now_ns)
    state.last_ns = now_ns
    state.mid = mid
    if first or elapsed_s > params.max_step_s:
        return
    for slot in range(desk.n_working):
        order = desk.working[slot]
        if order.status == PENDING_NEW:
            continue
        side = side_index(order.side)
        k = depth_bin(depth_bps(price_of(inst, order.tick), mid, order.side))
        state.exposure_s[side, k] += elapsed_s
        state.predicted_fills[side, k] += order.fill_rate * elapsed_s


@compiled
def score_fill(state: Rec, row: Rec) -> None:
    """Count a FILL row, if it is its order's first and rested in the book."""
    if row.code != MAKER or np.isnan(state.mid) or not (0.0 < row.px < np.inf):
        return
    for i in range(N_SEEN):
        if state.seen_id[i] == row.ref:
            return
    state.seen_id[state.seen] = row.ref
    state.seen = (state.seen + 1) % N_SEEN
    state.fills[side_index(row.side), depth_bin(depth_bps(row.px, state.mid, row.side))] += 1.0
