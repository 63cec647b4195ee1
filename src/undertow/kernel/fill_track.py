"""Fills followed over the markout horizons in constant memory.

Pending fills wait in slots, per horizon, side and depth node; a slot spans a quarter of its horizon,
and fills of one slot are summed. So no fill is left out and nothing overflows while looks come. A
slot is read at the mean time of its fills plus the horizon. One read later than a quarter of its horizon
(at least 1 s) after it was due, as after a gap in the feed, is dropped and counted in `dropped`; so
is a fill that finds all slots held.

The signed loss of a maker's fill (docs/model.md §3; side +1: maker bought):

    loss(h) = −side·( 10⁴·ln(mid(t + h)/mid(t)) − μ̂_t·(1 − e^(−θh))/θ − a_t·(1 − e^(−θ_a·h)) )

with mid(t) the mid its order was priced against, net of the drift and of the short-lived alphas (a, bps
in all, decaying at θ_a) then believed, which the reservation price carried.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.aggressor import maker_side
from undertow.kernel.drift import expected_move_bps
from undertow.records import Rec

HORIZONS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
DEPTH_NODES_BPS: Final = (0.0, 0.25, 0.75, 1.5, 3.0, 6.0, 12.0, 24.0, 48.0)
N_HORIZONS: Final = len(HORIZONS_S)
N_NODES: Final = len(DEPTH_NODES_BPS)
N_SLOTS: Final = 7
FOLLOWED: Final = 3
"""The horizon (5 s) at which it is learned how losses follow volatility."""
FEWEST: Final = 20.0
"""Fills of a node before its mean loss is anything to compare with."""
SLOTS_PER_HORIZON: Final = 4.0
HORIZONS: Final = np.array(HORIZONS_S)
NODES: Final = np.array(DEPTH_NODES_BPS)
NEVER_NS: Final = 2**63 - 1

SLOT: Final = np.dtype(
    [
        ("time_ns", "<i8"),  # of the first fill
        ("delay_ns", "<f8"),  # Σ weight·(time − time of the first)
        ("log_mid", "<f8"),  # Σ weight·ln(mid)
        ("drift", "<f8"),  # Σ weight·μ̂
        ("alpha", "<f8"),  # Σ weight·alpha, bps
        ("weight", "<f8"),
    ],
    align=True,
)

TRACK: Final = np.dtype(
    [
        ("slot", SLOT, (N_HORIZONS, 2, N_NODES, N_SLOTS)),  # side 0 bid, 1 ask
        ("first", "u1", (N_HORIZONS, 2, N_NODES)),
        ("held", "u1", (N_HORIZONS, 2, N_NODES)),
        ("due_ns", "<i8", (N_HORIZONS,)),  # no slot of this horizon is due earlier
        ("fills", "<f8", (N_HORIZONS, 2, N_NODES)),  # decayed Σ weight
        ("loss", "<f8", (N_HORIZONS, 2, N_NODES)),  # decayed Σ weight·loss, bps
        ("dropped", "<i8", (N_HORIZONS,)),  # slots read too late, fills that found no slot
        # how losses follow volatility, at `FOLLOWED`; e is the excess of σ, L the node's mean loss
        ("excess", "<f8", (2, N_NODES, N_SLOTS)),  # Σ weight·e of the pending slots
        ("follow_cross", "<f8"),  # decayed Σ weight·e·L·(loss − L)
        ("follow_power", "<f8"),  # decayed Σ weight·(e·L)²
    ],
    align=True,
)


def init_track(track: Rec) -> None:
    """Nothing is pending."""
    track["due_ns"] = NEVER_NS


@compiled
def node_below(depth: float) -> int:
    """The deepest node that `depth` (bps) reaches; the first for negative depths."""
    j = 0
    while j + 1 < N_NODES and depth >= NODES[j + 1]:
        j += 1
    return j


@compiled
def follow(
    track: Rec,
    index: int,
    node: int,
    weight: float,
    log_mid: float,
    drift: float,
    alpha: float,
    excess: float,
    now_ns: int,
) -> None:
    """Put a fill into the pending slots of every horizon; `excess`: σ/σ_ref − 1 at it."""
    for k in range(N_HORIZONS):
        horizon_ns = int(HORIZONS[k] * 1e9)
        held = track.held[k, index, node]
        first = track.first[k, index, node]
        if held > 0:
            at = (first + held - 1) % N_SLOTS
            newest = track.slot[k, index, node, at]
            if now_ns - newest.time_ns < horizon_ns / SLOTS_PER_HORIZON:
                newest.delay_ns += weight * (now_ns - newest.time_ns)
                newest.log_mid += weight * log_mid
                newest.drift += weight * drift
                newest.alpha += weight * alpha
                newest.weight += weight
                if k == FOLLOWED:
                    track.excess[index, node, at] += weight * excess
                continue
        if held == N_SLOTS:
            track.dropped[k] += 1
            continue
        at = (first + held) % N_SLOTS
        slot = track.slot[k, index, node, at]
        slot.time_ns = now_ns
        slot.delay_ns = 0.0
        slot.log_mid = weight * log_mid
        slot.drift = weight * drift
        slot.alpha = weight * alpha
        slot.weight = weight
        if k == FOLLOWED:
            track.excess[index, node, at] = weight * excess
        track.held[k, index, node] = held + 1
        track.due_ns[k] = min(track.due_ns[k], now_ns + horizon_ns)


@compiled
def _read_slot(
    track: Rec, k: int, index: int, node: int, at: int, log_mid: float, theta: float, alpha_decay: float
) -> None:
    slot = track.slot[k, index, node, at]
    weight = slot.weight
    expected = expected_move_bps(slot.drift / weight, theta, HORIZONS[k])
    expected += slot.alpha / weight * -math.expm1(-alpha_decay * HORIZONS[k])
    move = 1e4 * (log_mid - slot.log_mid / weight)
    loss = -maker_side(index) * (move - expected)
    if k == FOLLOWED and track.fills[k, index, node] >= FEWEST:
        usual = track.loss[k, index, node] / track.fills[k, index, node]
        foretold = track.excess[index, node, at] / weight * usual
        track.follow_cross += weight * foretold * (loss - usual)
        track.follow_power += weight * foretold**2
    track.fills[k, index, node] += weight
    track.loss[k, index, node] += weight * loss


@compiled
def mature(track: Rec, k: int, now_ns: int, log_mid: float, theta: float, alpha_decay: float) -> None:
    """Read the slots of horizon `k` that are due at `now_ns`."""
    horizon_ns = int(HORIZONS[k] * 1e9)
    late_ns = max(horizon_ns // 4, 1_000_000_000)
    next_ns = NEVER_NS
    for index in range(2):
        for node in range(N_NODES):
            while track.held[k, index, node] > 0:
                first = track.first[k, index, node]
                slot = track.slot[k, index, node, first]
                due_ns = slot.time_ns + int(slot.delay_ns / slot.weight) + horizon_ns
                if due_ns > now_ns:
                    next_ns = min(next_ns, due_ns)
                    break
                track.first[k, index, node] = (first + 1) % N_SLOTS
                track.held[k, index, node] -= 1
                if now_ns - due_ns > late_ns:
                    track.dropped[k] += 1
                else:
                    _read_slot(track, k, index, node, first, log_mid, theta, alpha_decay)
    track.due_ns[k] = next_ns


@compiled
def forget(track: Rec, kept: float) -> None:
    """Let the statistics fade to `kept` of their weight."""
    track.follow_cross *= kept
    track.follow_power *= kept
    for k in range(N_HORIZONS):
        for index in range(2):
            for node in range(N_NODES):
                track.fills[k, index, node] *= kept
                track.loss[k, index, node] *= kept
