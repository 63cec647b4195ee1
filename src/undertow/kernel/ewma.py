"""Exponential forgetting by half-life, for steps and for irregular times.

The bias-corrected mean keeps a weighted sum and the weight it has gathered:

    s ← (1 − a)·s + a·x,   w ← (1 − a)·w + a,   mean = s / w

so the first observation counts in full and no start value pollutes what follows. A prior worth p
observations is s = p·a·x₀, w = p·a; after n ≪ 1/a observations its share is p/(n + p).
docs/model.md §5 ("EWMA, irregular time"): the weight of an observation that comes Δt after its
predecessor is 1 − (1 − α_tick)·2^(−Δt/half-life); the *value* never decays.
"""

from __future__ import annotations

import math

from undertow.compiled import compiled

_LN2 = math.log(2.0)


@compiled(inline="always")
def decay(elapsed: float, half_life: float) -> float:
    """2^(−elapsed/half_life): what is left of a weight; 1 for no or negative time."""
    if elapsed <= 0.0:
        return 1.0
    return math.exp(-_LN2 * elapsed / half_life)


@compiled(inline="always")
def step_weight(half_life_steps: float) -> float:
    """Weight of a new observation whose predecessors lose half their weight in so many steps."""
    return 1.0 - math.exp(-_LN2 / half_life_steps)


@compiled(inline="always")
def irregular_weight(alpha_tick: float, elapsed_s: float, half_life_s: float) -> float:
    """Weight of an observation `elapsed_s` after its predecessor (docs/model.md §5)."""
    return 1.0 - (1.0 - alpha_tick) * decay(elapsed_s, half_life_s)


@compiled(inline="always")
def blend(old: float, new: float, weight: float) -> float:
    """One step of the recursion: (1 − weight)·old + weight·new."""
    return old + weight * (new - old)


@compiled(inline="always")
def clip(x: float, low: float, high: float) -> float:
    """`x` held within [`low`, `high`]."""
    return min(max(x, low), high)
