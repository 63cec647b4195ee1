"""What the mid does after a fill: the adverse-selection curve AS_side(δ, h).

Every public aggressor order is a fill a maker resting at any depth it reached would have had; every
own fill is one. Each is followed over the horizons of docs/model.md §9. Its signed loss is

    loss(h) = −side·( 10⁴·ln(mid(t + h)/mid(t)) − μ̂_t·(1 − e^(−θh))/θ )          side +1: maker bought

with mid(t) the mid *before* it, net of the drift then believed, which is priced in r already.

Pending fills wait in slots: one per 1/8 of a horizon, per horizon, side and depth node, where fills
of one slot are summed. So memory is constant, nothing overflows while looks come, and every fill
counts; a slot is read as one fill at its first fill's time. A slot read later than a quarter of its
horizon (at least 1 s) after it was due is dropped and counted in `dropped`; so is a fill that finds
its slots full.

Estimate. Public: an order that reached depth D speaks for every node δ ≤ D, so the curve at a node
is the mean over orders at least as deep. Thin data shrink: along horizons towards the shorter one,
along depth towards the shallower node (n₀ pseudo-orders each, against an effective count
1/(1/n + h/T) that allows for overlapping horizons); the root is the prior .25·σ_ref·√min(h, 5 s).
Own fills update it by precision: weight n/(n + 1/(1/n_public + 1/n_own₀)). Read-outs are linear in
depth and horizon, scaled by σ_eff/σ_ref and the tail; the curve is signed, `adverse_selection_bps`
floors it at `floor_bps` (0): being paid for a fill is not priced before it is earned.
Source: docs/model.md §3.
"""

from __future__ import annotations

import math
from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.kernel.aggressor import maker_side, side_index
from undertow.kernel.drift import expected_move_bps
from undertow.kernel.ewma import clip, decay
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

HORIZONS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
DEPTH_NODES_BPS: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
N_HORIZONS: Final = len(HORIZONS_S)
N_NODES: Final = len(DEPTH_NODES_BPS)
N_SLOTS: Final = 10
SLOTS_PER_HORIZON: Final = 8.0
_HORIZONS: Final = np.array(HORIZONS_S)
_NODES: Final = np.array(DEPTH_NODES_BPS)
_NEVER_NS: Final = 2**63 - 1

SLOT: Final = np.dtype(
    [
        ("time_ns", "<i8"),
        ("log_mid", "<f8"),  # Σ weight·ln(mid)
        ("drift", "<f4"),  # Σ weight·μ̂
        ("weight", "<f4"),
    ],
    align=True,
)

TRACK: Final = np.dtype(
    [
        ("slot", SLOT, (N_HORIZONS, 2, N_NODES, N_SLOTS)),
        ("first", "u1", (N_HORIZONS, 2, N_NODES)),
        ("held", "u1", (N_HORIZONS, 2, N_NODES)),
        ("due_ns", "<i8", (N_HORIZONS,)),  # no slot of this horizon is due earlier
        ("fills", "<f8", (N_HORIZONS, 2, N_NODES)),  # decayed Σ weight
        ("loss", "<f8", (N_HORIZONS, 2, N_NODES)),  # decayed Σ weight·loss, bps
        ("square", "<f8", (N_HORIZONS, 2, N_NODES)),  # decayed Σ weight·loss²
        ("dropped", "<i8", (N_HORIZONS,)),
    ],
    align=True,
)
"""Fills being followed and what became of the earlier ones."""

