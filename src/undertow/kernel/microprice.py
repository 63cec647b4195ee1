"""The microprice: where the book and the flow say the mid is about to be, learned online.

    offset = w·x,   x = h·(touch imbalance, BIM(10), fast flow imbalance),   h the half-spread, bps
    start  w₀ = (1, 0, 0): mid + ½·spread·imbalance                (Stoikov 2018, first order)
    w = argmin Σ kept·(y − w·x)² + n₀·Σ_j m_j·(w_j − w₀_j)²,   m_j the mean square of x_j

y is the mid's move in bps over `horizon_s` after x was seen. The sums Σxxᵀ, Σxy halve in
`half_life_s`, so w is recursive least squares with forgetting, written as the moments that it
solves: the penalty is worth n₀ observations at any scale of x and stays where forgetting takes the
data away. h is held within `spread_cap` (default 1) times its slow average: moves do not grow with
the spread of the moment, and a torn book must not shout (gain on Hyperliquid BTC, 1 s: .188 at cap 1
and half-life 1800 s, .154 at cap 3 and 60 s). Imbalances other than that of the touch say 0 while
unknown.

What x promises is kept in a ring of `N_PENDING` entries until the horizon has passed and only then
learned from: no look-ahead. One that matures more than half a horizon late is dropped. The gain,
1 − Σ(y − offset)²/Σy², is of offsets that were given before y was known. Silent before
`min_observations`. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.ewma import clip, decay, irregular_weight
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

N_REGRESSORS: Final = 3
N_PENDING: Final = 16
PER_HORIZON: Final = 8
"""Observations start this often within a horizon; the ring holds twice that."""

MICROPRICE: Final = np.dtype(
    [
        ("weight", "<f8", (N_REGRESSORS,)),
        ("offset_bps", "<f8"),  # learned microprice − mid now, warm or not; NaN while unknown
        ("xx", "<f8", (N_REGRESSORS, N_REGRESSORS)),  # Σ kept·xxᵀ, bps²
        ("xy", "<f8", (N_REGRESSORS,)),
        ("count", "<f8"),  # Σ kept
        ("observations", "<i8"),
        ("error_square", "<f8"),  # Σ kept·(y − offset)², warm offsets
        ("move_square", "<f8"),  # Σ kept·y² of the same
        ("scored", "<i8"),
        ("spread_sum", "<f8"),  # average half-spread
        ("spread_weight", "<f8"),
        ("now_ns", "<i8"),
        ("learned_ns", "<i8"),
        ("pending_ns", "<i8", (N_PENDING,)),
        ("pending_mid", "<f8", (N_PENDING,)),
        ("pending_offset", "<f8", (N_PENDING,)),
        ("pending_warm", "u1", (N_PENDING,)),
        ("pending_x", "<f8", (N_PENDING, N_REGRESSORS)),
        ("first", "<i8"),  # slot of the oldest
        ("held", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

MICROPRICE_PARAMS: Final = np.dtype(
    [
        ("horizon_ns", "<i8"),
        ("half_life_s", "<f8"),
        ("prior_observations", "<f8"),
        ("prior_weight", "<f8", (N_REGRESSORS,)),
        ("min_observations", "<i8"),
        ("spread_cap", "<f8"),
        ("spread_half_life_s", "<f8"),
        ("gap_s", "<f8"),
    ],
    align=True,
)


def microprice_params(
    *,
    horizon_s: float = 1.5,
    half_life_s: float = 1800.0,
    prior_observations: float = 50.0,
    prior_weight: float = 1.0,
    min_observations: int = 200,
    spread_cap: float = 1.0,
    spread_half_life_s: float = 600.0,
    gap_s: float = 10.0,
) -> Rec:
    """Horizon and memory (s), n₀, w₀ of the touch, observations before it speaks (up to 8 a horizon)."""
    require("microprice", horizon_s=horizon_s, half_life_s=half_life_s, gap_s=gap_s)
    require("microprice", prior_observations=prior_observations, spread_half_life_s=spread_half_life_s)
    require("microprice", spread_cap=spread_cap)
    require_not_negative("microprice", prior_weight=prior_weight, min_observations=min_observations)
    rec = new_record(MICROPRICE_PARAMS)
    rec["horizon_ns"], rec["half_life_s"], rec["gap_s"] = s_to_ns(horizon_s), half_life_s, gap_s
    rec["prior_observations"], rec["prior_weight"] = prior_observations, (prior_weight, 0.0, 0.0)
    rec["min_observations"], rec["spread_cap"] = min_observations, spread_cap
    rec["spread_half_life_s"] = spread_half_life_s
    return rec


def init_microprice(state: Rec, params: Rec) -> None:
    """Start from the touch imbalance."""
    state["weight"] = params["prior_weight"]
    state["offset_bps"] = np.nan


@compiled
def solve_ridge(
    xx: NDArray[np.float64],
    xy: NDArray[np.float64],
    count: float,
    prior_observations: float,
    prior_weight: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> None:
    """Write the ridge solution of the module docstring to `weight` (3); Cholesky in place of numbers.

    A regressor that has never been other than 0 keeps its prior weight.
    """
    a, b, c = xx[0, 0], xx[1, 1], xx[2, 2]
    ridge = prior_observations / count
    r0 = ridge * a if a > 0.0 else 1.0
    r1 = ridge * b if b > 0.0 else 1.0
    r2 = ridge * c if c > 0.0 else 1.0
    l00 = math.sqrt(a + r0)
    l10, l20 = xx[1, 0] / l00, xx[2, 0] / l00
    l11 = math.sqrt(max(b + r1 - l10 * l10, 1e-12 * (b + r1)))
    l21 = (xx[2, 1] - l20 * l10) / l11
    l22 = math.sqrt(max(c + r2 - l20 * l20 - l21 * l21, 1e-12 * (c + r2)))
    u0 = (xy[0] + r0 * prior_weight[0]) / l00
    u1 = (xy[1] + r1 * prior_weight[1] - l10 * u0) / l11
    u2 = (xy[2] + r2 * prior_weight[2] - l20 * u0 - l21 * u1) / l22
    weight[2] = u2 / l22
    weight[1] = (u1 - l21 * weight[2]) / l11
    weight[0] = (u0 - l10 * weight[1] - l20 * weight[2]) / l00


@compiled
def _learn(state: Rec, params: Rec, slot: int, move: float, now_ns: int) -> None:
    """What was promised in `slot` has matured to `move` bps."""
    kept = decay(seconds_between(state.learned_ns, now_ns), params.half_life_s)
    state.learned_ns = max(state.learned_ns, now_ns)
    for i in range(N_REGRESSORS):
        for j in range(i + 1):
            product = state.pending_x[slot, i] * state.pending_x[slot, j]
            state.xx[i, j] = kept * state.xx[i, j] + product
        state.xy[i] = kept * state.xy[i] + state.pending_x[slot, i] * move
    state.count = kept * state.count + 1.0
    state.observations += 1
    error = move - state.pending_offset[slot]
    fresh = 1.0 if state.pending_warm[slot] else 0.0
    state.error_square = kept * state.error_square + fresh * error * error
    state.move_square = kept * state.move_square + fresh * move * move
    if state.pending_warm[slot]:
        state.scored += 1


@compiled
def _mature(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """Learn from every entry whose horizon has passed, oldest first; then solve once."""
    learned = False
    while state.held > 0:
        slot = state.first
        late_ns = now_ns - state.pending_ns[slot] - params.horizon_ns
        if late_ns < 0:
            break
        if 2 * late_ns <= params.horizon_ns:
            _learn(state, params, slot, 1e4 * math.log(mid / state.pending_mid[slot]), now_ns)
            learned = True
        state.first = (slot + 1) & (N_PENDING - 1)
        state.held -= 1
    if learned:
        solve_ridge(
            state.xx, state.xy, state.count, params.prior_observations, params.prior_weight, state.weight
        )


@compiled
def _promise(state: Rec, params: Rec, now_ns: int, mid: float, x: tuple[float, float, float]) -> None:
    """Keep what is seen now until its horizon has passed, unless the last one is too recent."""
    if state.held > 0:
        newest = (state.first + state.held - 1) & (N_PENDING - 1)
        if (now_ns - state.pending_ns[newest]) * PER_HORIZON < params.horizon_ns:
            return
        if state.held == N_PENDING:
            return
    slot = (state.first + state.held) & (N_PENDING - 1)
    state.pending_ns[slot], state.pending_mid[slot] = now_ns, mid
    state.pending_x[slot, 0], state.pending_x[slot, 1], state.pending_x[slot, 2] = x
    state.pending_offset[slot] = state.offset_bps
    state.pending_warm[slot] = state.observations >= params.min_observations
    state.held += 1


@compiled
def _known(imbalance: float) -> float:
    return clip(imbalance, -1.0, 1.0) if abs(imbalance) < np.inf else 0.0


@compiled
def microprice_look(
    state: Rec,
    params: Rec,
    now_ns: int,
    mid: float,
    half_spread_bps: float,
    touch_imbalance: float,
    book_imbalance: float,
    flow_imbalance: float,
) -> None:
    """Look at the market: learn from what has matured, say where the mid goes, promise it.

    Imbalances lie in ±1, positive = more bids, or more buyers. A mid or half-spread that is not
    positive and finite, an unknown touch imbalance and time that runs backwards change nothing.
    """
    if not (0.0 < mid < np.inf and 0.0 < half_spread_bps < np.inf and abs(touch_imbalance) <= 1.0):
        return
    if state.started and now_ns < state.now_ns:
        return
    elapsed_s = seconds_between(state.now_ns, now_ns) if state.started else params.gap_s
    state.started = 1
    state.now_ns = now_ns
    if elapsed_s > params.gap_s:
        state.held = 0
    weight = irregular_weight(0.0, min(elapsed_s, params.gap_s), params.spread_half_life_s)
    state.spread_sum += weight * (half_spread_bps - state.spread_sum)
    state.spread_weight += weight * (1.0 - state.spread_weight)
    _mature(state, params, now_ns, mid)
    half = min(half_spread_bps, params.spread_cap * state.spread_sum / state.spread_weight)
    x = (half * touch_imbalance, half * _known(book_imbalance), half * _known(flow_imbalance))
    state.offset_bps = state.weight[0] * x[0] + state.weight[1] * x[1] + state.weight[2] * x[2]
    _promise(state, params, now_ns, mid, x)


@compiled
def microprice_gap(state: Rec) -> None:
    """The feed reports a gap: what is pending will not be learned from."""
    state.held = 0
    state.offset_bps = np.nan


@compiled
def microprice_feature(state: Rec, params: Rec) -> float:
    """Learned microprice − mid in bps as of the last look; NaN before warm."""
    return state.offset_bps if state.observations >= params.min_observations else np.nan


@compiled
def microprice_gain(state: Rec) -> float:
    """Out-of-sample R² of the warm offsets, forgetting; NaN before the first has matured."""
    return 1.0 - state.error_square / state.move_square if state.move_square > 0.0 else np.nan
