"""The six gates, each a rule with a switch, and the records of the maker that stands behind them.

1. **Drift clamp.** The legacy estimator keeps .9 of its mean every cycle and takes .1 of the return of
   the last `trend_cycles` cycles; what reaches the price is held within ±`drift_cap_bps`. For the first
   `stuck_s` it stands at +cap. `drift_inverted` gives the sign it had where it reached the order price.
2. **Toxicity size cut.** Toxicity is the share of recent aggressor volume that hit the side; size falls
   by `toxicity_slope` per unit above `toxicity_from`, 3–17 % over the recorded .52–.67.
3. **Quote gate.** Above `gate_share` of the limit only the reducing side quotes.
4. **Zones.** Yellow from 60 %: spread × 1.5; Red from 80 %: × 2 and + 10 bps, accumulating side cleared;
   Kill from 100 %: accumulating side cleared.
5. **Signal weight.** What trend adds to the gate's share; 0 in the record: the wire was dead.
6. **Smoothed drift.** A slow average of the drift, added to the shift with a weight; 0 in the record.

The limit is `max_orders` orders once the session has lost `reduce_at_loss` (quote currency), before that
`early_limit` times as much. Source: the incident note and plan of 19 February 2026;
docs/recorded-losses.md says which numbers are theirs.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from undertow.compiled import compiled
from undertow.kernel.desk import DESK
from undertow.records import Rec
from undertow.units import offset_bps, seconds_between

MAX_TREND_CYCLES: Final = 64
GREEN: Final = 0
YELLOW: Final = 1
RED: Final = 2
KILL: Final = 3
KEPT: Final = 0.9
"""Share of the legacy drift's mean that a cycle keeps (the documents' decay)."""
SMOOTH_KEPT: Final = 0.99

STATE: Final = np.dtype(
    [
        ("desk", DESK),
        ("cycles", "<i8"),
        ("cycle_ns", "<i8"),
        ("first_ns", "<i8"),
        ("tape_ns", "<i8"),
        ("zone", "<i8"),
        ("reduced", "<i8"),  # 1 once the loss has reduced the limit
        ("prints", "<f8"),
        ("distance_bps", "<f8"),  # sum over prints
        ("sold", "<f8"),  # decayed aggressor volume, venue's unit
        ("bought", "<f8"),
        ("variance", "<f8"),  # bps²/s
        ("legacy_bps", "<f8"),  # mean of the legacy drift estimator
        ("smoothed_bps", "<f8"),
        ("trend_bps", "<f8"),  # return over the last trend_cycles
        ("center_bps", "<f8"),  # of the quotes, from the mid
        ("q_max", "<f8"),
        ("level_qty", "<f8"),  # venue's unit, from the first mid
        ("mids", "<f8", (MAX_TREND_CYCLES,)),
    ],
    align=True,
)

PARAMS: Final = np.dtype(
    [
        ("gamma", "<f8"),
        ("utilisation_beta", "<f8"),
        ("horizon_s", "<f8"),
        ("prior_kappa_per_bp", "<f8"),
        ("prior_prints", "<f8"),
        ("prior_sigma_bps_per_sqrt_s", "<f8"),
        ("spacing_bps", "<f8"),
        ("order_usd", "<f8"),
        ("max_orders", "<f8"),
        ("early_limit", "<f8"),
        ("reduce_at_loss", "<f8"),
        ("cycle_s", "<f8"),
        ("drift_gain", "<f8"),
        ("drift_cap_bps", "<f8"),
        ("stuck_s", "<f8"),
        ("toxicity_from", "<f8"),
        ("toxicity_slope", "<f8"),
        ("toxicity_half_life_s", "<f8"),
        ("gate_share", "<f8"),
        ("signal_weight", "<f8"),
        ("smoothed_drift_weight", "<f8"),
        ("levels", "<i8"),
        ("trend_cycles", "<i8"),
        ("clamp", "u1"),
        ("drift", "u1"),
        ("drift_inverted", "u1"),
        ("size_cut", "u1"),
        ("gate", "u1"),
        ("zones", "u1"),
    ],
    align=True,
)


class SixGateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the six-gate maker; the defaults are those of 19 February 2026.

    `levels` orders a side worth `order_usd` each at the first mid (4.17 contracts over six levels);
    the limit is `max_orders` of them (8.57 contracts), `early_limit` times that (17.18) before the loss.
    `gamma` is per unit fraction of price. `clamp`, `drift`, `drift_inverted`, `size_cut`, `gate` and
    `zones` switch the protections.
    """

    gamma: float = 0.15
    utilisation_beta: float = 3.0
    horizon_s: float = 60.0
    prior_kappa_per_bp: float = 0.1287
    prior_prints: float = 100.0
    prior_sigma_bps_per_sqrt_s: float = 1.0
    spacing_bps: float = 0.35
    levels: int = 6
    order_usd: float = 20.25
    max_orders: float = 12.33
    early_limit: float = 2.005
    reduce_at_loss: float = 0.28
    cycle_s: float = 5.5
    drift: bool = True
    clamp: bool = True
    drift_inverted: bool = True
    drift_gain: float = 2.0
    drift_cap_bps: float = 3.0
    stuck_s: float = 86.0
    trend_cycles: int = 6
    size_cut: bool = True
    toxicity_from: float = 0.505
    toxicity_slope: float = 1.05
    toxicity_half_life_s: float = 120.0
    gate: bool = True
    gate_share: float = 0.5
    zones: bool = True
    signal_weight: float = 0.0
    smoothed_drift_weight: float = 0.0

    def __post_init__(self) -> None:
        ranges = {
            "gamma": (1e-6, 1e3),
            "utilisation_beta": (0.0, 100.0),
            "horizon_s": (0.0, 36_000.0),
            "prior_kappa_per_bp": (1e-3, 100.0),
            "prior_prints": (1e-3, 1e6),
            "prior_sigma_bps_per_sqrt_s": (1e-3, 1e3),
            "spacing_bps": (0.0, 1e3),
            "levels": (1, 40),
            "order_usd": (1e-9, 1e12),
            "max_orders": (1e-3, 1e9),
            "early_limit": (1.0, 100.0),
            "reduce_at_loss": (0.0, 1e12),
            "cycle_s": (0.0, 3_600.0),
            "drift_gain": (0.0, 1e3),
            "drift_cap_bps": (0.0, 1e3),
            "stuck_s": (0.0, 86_400.0),
            "trend_cycles": (1, MAX_TREND_CYCLES - 1),
            "toxicity_from": (0.0, 1.0),
            "toxicity_slope": (0.0, 10.0),
            "toxicity_half_life_s": (1.0, 86_400.0),
            "gate_share": (0.0, 10.0),
            "signal_weight": (0.0, 10.0),
            "smoothed_drift_weight": (0.0, 10.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"six-gate maker: {name} = {value} must lie in {low:g}..{high:g}")


@compiled
def see_mid(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """Once a cycle: variance, trend, legacy drift and its smoothed copy."""
    if state.cycles == 0:
        state.first_ns = now_ns
    else:
        step_bps = offset_bps(mid, state.mids[(state.cycles - 1) % MAX_TREND_CYCLES])
        dt = max(seconds_between(state.cycle_ns, now_ns), 1e-3)
        state.variance += 0.05 * (step_bps * step_bps / dt - state.variance)
    back = min(params.trend_cycles, state.cycles)
    state.mids[state.cycles % MAX_TREND_CYCLES] = mid
    state.trend_bps = offset_bps(mid, state.mids[(state.cycles - back) % MAX_TREND_CYCLES])
    state.legacy_bps = KEPT * state.legacy_bps + (1.0 - KEPT) * params.drift_gain * state.trend_bps
    state.smoothed_bps = SMOOTH_KEPT * state.smoothed_bps + (1.0 - SMOOTH_KEPT) * state.legacy_bps
    state.cycle_ns = now_ns
    state.cycles += 1


@compiled
def legacy_drift_bps(state: Rec, params: Rec) -> float:
    """The legacy drift as it was logged: stuck at +cap at first, then its mean, clamped."""
    cap = params.drift_cap_bps
    if seconds_between(state.first_ns, state.cycle_ns) < params.stuck_s:
        return cap
    drift = state.legacy_bps + params.smoothed_drift_weight * state.smoothed_bps
    return min(max(drift, -cap), cap) if params.clamp else drift


@compiled
def drift_shift_bps(state: Rec, params: Rec) -> float:
    """How far the quotes are moved from the mid, bps, up positive."""
    if not params.drift:
        return 0.0
    drift = legacy_drift_bps(state, params)
    return -drift if params.drift_inverted else drift


@compiled
def toxicity(state: Rec, side: int) -> float:
    """Share of recent aggressor volume that hit `side`; .5 where nothing traded."""
    total = state.sold + state.bought
    if total <= 0.0:
        return 0.5
    return (state.sold if side > 0 else state.bought) / total


@compiled
def size_factor(state: Rec, params: Rec, side: int) -> float:
    """What the toxicity of `side` leaves of its size: at least .83, as recorded."""
    if not params.size_cut:
        return 1.0
    return max(1.0 - params.toxicity_slope * max(toxicity(state, side) - params.toxicity_from, 0.0), 0.83)


@compiled
def limit_qty(state: Rec, params: Rec, equity: float) -> float:
    """The position limit, venue's unit: reduced for good once the session has lost `reduce_at_loss`."""
    if equity <= -params.reduce_at_loss:
        state.reduced = 1
    full = state.level_qty * params.max_orders
    return full if state.reduced else full * params.early_limit


@compiled
def zone_of(params: Rec, utilisation: float) -> int:
    """Green, Yellow, Red or Kill."""
    if not params.zones or utilisation < 0.6:
        return GREEN
    if utilisation < 0.8:
        return YELLOW
    return RED if utilisation < 1.0 else KILL


@compiled
def zone_spread_bps(params: Rec, zone: int, half_bps: float) -> float:
    """Half-spread as the zone widens it."""
    if zone == YELLOW:
        return 1.5 * half_bps
    if zone >= RED:
        return 2.0 * half_bps + 10.0
    return half_bps


@compiled
def quotes_side(state: Rec, params: Rec, side: int) -> bool:
    """Whether gate, zone and signal let `side` quote; the reducing side always does."""
    position = state.desk.position
    if side * position <= 0.0:
        return True
    if state.zone >= RED:
        return False
    if not params.gate:
        return True
    against = max(-side * state.trend_bps, 0.0) / 10.0
    return abs(position) / state.q_max + params.signal_weight * against <= params.gate_share