MARKOUT: Final = np.dtype(
    [
        ("public", TRACK),
        ("own", TRACK),
        ("curve", "<f8", (N_HORIZONS, 2, N_NODES)),  # posterior loss, bps, at σ_ref
        ("deviation", "<f8", (N_HORIZONS, 2, N_NODES)),  # its standard deviation, bps
        ("sigma_sum", "<f8"),
        ("sigma_weight", "<f8"),
        ("memory_s", "<f8"),  # decayed seconds observed
        ("refresh_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

MARKOUT_PARAMS: Final = np.dtype(
    [
        ("half_life_s", "<f8"),
        ("prior_orders", "<f8"),
        ("own_prior_fills", "<f8"),
        ("prior_loss", "<f8"),
        ("prior_horizon_s", "<f8"),
        ("prior_sigma", "<f8"),
        ("k_tail", "<f8"),
        ("floor_bps", "<f8"),
        ("theta", "<f8"),
        ("refresh_s", "<f8"),
    ],
    align=True,
)


def markout_params(
    *,
    half_life_s: float = 3600.0,
    prior_orders: float = 10.0,
    own_prior_fills: float = 50.0,
    prior_loss: float = 0.25,
    prior_horizon_s: float = 5.0,
    prior_sigma_bps_per_sqrt_s: float = 1.0,
    k_tail: float = 0.3,
    floor_bps: float = 0.0,
    theta_per_s: float = 0.02,
    refresh_s: float = 1.0,
) -> Rec:
    """Parameters of the curve.

    Loss statistics halve in `half_life_s`; `prior_orders` and `own_prior_fills` are the pseudo-counts
    n₀ and n_own₀; the prior loss is `prior_loss`·σ·√min(h, `prior_horizon_s`); `theta_per_s` is the
    drift's; `floor_bps` −∞ leaves the read-out signed.
    """
    require("markout", half_life_s=half_life_s, prior_orders=prior_orders, own_prior_fills=own_prior_fills)
    require("markout", prior_horizon_s=prior_horizon_s, prior_sigma=prior_sigma_bps_per_sqrt_s)
    require("markout", theta_per_s=theta_per_s, refresh_s=refresh_s)
    require_not_negative("markout", prior_loss=prior_loss, k_tail=k_tail)
    if math.isnan(floor_bps) or floor_bps > 0.0:
        raise ValueError(f"markout: floor_bps = {floor_bps} must not be above 0")
    rec = new_record(MARKOUT_PARAMS)
    rec["half_life_s"], rec["prior_orders"], rec["own_prior_fills"] = (
        half_life_s,
        prior_orders,
        own_prior_fills,
    )
    rec["prior_loss"], rec["prior_horizon_s"] = prior_loss, prior_horizon_s
    rec["prior_sigma"], rec["k_tail"], rec["floor_bps"] = prior_sigma_bps_per_sqrt_s, k_tail, floor_bps
    rec["theta"], rec["refresh_s"] = theta_per_s, refresh_s
    return rec


def init_markout(state: Rec, params: Rec) -> None:
    """The curve starts at the prior, at the prior volatility."""
    state["sigma_sum"] = params["prior_sigma"]
    state["sigma_weight"] = 1.0
    for name in ("public", "own"):
        state[name]["due_ns"] = _NEVER_NS
    markout_refresh(state, params)


@nb.njit(cache=True)
def markout_sigma_ref(state: Rec) -> float:
    """σ_ref, bps/√s: the mean σ_effective at the orders the curve was learned from."""
    return state.sigma_sum / state.sigma_weight


@nb.njit(cache=True)
def _follow(
    track: Rec, index: int, node: int, weight: float, log_mid: float, drift: float, now_ns: int
) -> None:
    """Put a fill into the pending slots of every horizon."""
    for k in range(N_HORIZONS):
        horizon_ns = int(_HORIZONS[k] * 1e9)
        held = track.held[k, index, node]
        if held > 0:
            newest = track.slot[k, index, node, (track.first[k, index, node] + held - 1) % N_SLOTS]
            if now_ns - newest.time_ns < horizon_ns / SLOTS_PER_HORIZON:
                newest.log_mid += weight * log_mid
                newest.drift += weight * drift
                newest.weight += weight
                continue
        if held == N_SLOTS:
            track.dropped[k] += 1
            continue
        slot = track.slot[k, index, node, (track.first[k, index, node] + held) % N_SLOTS]
        slot.time_ns = now_ns
        slot.log_mid = weight * log_mid
        slot.drift = weight * drift
        slot.weight = weight
        track.held[k, index, node] = held + 1
        track.due_ns[k] = min(track.due_ns[k], now_ns + horizon_ns)


@nb.njit(cache=True)
def _node_below(depth: float) -> int:
    """The deepest node that `depth` reaches."""
    j = 0
    while j + 1 < N_NODES and depth >= _NODES[j + 1]:
        j += 1
    return j


@nb.njit(cache=True)
def markout_public(
    state: Rec, index: int, depth: float, mid: float, drift: float, sigma: float, now_ns: int
) -> None:
    """Follow an aggressor order that hit side `index` and reached `depth` bps.

    `mid` before it, `drift` μ̂ (bps/s) and `sigma` σ_effective then. Depths below 0 (a stale mid)
    count at 0; not finite values: no update.
    """
    if not (abs(depth) < np.inf and 0.0 < mid < np.inf and abs(drift) < np.inf and 0.0 < sigma < np.inf):
        return
    state.sigma_sum += sigma
    state.sigma_weight += 1.0
    _follow(state.public, index, _node_below(depth), 1.0, math.log(mid), drift, now_ns)


@nb.njit(cache=True)
def markout_own(state: Rec, side: int, depth: float, mid: float, drift: float, now_ns: int) -> None:
    """Follow an own fill at `depth` bps from the `mid` before it; shared by the two nearest nodes."""
    if not (abs(depth) < np.inf and 0.0 < mid < np.inf and abs(drift) < np.inf):
        return
    index, j, log_mid = side_index(side), _node_below(depth), math.log(mid)
    share = 0.0
    if j + 1 < N_NODES:
        share = clip((depth - _NODES[j]) / (_NODES[j + 1] - _NODES[j]), 0.0, 1.0)
    if share < 1.0:
        _follow(state.own, index, j, 1.0 - share, log_mid, drift, now_ns)
    if share > 0.0:
        _follow(state.own, index, j + 1, share, log_mid, drift, now_ns)


@nb.njit(cache=True)
def _mature_horizon(track: Rec, params: Rec, k: int, now_ns: int, log_mid: float) -> int:
    """Read the due slots of horizon `k`; returns when the next one is due."""
    horizon_ns = int(_HORIZONS[k] * 1e9)
    late_ns = max(horizon_ns // 4, 1_000_000_000)
    next_ns = _NEVER_NS
    for index in range(2):
        for node in range(N_NODES):
            while track.held[k, index, node] > 0:
                slot = track.slot[k, index, node, track.first[k, index, node]]
                due_ns = slot.time_ns + horizon_ns
                if due_ns > now_ns:
                    next_ns = min(next_ns, due_ns)
                    break
                track.first[k, index, node] = (track.first[k, index, node] + 1) % N_SLOTS
                track.held[k, index, node] -= 1
                if now_ns - due_ns > late_ns:
                    track.dropped[k] += 1
                    continue
                weight = slot.weight
                expected = expected_move_bps(slot.drift / weight, params.theta, _HORIZONS[k])
                move = 1e4 * (log_mid - slot.log_mid / weight)
                loss = -maker_side(index) * (move - expected)
                track.fills[k, index, node] += weight
                track.loss[k, index, node] += weight * loss
                track.square[k, index, node] += weight * loss * loss
    return next_ns


@nb.njit(cache=True)
def markout_look(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """Look at the mid: fills whose horizon has come are read; the curve is kept fresh."""
    if not 0.0 < mid < np.inf:
        return
    log_mid = np.nan
    for k in range(N_HORIZONS):
        if state.public.due_ns[k] <= now_ns or state.own.due_ns[k] <= now_ns:
            if np.isnan(log_mid):
                log_mid = math.log(mid)
            state.public.due_ns[k] = _mature_horizon(state.public, params, k, now_ns, log_mid)
            state.own.due_ns[k] = _mature_horizon(state.own, params, k, now_ns, log_mid)
    if not state.started:
        state.started = 1
        state.refresh_ns = now_ns
    elapsed_s = seconds_between(state.refresh_ns, now_ns)
    if elapsed_s >= params.refresh_s:
        _forget(state, params, elapsed_s)
        state.refresh_ns = now_ns
        markout_refresh(state, params)


@nb.njit(cache=True)
def _forget(state: Rec, params: Rec, elapsed_s: float) -> None:
    kept = decay(elapsed_s, params.half_life_s)
    state.memory_s = kept * state.memory_s + elapsed_s
    state.sigma_sum *= kept
    state.sigma_weight *= kept
    for track in (state.public, state.own):
        for k in range(N_HORIZONS):
            for index in range(2):
                for node in range(N_NODES):
                    track.fills[k, index, node] *= kept
                    track.loss[k, index, node] *= kept
                    track.square[k, index, node] *= kept


@nb.njit(cache=True)
def _effective(fills: float, horizon_s: float, memory_s: float) -> float:
    """Independent losses among `fills` overlapping ones: 1/(1/n + h/T), 0 if there are none."""
    if fills <= 0.0:
        return 0.0
    return 1.0 / (1.0 / fills + horizon_s / max(memory_s, horizon_s))


@nb.njit(cache=True)
def prior_loss_bps(params: Rec, sigma: float, horizon_s: float) -> float:
    """The loss expected before any data: grows like √h to `prior_horizon_s`, then not at all."""
    return params.prior_loss * sigma * math.sqrt(min(horizon_s, params.prior_horizon_s))


@nb.njit(cache=True)
def _refresh_side(state: Rec, params: Rec, index: int) -> None:
    """Posterior curve of one side: shrink along horizons and depths, then add own fills."""
    sigma = markout_sigma_ref(state)
    prior = params.prior_orders
    public_curve = np.empty((N_HORIZONS, N_NODES))
    for k in range(N_HORIZONS):
        horizon = _HORIZONS[k]
        root = prior_loss_bps(params, sigma, horizon)
        fills = loss = square = 0.0
        for j in range(N_NODES - 1, -1, -1):  # orders at least as deep
            fills += state.public.fills[k, index, j]
            loss += state.public.loss[k, index, j]
            square += state.public.square[k, index, j]
            state.curve[k, index, j] = loss / fills if fills > 0.0 else 0.0
            state.deviation[k, index, j] = fills
        spread = sigma * sigma * horizon
        if fills > 0.0:
            # Variance of one loss: what was seen, with the diffusive guess worth the prior count.
            seen = max(square - loss * loss / fills, 0.0)
            spread = (seen + prior * spread) / (fills + prior)
        for j in range(N_NODES):
            if j > 0:
                base = public_curve[k, j - 1]
                if k > 0:
                    base += public_curve[k - 1, j] - public_curve[k - 1, j - 1]
            elif k > 0:
                base = public_curve[k - 1, 0] + root - prior_loss_bps(params, sigma, _HORIZONS[k - 1])
            else:
                base = root
            n = _effective(state.deviation[k, index, j], horizon, state.memory_s)
            public_curve[k, j] = (n * state.curve[k, index, j] + prior * base) / (n + prior)
            # Own fills, by precision; s² of one loss cancels from the weights.
            pull = 1.0 / (1.0 / (n + prior) + 1.0 / params.own_prior_fills)
            own = _effective(state.own.fills[k, index, j], horizon, state.memory_s)
            own_loss = 0.0
            if own > 0.0:
                own_loss = state.own.loss[k, index, j] / state.own.fills[k, index, j]
            state.curve[k, index, j] = (own * own_loss + pull * public_curve[k, j]) / (own + pull)
            state.deviation[k, index, j] = math.sqrt(spread / (own + pull))


@nb.njit(cache=True)
def markout_refresh(state: Rec, params: Rec) -> None:
    """Recompute the posterior curve from the sums; `markout_look` does it every `refresh_s`."""
    _refresh_side(state, params, 0)
    _refresh_side(state, params, 1)


@nb.njit(cache=True)
def _place(grid: NDArray[np.float64], x: float) -> tuple[int, float]:
    """Index and share for linear interpolation on `grid`, flat beyond its ends."""
    last = grid.shape[0] - 1
    if x <= grid[0]:
        return 0, 0.0
    if x >= grid[last]:
        return last - 1, 1.0
    j = 0
    while x >= grid[j + 1]:
        j += 1
    return j, (x - grid[j]) / (grid[j + 1] - grid[j])


@nb.njit(cache=True)
def _interpolate(surface: NDArray[np.float64], index: int, depth: float, horizon_s: float) -> float:
    k, u = _place(_HORIZONS, horizon_s)
    j, v = _place(_NODES, depth)
    near = surface[k, index, j] + v * (surface[k, index, j + 1] - surface[k, index, j])
    far = surface[k + 1, index, j] + v * (surface[k + 1, index, j + 1] - surface[k + 1, index, j])
    return near + u * (far - near)


@nb.njit(cache=True)
def markout_curve_bps(state: Rec, index: int, depth: float, horizon_s: float) -> float:
    """Signed posterior loss of a fill at `depth` bps on side `index`, at σ_ref, bps."""
    return _interpolate(state.curve, index, depth, horizon_s)


@nb.njit(cache=True)
def markout_deviation_bps(state: Rec, index: int, depth: float, horizon_s: float) -> float:
    """Standard deviation of `markout_curve_bps`."""
    return _interpolate(state.deviation, index, depth, horizon_s)


@nb.njit(cache=True)
def adverse_selection_bps(
    state: Rec,
    params: Rec,
    side: int,
    depth: float,
    horizon_s: float,
    sigma_ratio: float,
    kurtosis: float,
) -> float:
    """AS_side(δ) in bps: the curve at `horizon_s` scaled to today's volatility and tail.

    `side` +1 bid, −1 ask; `sigma_ratio` σ_effective/`markout_sigma_ref`; `kurtosis` the excess
    kurtosis, of which 0…5 counts. Continuous in every argument; at least `floor_bps`.
    """
    tail = 1.0 + params.k_tail * clip(kurtosis, 0.0, 5.0)
    loss = markout_curve_bps(state, side_index(side), depth, horizon_s) * sigma_ratio * tail
    return max(loss, params.floor_bps)
