"""Fill intensity Λ(δ) = A·e^(−κδ) of each side, from how deep aggressor orders reach.

An order's depth δ is the distance of its deepest print from the mid before it. Above a threshold h
depths are exponential, so with n orders beyond h in T seconds

    κ | data ~ Gamma(α₀ + n, α₀/κ₀ + Σ(δ − h))          mean excess over h, by counts
    rate_h   ~ Gamma(c₀ + n, c₀/r₀ + T)                 Λ(δ) = rate_h·e^(−κ(δ − h)),  A = rate_h·e^(κh)

fitted at three thresholds: 0 (the mean then contains the half-spread), the touch at the time, and
the depth the fee forces one to quote. Which of them quotes is decided by which predicts best: every
slice of the window the fits made before it are scored on it by the Poisson log-loss of the counts
in depth bins around the quoted depth, with an hour's memory. The window is a ring of slices;
κ₀, r₀ are the same fits over the last hour, which themselves start from cold values. Time without a
look longer than `gap_s` is no exposure. Never from the book. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, irregular_weight
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

N_SLICES: Final = 30
N_FITS: Final = 3
NAIVE: Final = 0
TOUCH: Final = 1
QUOTED: Final = 2
N_SCORE: Final = 5
MAX_EXPONENT: Final = 30.0
SWITCH_NATS: Final = 2.0
"""A fit takes over when it has predicted this much better: a likelihood ratio of e²."""
TOUCH_SLACK: Final = 1.2
"""An order is beyond the touch if it reaches a fifth farther: those that only take it stay out."""

# moments of the orders beyond a threshold
COUNT: Final = 0
EXCESS: Final = 1
EXCESS_SQUARED: Final = 2
THRESHOLD: Final = 3

INTENSITY: Final = np.dtype(
    [
        ("beyond", "<f8", (N_SLICES, 2, N_FITS, 4)),  # side 0 bid, 1 ask
        ("orders", "<f8", (N_SLICES, 2)),
        ("qty", "<f8", (N_SLICES, 2)),
        ("depth_qty", "<f8", (N_SLICES, 2)),
        ("exposure_s", "<f8", (N_SLICES,)),
        # sums over the ring
        ("window", "<f8", (2, N_FITS, 4)),
        ("window_orders", "<f8", (2,)),
        ("window_qty", "<f8", (2,)),
        ("window_depth_qty", "<f8", (2,)),
        ("window_s", "<f8"),
        # the last hour, decayed
        ("hour", "<f8", (2, N_FITS, 4)),
        ("hour_s", "<f8"),
        ("touch_bps", "<f8"),  # half-spread, EWMA
        ("slice_at", "<i8"),
        ("slice_end_ns", "<i8"),
        ("last_ns", "<i8"),
        # held-out score
        ("score_counts", "<f8", (2, N_SCORE)),  # of the current slice
        ("fit_rate", "<f8", (2, N_FITS)),  # A as fitted before the current slice
        ("fit_kappa", "<f8", (2, N_FITS)),
        ("loss", "<f8", (N_FITS,)),
        ("chosen", "<i8"),
        ("started", "u1"),
        ("scoring", "u1"),
        ("touch_seen", "u1"),
    ],
    align=True,
)

INTENSITY_PARAMS: Final = np.dtype(
    [
        ("slice_ns", "<i8"),
        ("quoted_bps", "<f8"),
        ("score_bps", "<f8", (N_SCORE,)),
        ("prior_orders", "<f8"),
        ("cold_kappa", "<f8"),
        ("cold_rate", "<f8"),
        ("rate_prior_orders", "<f8"),
        ("memory_s", "<f8"),
        ("gap_s", "<f8"),
        ("prior_qty_orders", "<f8"),
        ("prior_lots", "<f8"),
        ("heavy_cv", "<f8"),
        ("heavy_orders", "<f8"),
    ],
    align=True,
)


def intensity_params(
    *,
    window_s: float = 300.0,
    quoted_bps: float = 1.5,
    prior_orders: float = 1.0,
    cold_kappa_per_bp: float = 0.2,
    cold_rate_per_s: float = 0.1,
    rate_prior_orders: float = 1.0,
    memory_s: float = 3600.0,
    gap_s: float = 60.0,
    prior_aggressor_lots: float = 3.0,
    prior_aggressor_orders: float = 3.0,
    heavy_tail_cv: float = 1.2,
    heavy_tail_orders: float = 20.0,
) -> Rec:
    """Parameters of the fits.

    `quoted_bps` is the depth fees force one to quote (the maker fee, or the touch where larger);
    held-out counts are scored in bins from ⅔ to 3 times it. `prior_orders` is α₀, `rate_prior_orders`
    c₀, `memory_s` the time constant of κ₀, r₀ and the score.
    """
    require("intensity", window_s=window_s, quoted_bps=quoted_bps, prior_orders=prior_orders)
    require("intensity", cold_kappa_per_bp=cold_kappa_per_bp, cold_rate_per_s=cold_rate_per_s)
    require("intensity", rate_prior_orders=rate_prior_orders, memory_s=memory_s, gap_s=gap_s)
    require("intensity", prior_aggressor_lots=prior_aggressor_lots, heavy_tail_cv=heavy_tail_cv)
    require("intensity", prior_aggressor_orders=prior_aggressor_orders, heavy_tail_orders=heavy_tail_orders)
    rec = new_record(INTENSITY_PARAMS)
    rec["slice_ns"] = s_to_ns(window_s / N_SLICES)
    rec["quoted_bps"] = quoted_bps
    rec["score_bps"] = quoted_bps * np.array([2.0 / 3.0, 1.0, 1.5, 2.0, 3.0])
    rec["prior_orders"], rec["cold_kappa"] = prior_orders, cold_kappa_per_bp
    rec["cold_rate"], rec["rate_prior_orders"] = cold_rate_per_s, rate_prior_orders
    rec["memory_s"], rec["gap_s"] = memory_s, gap_s
    rec["prior_lots"], rec["prior_qty_orders"] = prior_aggressor_lots, prior_aggressor_orders
    rec["heavy_cv"], rec["heavy_orders"] = heavy_tail_cv, heavy_tail_orders
    return rec


def init_intensity(state: Rec, params: Rec) -> None:
    """Cold: no orders; the fit at the quoted depth quotes until scores say otherwise."""
    state["chosen"] = QUOTED


@compiled
def threshold_bps(state: Rec, params: Rec, fit: int) -> float:
    """The threshold of `fit` (NAIVE, TOUCH or QUOTED) as it stands now."""
    if fit == NAIVE:
        return 0.0
    return TOUCH_SLACK * state.touch_bps if fit == TOUCH else params.quoted_bps


@compiled
def kappa_posterior(state: Rec, params: Rec, index: int, fit: int) -> tuple[float, float]:
    """Shape (orders) and rate (bps) of the Gamma posterior of κ on side `index`."""
    prior, hour = params.prior_orders, state.hour[index, fit]
    kappa_0 = (prior + hour[COUNT]) / (prior / params.cold_kappa + hour[EXCESS])
    beyond = state.window[index, fit]
    return prior + beyond[COUNT], prior / kappa_0 + beyond[EXCESS]


@compiled
def rate_posterior(state: Rec, params: Rec, index: int, fit: int) -> tuple[float, float]:
    """Shape (orders) and rate (s) of the Gamma posterior of the orders per second beyond h."""
    prior = params.rate_prior_orders
    cold = params.cold_rate * math.exp(-params.cold_kappa * threshold_bps(state, params, fit))
    rate_0 = (prior + state.hour[index, fit, COUNT]) / (prior / cold + state.hour_s)
    return prior + state.window[index, fit, COUNT], prior / rate_0 + state.window_s


@compiled
def fit_side(state: Rec, params: Rec, index: int, fit: int) -> tuple[float, float]:
    """(A, κ) of side `index` by `fit`: orders/s extrapolated to the mid, 1/bp."""
    shape, scale = kappa_posterior(state, params, index, fit)
    kappa = shape / scale
    orders, seconds = rate_posterior(state, params, index, fit)
    n = state.window[index, fit, COUNT]
    h = (threshold_bps(state, params, fit) + state.window[index, fit, THRESHOLD]) / (1.0 + n)
    return orders / seconds * math.exp(min(kappa * h, MAX_EXPONENT)), kappa


@compiled
def intensity_side(state: Rec, params: Rec, index: int) -> tuple[float, float]:
    """(A, κ) of side `index` (0 bid, 1 ask) by the fit that predicts best."""
    return fit_side(state, params, index, state.chosen)


@compiled
def gamma_interval(shape: float, rate: float) -> tuple[float, float]:
    """Central 95 % interval of Gamma(shape, rate) by Wilson–Hilferty (1931).

    Against exact quantiles: upper end within 1.5 % for shape ≥ 1; lower end within 1 % for shape
    ≥ 6, 8 % for shape ≥ 2, and half the exact value at shape 1.
    """
    c = 1.0 / (9.0 * shape)
    spread = 1.959963984540054 * math.sqrt(c)
    low = max(1.0 - c - spread, 0.0)
    high = 1.0 - c + spread
    return shape / rate * low**3, shape / rate * high**3


@compiled
def kappa_interval(state: Rec, params: Rec, index: int) -> tuple[float, float]:
    """95 % interval of the κ that quotes on side `index`, 1/bp."""
    shape, rate = kappa_posterior(state, params, index, state.chosen)
    return gamma_interval(shape, rate)


@compiled
def rate_interval(state: Rec, params: Rec, index: int) -> tuple[float, float]:
    """95 % interval of the orders per second that reach the threshold of the fit that quotes."""
    shape, rate = rate_posterior(state, params, index, state.chosen)
    return gamma_interval(shape, rate)


@compiled
def excess_cv(state: Rec, index: int, fit: int) -> float:
    """Coefficient of variation of the excess over h in the window: 1 if exponential, NaN if empty."""
    beyond = state.window[index, fit]
    n = beyond[COUNT]
    if n < 2.0 or beyond[EXCESS] <= 0.0:
        return np.nan
    level = beyond[EXCESS] / n
    return math.sqrt(max(beyond[EXCESS_SQUARED] / n - level * level, 0.0)) / level


@compiled
def is_heavy_tailed(state: Rec, params: Rec, index: int) -> bool:
    """Whether depths beyond the touch vary more than exponential ones (CV > 1.2, enough orders)."""
    if state.window[index, TOUCH, COUNT] < params.heavy_orders:
        return False
    return excess_cv(state, index, TOUCH) > params.heavy_cv


@compiled
def weighted_depth_bps(state: Rec, index: int) -> float:
    """Volume-weighted mean depth of the window's orders, for display; NaN if there are none."""
    if state.window_qty[index] <= 0.0:
        return np.nan
    return state.window_depth_qty[index] / state.window_qty[index]


