"""What an own fill says of the drift: filled on the bid, the mid is likelier to fall.

Post-fill returns over h seconds, regressed on side and depth, give the forecast of one fill,

    f = −side·(level + slope·depth)   bps,   side +1 for a buy (our bid was hit): bearish

with Var(f) = f² (given the depth only its sign is random), made an observation of μ like any other
forecast (docs/model.md §4). R grows by 1/(1 − w), w the share of the side of own fills that own skew
explains (a maker that leans on its ask is filled there, whatever the market does), and by
max(1, 2τ/Δt) for fills Δt after the last, since fills come in clusters; fills of one time are one.
Uses own fills, never own inventory. Level and slope are 0, and fills silent, until calibrated.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.drift import observation_of_forecast
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

FILL_BELIEF: Final = np.dtype([("last_ns", "<i8"), ("seen", "u1")], align=True)

FILL_BELIEF_PARAMS: Final = np.dtype(
    [("level", "<f8"), ("slope", "<f8"), ("horizon_s", "<f8"), ("tau_s", "<f8"), ("skew_share", "<f8")],
    align=True,
)


def fill_belief_params(
    *,
    level_bps: float = 0.0,
    slope: float = 0.0,
    horizon_s: float = 10.0,
    tau_s: float = 10.0,
    skew_share: float = 0.0,
) -> Rec:
    """Loss of a fill at the mid (bps over `horizon_s`), its growth per bp of depth, the time in which
    fills cluster, w in [0, 1)."""
    require("belief", fill_horizon_s=horizon_s)
    require_not_negative("belief", fill_tau_s=tau_s, fill_skew_share=skew_share)
    if not (math.isfinite(level_bps) and math.isfinite(slope)):
        raise ValueError(f"belief: fill level {level_bps} and slope {slope} must be finite")
    if skew_share >= 1.0:
        raise ValueError(f"belief: fill_skew_share = {skew_share} must be below 1")
    rec = new_record(FILL_BELIEF_PARAMS)
    rec["level"], rec["slope"], rec["horizon_s"] = level_bps, slope, horizon_s
    rec["tau_s"], rec["skew_share"] = tau_s, skew_share
    return rec


@compiled
def observation_of_fill(
    state: Rec, params: Rec, drift_params: Rec, side: int, depth: float, now_ns: int
) -> tuple[float, float]:
    """(z, R) of an own fill on `side` at `depth` bps from the mid before it; R = ∞: nothing learned.

    A fill not later than the last, an impossible depth, or no loading: nothing learned.
    """
    if params.level == 0.0 and params.slope == 0.0:
        return 0.0, np.inf
    if not abs(depth) < np.inf or (state.seen and now_ns <= state.last_ns):
        return 0.0, np.inf
    persistence = 0.0
    if state.seen:
        persistence = params.tau_s / seconds_between(state.last_ns, now_ns)
    state.seen, state.last_ns = 1, now_ns
    f = -side * (params.level + params.slope * max(depth, 0.0))
    if f == 0.0:
        return 0.0, np.inf
    z, noise = observation_of_forecast(drift_params, f, f * f, params.horizon_s, persistence)
    return z, noise / (1.0 - params.skew_share)
