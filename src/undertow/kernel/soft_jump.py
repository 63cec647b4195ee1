"""Soft jumps: how likely each tick's return was a jump, from a two-component mixture.

With x = r/√d the return of a tick per root second (bps/√s) and p the responsibility of the jumps,

    x ~ (1 − π)·N(0, σ_d²) + π·N(0, σ_j²),   p = π·φ(x; σ_j) / (π·φ(x; σ_j) + (1 − π)·φ(x; σ_d))
    S_w ← φS_w + 1,  S_p ← φS_p + p,  S_j ← φS_j + p·x²,  S_d ← φS_d + (1 − p)·x²      φ = 2^(−1/half-life)
    π    = (n₀·π₀ + S_p) / (n₀ + S_w)
    σ_d² = (n₀·σ_a² + S_d) / (n₀ + S_w − S_p)
    σ_j² = (π₀n₀·ratio²·σ_d² + S_j) / (π₀n₀ + S_p),   never below separation²·σ_d²

online EM (Cappé & Moulines 2009) with forgetting and conjugate priors worth n₀ ticks. The ratio
σ_jump/σ_diff is a *prior* (3–5); the data move it. What keeps the components from changing places is
the separation, and the anchor σ_a: the running median of |x| over .6745, of which a few jumps are no
part, however wrong the start; the first `WARM_UP` returns move it alone. Toxicity is π, the rolling
share of jumps.

Uncertainty: the empirical information of (π, ln σ_d, ln σ_j), the weighted sum of the products of
scores plus the priors', inverted and times Σw²/Σw for exponential weights.

A return that is not finite or a duration ≤ 0 changes nothing. A return of 0 is a return.
Source: docs/model.md §5; Cappé & Moulines, JRSS B 71 (2009) 593–613; Louis, JRSS B 44 (1982) 226–233.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import step_weight
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record

MEDIAN_OF_NORMAL: Final = 0.6744897501960817
MEDIAN_STEP: Final = 0.02
"""Smallest relative step of the running median, once it has found its place."""
WARM_UP: Final = 10

SOFT_JUMP: Final = np.dtype(
    [
        ("weight", "<f8"),  # S_w
        ("weight_squared", "<f8"),
        ("jumps", "<f8"),  # S_p
        ("jump_square", "<f8"),  # S_j, bps²/s
        ("calm_square", "<f8"),  # S_d, bps²/s
        ("information", "<f8", (6,)),  # ππ, πd, πj, dd, dj, jj
        ("median", "<f8"),  # of |x|, bps/√s
        ("pi", "<f8"),
        ("calm_variance", "<f8"),  # σ_d², bps²/s
        ("jump_variance", "<f8"),  # σ_j², bps²/s
        ("latest", "<f8"),  # P(jump) of the last return, NaN before the first
        ("ticks", "<i8"),
    ],
    align=True,
)

SOFT_JUMP_PARAMS: Final = np.dtype(
    [
        ("kept", "<f8"),
        ("prior_pi", "<f8"),
        ("prior_ratio", "<f8"),
        ("prior_sigma", "<f8"),
        ("prior_ticks", "<f8"),
        ("separation", "<f8"),
    ],
    align=True,
)


def soft_jump_params(
    *,
    half_life_ticks: float = 500.0,
    prior_pi: float = 0.05,
    prior_ratio: float = 4.0,
    prior_sigma_bps_per_sqrt_s: float = 1.0,
    prior_ticks: float = 20.0,
    separation: float = 1.5,
) -> Rec:
    """Forgetting, π₀, σ_jump/σ_diff of the prior (3–5), first σ_a, n₀, smallest σ_j/σ_d."""
    require("soft_jump", half_life_ticks=half_life_ticks, prior_ticks=prior_ticks)
    require("soft_jump", high=0.5, prior_pi=prior_pi)
    require("soft_jump", prior_sigma=prior_sigma_bps_per_sqrt_s)
    if not 3.0 <= prior_ratio <= 5.0:
        raise ValueError(f"soft_jump: prior_ratio = {prior_ratio} must lie within 3 and 5")
    require("soft_jump", low=1.0, high=prior_ratio, separation=separation)
    rec = new_record(SOFT_JUMP_PARAMS)
    rec["kept"] = 1.0 - step_weight(half_life_ticks)
    rec["prior_pi"], rec["prior_ratio"] = prior_pi, prior_ratio
    rec["prior_sigma"], rec["prior_ticks"] = prior_sigma_bps_per_sqrt_s, prior_ticks
    rec["separation"] = separation
    return rec


def init_soft_jump(state: Rec, params: Rec) -> None:
    """The prior, and no return yet."""
    state["median"] = MEDIAN_OF_NORMAL * params["prior_sigma"]
    state["pi"] = params["prior_pi"]
    state["calm_variance"] = params["prior_sigma"] ** 2
    state["jump_variance"] = (params["prior_ratio"] * params["prior_sigma"]) ** 2
    state["latest"] = np.nan


@compiled
def jump_probability(state: Rec, return_bps: float, duration_s: float) -> float:
    """P(jump) of a return, by what is known now; NaN if it is not finite or took no time."""
    if not (abs(return_bps) < np.inf and 0.0 < duration_s < np.inf):
        return np.nan
    square = return_bps * return_bps / duration_s
    # ln of the odds of calm against jump
    odds = math.log((1.0 - state.pi) / state.pi) + 0.5 * (
        math.log(state.jump_variance / state.calm_variance)
        + square / state.jump_variance
        - square / state.calm_variance
    )
    return 0.0 if odds > 700.0 else 1.0 / (1.0 + math.exp(odds))


@compiled
def _learn_scores(state: Rec, params: Rec, p: float, square: float) -> None:
    """Add the products of the scores of (π, ln σ_d, ln σ_j) at this return."""
    of_pi = (p - state.pi) / (state.pi * (1.0 - state.pi))
    of_calm = (1.0 - p) * (square / state.calm_variance - 1.0)
    of_jump = p * (square / state.jump_variance - 1.0)
    info = state.information
    for k in range(6):
        info[k] *= params.kept
    info[0] += of_pi * of_pi
    info[1] += of_pi * of_calm
    info[2] += of_pi * of_jump
    info[3] += of_calm * of_calm
    info[4] += of_calm * of_jump
    info[5] += of_jump * of_jump


@compiled
def _maximise(state: Rec, params: Rec) -> None:
    """π, σ_d², σ_j² from the sums and the prior."""
    n, rare = params.prior_ticks, params.prior_ticks * params.prior_pi
    anchor = (state.median / MEDIAN_OF_NORMAL) ** 2
    state.pi = (rare + state.jumps) / (n + state.weight)
    calm = (n * anchor + state.calm_square) / (n + state.weight - state.jumps)
    jump = (rare * params.prior_ratio**2 * calm + state.jump_square) / (rare + state.jumps)
    state.calm_variance = calm
    state.jump_variance = max(jump, params.separation**2 * calm)


@compiled
def _move_median(state: Rec, square: float) -> None:
    """One stochastic step of the median of |x| towards this return, in logs."""
    step = max(MEDIAN_STEP, 1.0 / (1.0 + 0.5 * state.ticks))
    at = state.median * state.median
    if square > at:
        state.median *= math.exp(step)
    elif 0.0 < square < at:
        state.median *= math.exp(-step)


@compiled
def soft_jump_tick(state: Rec, params: Rec, return_bps: float, duration_s: float) -> None:
    """Learn one tick's return (bps) over `duration_s` seconds."""
    p = jump_probability(state, return_bps, duration_s)
    if np.isnan(p):
        return
    square = return_bps * return_bps / duration_s
    _move_median(state, square)
    state.ticks += 1
    if state.ticks > WARM_UP:
        _learn_scores(state, params, p, square)
        state.weight = params.kept * state.weight + 1.0
        state.weight_squared = params.kept * params.kept * state.weight_squared + 1.0
        state.jumps = params.kept * state.jumps + p
        state.jump_square = params.kept * state.jump_square + p * square
        state.calm_square = params.kept * state.calm_square + (1.0 - p) * square
    _maximise(state, params)
    state.latest = p


@compiled
def toxicity(state: Rec) -> float:
    """π: the rolling share of returns that are jumps."""
    return state.pi


@compiled
def sigma_calm(state: Rec) -> float:
    """σ_d, bps/√s."""
    return math.sqrt(state.calm_variance)


@compiled
def sigma_jump(state: Rec) -> float:
    """σ_j, bps/√s."""
    return math.sqrt(state.jump_variance)


@compiled
def soft_jump_errors(state: Rec, params: Rec) -> tuple[float, float, float]:
    """Standard errors of (π, ln σ_d, ln σ_j)."""
    n, info = params.prior_ticks, state.information
    a = info[0] + n / (state.pi * (1.0 - state.pi))
    b, c = info[1], info[2]
    d = info[3] + 2.0 * n
    e = info[4]
    f = info[5] + 2.0 * n * params.prior_pi
    minor_a, minor_d, minor_f = d * f - e * e, a * f - c * c, a * d - b * b
    det = a * minor_a - b * (b * f - c * e) + c * (b * e - c * d)
    factor = state.weight_squared / state.weight if state.weight > 0.0 else 1.0
    scale = factor / det
    return math.sqrt(scale * minor_a), math.sqrt(scale * minor_d), math.sqrt(scale * minor_f)