@compiled
def aggressor_lots(state: Rec, params: Rec, lot_qty: float) -> float:
    """L: mean volume of one aggressor order, in lots of `lot_qty`, with its prior."""
    prior = params.prior_qty_orders
    orders = state.window_orders[0] + state.window_orders[1]
    lots = (state.window_qty[0] + state.window_qty[1]) / lot_qty
    return (lots + prior * params.prior_lots) / (orders + prior)


@compiled
def _score_slice(state: Rec, params: Rec) -> None:
    """Add the log-loss of each fit on the slice that ends, then let the fit that lost least take over."""
    seconds = state.exposure_s[state.slice_at]
    kept = math.exp(-seconds / params.memory_s)
    for fit in range(N_FITS):
        loss = 0.0
        for side in range(2):
            rate, kappa = state.fit_rate[side, fit], state.fit_kappa[side, fit]
            reached = rate * seconds * math.exp(-kappa * params.score_bps[0])
            for k in range(N_SCORE):
                deeper = 0.0
                if k + 1 < N_SCORE:
                    deeper = rate * seconds * math.exp(-kappa * params.score_bps[k + 1])
                expected = max(reached - deeper, 1e-9)
                loss += expected - state.score_counts[side, k] * math.log(expected)
                reached = deeper
        state.loss[fit] = kept * state.loss[fit] + loss
    best = state.chosen
    for fit in range(N_FITS):
        if state.loss[fit] < state.loss[best]:
            best = fit
    if state.loss[best] < state.loss[state.chosen] - SWITCH_NATS:
        state.chosen = best


