"""Sweeps: how much of the book aggressors have walked through lately, per side.

    S_side(t) = Σ_i size_i·levels_i·e^(−(t − t_i)/τ)                      venue units × levels, τ = 3 s
    feature   = (S_a − S_b)/lot                                            lots·levels

Exponential weights instead of a window with an edge: the sum expected of a steady flow is the same
(rate·τ), memory is two numbers, and nothing jumps when an old order leaves. All orders count, those
that cross one level least; the score is a diagnostic and a feature, never a gate.

A size that is not positive and finite, fewer than one level, and an order older than the clock
change nothing; simultaneous orders commute. Source: docs/model.md §5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec, new_record
from undertow.units import seconds_between

SWEEPS: Final = np.dtype([("score", "<f8", (2,)), ("last_ns", "<i8"), ("started", "u1")], align=True)
"""`score` in venue units × levels as of `last_ns`, index 0 the bid (swept by sellers)."""

SWEEPS_PARAMS: Final = np.dtype([("tau_s", "<f8")], align=True)


def sweeps_params(*, tau_s: float = 3.0) -> Rec:
    """τ_sweep, 1–5 s."""
    if not 1.0 <= tau_s <= 5.0:
        raise ValueError(f"sweeps: tau_s = {tau_s} must lie within 1 and 5")
    rec = new_record(SWEEPS_PARAMS)
    rec["tau_s"] = tau_s
    return rec


@compiled
def sweeps_advance(state: Rec, params: Rec, now_ns: int) -> bool:
    """Bring the scores to `now_ns`; time that runs backwards changes nothing and gives False."""
    if not state.started:
        state.started = 1
        state.last_ns = now_ns
        return True
    elapsed_s = seconds_between(state.last_ns, now_ns)
    if elapsed_s < 0.0:
        return False
    kept = math.exp(-elapsed_s / params.tau_s)
    state.score[0] *= kept
    state.score[1] *= kept
    state.last_ns = now_ns
    return True


@compiled
def sweeps_order(state: Rec, params: Rec, index: int, qty: float, levels: int, now_ns: int) -> None:
    """Count an aggressor order of `qty` that hit side `index` and crossed `levels` prices."""
    if not (0.0 < qty < np.inf) or levels < 1 or not sweeps_advance(state, params, now_ns):
        return
    state.score[index] += qty * levels


@compiled
def sweep_score(state: Rec, lot_qty: float) -> float:
    """Buy − sell sweeps in lots·levels as of the last advance; NaN before the start."""
    return (state.score[1] - state.score[0]) / lot_qty if state.started else np.nan


@compiled
def sweep_total(state: Rec, lot_qty: float) -> float:
    """Buy + sell sweeps in lots·levels: the larger, the more the score has behind it."""
    return (state.score[0] + state.score[1]) / lot_qty