@compiled
def _sum_window(state: Rec) -> None:
    """Sum the ring anew, so that no rounding error gathers."""
    state.window[:] = 0.0
    state.window_orders[:] = 0.0
    state.window_qty[:] = 0.0
    state.window_depth_qty[:] = 0.0
    state.window_s = 0.0
    for s in range(N_SLICES):
        state.window_s += state.exposure_s[s]
        for side in range(2):
            state.window_orders[side] += state.orders[s, side]
            state.window_qty[side] += state.qty[s, side]
            state.window_depth_qty[side] += state.depth_qty[s, side]
            for fit in range(N_FITS):
                for m in range(4):
                    state.window[side, fit, m] += state.beyond[s, side, fit, m]


@compiled
def _next_slice(state: Rec, params: Rec) -> None:
    """Close the current slice: score it, hand it to the hour, open the next one empty."""
    at = state.slice_at
    if state.scoring and state.exposure_s[at] > 0.0:
        _score_slice(state, params)
    kept = math.exp(-state.exposure_s[at] / params.memory_s)
    state.hour_s = kept * state.hour_s + state.exposure_s[at]
    for side in range(2):
        for fit in range(N_FITS):
            for m in range(4):
                state.hour[side, fit, m] = kept * state.hour[side, fit, m] + state.beyond[at, side, fit, m]
    at = (at + 1) % N_SLICES
    state.slice_at = at
    state.beyond[at] = 0.0
    state.orders[at] = 0.0
    state.qty[at] = 0.0
    state.depth_qty[at] = 0.0
    state.exposure_s[at] = 0.0
    state.score_counts[:] = 0.0


@compiled
def intensity_advance(state: Rec, params: Rec, now_ns: int) -> None:
    """Let time pass: exposure up to `now_ns`, slices that end. Backwards time changes nothing."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        state.slice_end_ns = now_ns + params.slice_ns
        return
    if now_ns <= state.last_ns:
        return
    elapsed_s = seconds_between(state.last_ns, now_ns)
    state.last_ns = now_ns
    if elapsed_s <= params.gap_s:
        state.exposure_s[state.slice_at] += elapsed_s
        state.window_s += elapsed_s
    if now_ns < state.slice_end_ns:
        return
    passed = (now_ns - state.slice_end_ns) // params.slice_ns + 1
    state.slice_end_ns += passed * params.slice_ns
    for _ in range(min(passed, N_SLICES)):
        _next_slice(state, params)
    _sum_window(state)
    for side in range(2):
        for fit in range(N_FITS):
            rate, kappa = fit_side(state, params, side, fit)
            state.fit_rate[side, fit] = rate
            state.fit_kappa[side, fit] = kappa
    state.scoring = 1


@compiled
def intensity_touch(state: Rec, elapsed_s: float, half_spread_bps: float) -> None:
    """Learn the touch: half-spread in bps that stood for `elapsed_s` (half-life a minute)."""
    if not (0.0 <= half_spread_bps < np.inf and elapsed_s > 0.0):
        return
    if not state.touch_seen:
        state.touch_seen = 1
        state.touch_bps = half_spread_bps
    state.touch_bps = blend(state.touch_bps, half_spread_bps, irregular_weight(0.0, elapsed_s, 60.0))


@compiled
def intensity_order(state: Rec, params: Rec, index: int, depth: float, qty: float, now_ns: int) -> None:
    """Count an aggressor order that hit side `index` and reached `depth` bps; NaN: no update.

    `qty` 0: the touch itself ran over this depth (`kernel.crossing`), which is a fill but no order.
    """
    intensity_advance(state, params, now_ns)
    if not (abs(depth) < np.inf and 0.0 <= qty < np.inf):
        return
    at = state.slice_at
    if qty > 0.0:
        state.orders[at, index] += 1.0
        state.window_orders[index] += 1.0
        state.qty[at, index] += qty
        state.window_qty[index] += qty
        state.depth_qty[at, index] += max(depth, 0.0) * qty
        state.window_depth_qty[index] += max(depth, 0.0) * qty
    for fit in range(N_FITS):
        h = threshold_bps(state, params, fit)
        excess = depth - h
        if excess <= 0.0:
            continue
        for ring in (state.beyond[at, index, fit], state.window[index, fit]):
            ring[COUNT] += 1.0
            ring[EXCESS] += excess
            ring[EXCESS_SQUARED] += excess * excess
            ring[THRESHOLD] += h
    if depth >= params.score_bps[0]:
        k = N_SCORE - 1
        while depth < params.score_bps[k]:
            k -= 1
        state.score_counts[index, k] += 1.0
