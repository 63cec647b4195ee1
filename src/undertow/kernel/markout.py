"""Adverse selection: what the mid does after a fill, as a curve AS_side(δ, h).

Every public aggressor order is a fill that a maker resting at any depth it reached would have had;
every own fill is one. `fill_track` follows both and gives mean signed losses per horizon, side and
depth node. Public orders make the prior, own fills update it (docs/model.md §3).

Public orders, node by node (disjoint: the deepest node an order reached), along the horizons h_k:

    b_k = b_{k−1} + (the step of the shallower node) ± step·loss(h_k)
    seen: the node's mean loss, with noise σ_ref²·h·((1 + h/c)/n + (h/T)²)

a scalar Kalman filter per node, started at .5 s from the shallower node ± spread·gap (the first node
from the prior loss(h) = .25·σ_ref·√min(h, 5 s), ± itself). So what is measured stands, and horizons
too noisy to measure stay near the last that is. What a maker filled at *random* times of the T
seconds remembered would have gained or lost, their trend, is not adverse selection and is taken out;
what noise is left is that of n orders that cluster, their counts over h being 1 + h/c times as
variable as Poisson's (c = 10 s; measured on Hyperliquid at 60 s: 3.2 for BTC, 9 for ETH), and of the
two ends of the stretch. A maker at depth δ is filled by every order that reaches δ *or beyond*: the
curve at a node is the mean of b over the orders at least as deep. Own fills then move it by a filter
of the same form on (own − public), started from 0 ± `own_spread`·loss.

Read-outs: linear in depth and horizon, flat beyond the ends, × the mean over the horizon of what
volatility does to losses (`lasting_ratio`) × tail/tail_ref, tail = 1 + k_tail·clip(excess kurtosis, 0, 5);
the references are means over the orders the curve was learned from, so that what it already contains is
not counted twice (ADR 2). What volatility does is learned: losses follow a share e of its excess,
1 + e·(σ_eff/σ_ref − 1), from a prior of 1 (`volatility_ratio`). The curve is signed;
`adverse_selection_bps` is floored at `floor_bps` (0): being paid for a fill is not priced before it is
earned.

`caution` standard deviations are added to what is read: a maker stands where its estimate of the loss is
lowest, so the estimate there is too low by about the error of the lowest of several (the winner's
curse); what is measured well loses nothing by it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.aggressor import maker_side, side_index
from undertow.kernel.drift import expected_move_bps, kalman_update
from undertow.kernel.ewma import clip, decay
from undertow.kernel.fill_track import (
    FOLLOWED,
    HORIZONS,
    N_HORIZONS,
    N_NODES,
    NEVER_NS,
    NODES,
    TRACK,
    follow,
    forget,
    init_track,
    mature,
    node_below,
)
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

MARKOUT: Final = np.dtype(
    [
        ("public", TRACK),
        ("own", TRACK),
        ("curve", "<f8", (N_HORIZONS, 2, N_NODES)),  # posterior loss, bps, at σ_ref
        ("variance", "<f8", (N_HORIZONS, 2, N_NODES)),  # of the curve, bps²
        ("elasticity", "<f8"),  # share of an excess of σ over σ_ref that losses follow, 0…1
        ("sigma_sum", "<f8"),
        ("tail_sum", "<f8"),
        ("sigma_weight", "<f8"),
        ("memory_s", "<f8"),  # decayed seconds observed
        ("move_bps", "<f8"),  # decayed sum of the mid's log returns over them
        ("drift_bps", "<f8"),  # decayed ∫μ̂dt over them
        ("log_mid", "<f8"),  # at the last refresh
        ("next_due_ns", "<i8"),  # no pending fill is due earlier
        ("refresh_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

MARKOUT_PARAMS: Final = np.dtype(
    [
        ("half_life_s", "<f8"),
        ("prior_loss", "<f8"),
        ("prior_horizon_s", "<f8"),
        ("prior_sigma", "<f8"),
        ("step", "<f8"),
        ("depth_slope", "<f8"),
        ("depth_spread", "<f8"),
        ("own_spread", "<f8"),
        ("clustering_s", "<f8"),
        ("elasticity_spread", "<f8"),
        ("k_tail", "<f8"),
        ("caution", "<f8"),
        ("floor_bps", "<f8"),
        ("theta", "<f8"),
        ("alpha_decay", "<f8"),
        ("regime_s", "<f8"),
        ("refresh_s", "<f8"),
    ],
    align=True,
)


def markout_params(
    *,
    half_life_s: float = 3600.0,
    prior_loss: float = 0.25,
    prior_horizon_s: float = 5.0,
    prior_sigma_bps_per_sqrt_s: float = 1.0,
    step: float = 0.5,
    depth_slope: float = 0.5,
    depth_spread: float = 0.5,
    own_spread: float = 0.5,
    clustering_s: float = 10.0,
    elasticity_spread: float = 0.5,
    k_tail: float = 0.3,
    caution: float = 1.0,
    floor_bps: float = 0.0,
    theta_per_s: float = 0.02,
    alpha_decay_per_s: float = 1.0,
    regime_s: float = 300.0,
    refresh_s: float = 1.0,
) -> Rec:
    """Parameters of the curve.

    Loss statistics halve in `half_life_s`. The prior loss is `prior_loss`·σ·√min(h,
    `prior_horizon_s`); how far the truth may stray (standard deviations): `step`·loss between
    horizons, `depth_spread` bps per bp of depth between nodes, `own_spread`·loss between own and
    public fills. `theta_per_s` is the drift's, `regime_s` how long a burst of
    volatility lasts; `floor_bps` −∞ leaves the read-out signed.
    """
    require("markout", half_life_s=half_life_s, prior_loss=prior_loss, prior_horizon_s=prior_horizon_s)
    require("markout", prior_sigma=prior_sigma_bps_per_sqrt_s, theta_per_s=theta_per_s, refresh_s=refresh_s)
    require("markout", regime_s=regime_s, alpha_decay_per_s=alpha_decay_per_s)
    require("markout", step=step, depth_spread=depth_spread, own_spread=own_spread)
    require("markout", clustering_s=clustering_s, elasticity_spread=elasticity_spread)
    require_not_negative("markout", k_tail=k_tail, caution=caution)
    if math.isnan(floor_bps) or floor_bps > 0.0:
        raise ValueError(f"markout: floor_bps = {floor_bps} must not be above 0")
    rec = new_record(MARKOUT_PARAMS)
    rec["half_life_s"], rec["refresh_s"] = half_life_s, refresh_s
    rec["prior_loss"], rec["prior_horizon_s"] = prior_loss, prior_horizon_s
    rec["prior_sigma"], rec["step"] = prior_sigma_bps_per_sqrt_s, step
    rec["depth_slope"] = depth_slope
    rec["depth_spread"], rec["own_spread"] = depth_spread, own_spread
    rec["clustering_s"], rec["regime_s"] = clustering_s, regime_s
    rec["alpha_decay"] = alpha_decay_per_s
    rec["caution"], rec["elasticity_spread"] = caution, elasticity_spread
    rec["k_tail"], rec["floor_bps"], rec["theta"] = k_tail, floor_bps, theta_per_s
    return rec


def init_markout(state: Rec, params: Rec) -> None:
    """The curve starts at the prior, at the prior volatility (worth one order)."""
    state["sigma_sum"] = params["prior_sigma"]
    state["tail_sum"] = state["sigma_weight"] = 1.0
    init_track(state["public"])
    init_track(state["own"])
    state["next_due_ns"] = NEVER_NS
    markout_refresh(state, params)


@compiled
def markout_sigma_ref(state: Rec) -> float:
    """σ_ref, bps/√s: the mean σ_effective at the orders the curve was learned from."""
    return state.sigma_sum / state.sigma_weight


@compiled
def tail_factor(params: Rec, kurtosis: float) -> float:
    """1 + k_tail·clip(excess kurtosis, 0, 5): what fat tails add to a loss (docs/model.md §3)."""
    return 1.0 + params.k_tail * clip(kurtosis, 0.0, 5.0)


@compiled
def lasting_ratio(ratio: float, horizon_s: float, regime_s: float) -> float:
    """Mean of σ/σ_ref over the coming `horizon_s`, when it is `ratio` now and reverts to 1 at 1/`regime_s`.

    A burst of seconds does not scale the loss of the next ten minutes: 1 + (ratio − 1)·(1 − e^(−u))/u,
    u = horizon/regime.
    """
    u = horizon_s / regime_s
    share = -math.expm1(-u) / u if u > 1e-9 else 1.0
    return 1.0 + (ratio - 1.0) * share


@compiled
def markout_tail_ref(state: Rec) -> float:
    """The mean tail factor at the orders the curve was learned from: the curve contains it."""
    return state.tail_sum / state.sigma_weight


@compiled
def markout_public(
    state: Rec,
    index: int,
    depth: float,
    mid: float,
    drift: float,
    alpha: float,
    sigma: float,
    tail: float,
    now_ns: int,
) -> None:
    """Follow an aggressor order that hit side `index` (0 bid, 1 ask) and reached `depth` bps.

    `mid` its fill was priced against; `drift` μ̂ (bps/s) and `alpha` (bps) then expected; `sigma`
    σ_effective and `tail` `tail_factor` now. Depths
    below 0 (a stale mid) count at 0; not finite values: no update.
    """
    if not (abs(depth) < np.inf and 0.0 < mid < np.inf and abs(drift) < np.inf and 0.0 < sigma < np.inf):
        return
    if not 1.0 <= tail < np.inf:
        return
    state.sigma_sum += sigma
    state.tail_sum += tail
    state.sigma_weight += 1.0
    excess = sigma / markout_sigma_ref(state) - 1.0
    follow(state.public, index, node_below(depth), 1.0, math.log(mid), drift, alpha, excess, now_ns)
    _note_due(state, state.public)


@compiled
def markout_own(
    state: Rec, side: int, depth: float, mid: float, drift: float, alpha: float, now_ns: int
) -> None:
    """Follow an own fill at `depth` bps from the `mid` before it; shared by the two nearest nodes."""
    if not (abs(depth) < np.inf and 0.0 < mid < np.inf and abs(drift) < np.inf):
        return
    index, j, log_mid = side_index(side), node_below(depth), math.log(mid)
    share = 0.0
    if j + 1 < N_NODES:
        share = clip((depth - NODES[j]) / (NODES[j + 1] - NODES[j]), 0.0, 1.0)
        if share > 0.0:
            follow(state.own, index, j + 1, share, log_mid, drift, alpha, 0.0, now_ns)
    follow(state.own, index, j, 1.0 - share, log_mid, drift, alpha, 0.0, now_ns)
    _note_due(state, state.own)


@compiled
def _mature_due(state: Rec, params: Rec, now_ns: int, log_mid: float) -> None:
    """Read all fills that are due."""
    next_ns = NEVER_NS
    for k in range(N_HORIZONS):
        for track in (state.public, state.own):
            if track.due_ns[k] <= now_ns:
                mature(track, k, now_ns, log_mid, params.theta, params.alpha_decay)
            next_ns = min(next_ns, track.due_ns[k])
    state.next_due_ns = next_ns


@compiled
def _note_due(state: Rec, track: Rec) -> None:
    for k in range(N_HORIZONS):
        state.next_due_ns = min(state.next_due_ns, track.due_ns[k])


@compiled
def markout_look(state: Rec, params: Rec, now_ns: int, mid: float, drift: float) -> None:
    """Look at the mid: fills whose horizon has come are read; the curve is kept fresh.

    `drift` is μ̂ in bps/s; a mid that is not positive and finite: no update.
    """
    if not 0.0 < mid < np.inf:
        return
    if now_ns >= state.next_due_ns:
        _mature_due(state, params, now_ns, math.log(mid))
    if not state.started:
        state.started = 1
        state.refresh_ns = now_ns
        state.log_mid = math.log(mid)
    elapsed_s = seconds_between(state.refresh_ns, now_ns)
    if elapsed_s < params.refresh_s:
        return
    kept = decay(elapsed_s, params.half_life_s)
    forget(state.public, kept)
    forget(state.own, kept)
    state.sigma_sum *= kept
    state.tail_sum *= kept
    state.sigma_weight *= kept
    log_mid = math.log(mid)
    state.memory_s = kept * state.memory_s + elapsed_s
    state.move_bps = kept * state.move_bps + 1e4 * (log_mid - state.log_mid)
    state.drift_bps = kept * state.drift_bps + drift * elapsed_s
    state.log_mid = log_mid
    state.refresh_ns = now_ns
    markout_refresh(state, params)


@compiled
def prior_loss_bps(params: Rec, sigma: float, horizon_s: float) -> float:
    """The loss expected before any data: grows like √h to `prior_horizon_s`, then not at all."""
    return params.prior_loss * sigma * math.sqrt(min(horizon_s, params.prior_horizon_s))


@compiled
def _trend_bps(state: Rec, params: Rec, index: int, horizon_s: float) -> float:
    """What a bid (or ask) filled at random times would have *gained* over the horizon, net of μ̂.

    The trend of the stretch remembered is not adverse selection; taking it out removes most of the
    noise of long horizons.
    """
    if state.memory_s <= 0.0:
        return 0.0
    priced = expected_move_bps(state.drift_bps / state.memory_s, params.theta, horizon_s)
    return maker_side(index) * (state.move_bps / state.memory_s * horizon_s - priced)


@compiled
def _mean_variance(state: Rec, params: Rec, fills: float, sigma: float, horizon_s: float) -> float:
    """Variance of the mean of `fills` losses, trend taken out: σ²h·((1 + h/c)/n + (h/T)²)."""
    clustering = 1.0 + horizon_s / params.clustering_s
    edges = (horizon_s / max(state.memory_s, horizon_s)) ** 2
    return sigma * sigma * horizon_s * (clustering / max(fills, 1e-12) + edges)


@compiled
def _filter_public(state: Rec, params: Rec, index: int) -> None:
    """Posterior loss of public orders by the deepest node they reached, into curve and variance."""
    sigma = markout_sigma_ref(state)
    for k in range(N_HORIZONS):
        horizon = HORIZONS[k]
        root = prior_loss_bps(params, sigma, horizon)
        trend = _trend_bps(state, params, index, horizon)
        for j in range(N_NODES):
            if k == 0 and j == 0:
                level, variance = root, root * root
            elif k == 0:
                gap = NODES[j] - NODES[j - 1]
                level = state.curve[0, index, j - 1] + params.depth_slope * gap
                variance = state.variance[0, index, j - 1] + (params.depth_spread * gap) ** 2
            else:
                if j == 0:
                    step = root - prior_loss_bps(params, sigma, HORIZONS[k - 1])
                else:
                    step = state.curve[k, index, j - 1] - state.curve[k - 1, index, j - 1]
                level = state.curve[k - 1, index, j] + step
                variance = state.variance[k - 1, index, j] + (params.step * root) ** 2
            fills = state.public.fills[k, index, j]
            if fills > 0.0:
                seen = state.public.loss[k, index, j] / fills + trend
                noise = _mean_variance(state, params, fills, sigma, horizon)
                level, variance = kalman_update(level, variance, seen, noise)
            state.curve[k, index, j] = level
            state.variance[k, index, j] = variance


_RARER_PER_NODE: Final = 0.125


@compiled
def _at_least_as_deep(state: Rec, index: int) -> None:
    """Turn losses by deepest node into losses of all orders that reach a node or beyond."""
    for k in range(N_HORIZONS):
        weight = level = variance = 0.0
        for j in range(N_NODES - 1, -1, -1):
            # A trace of an order keeps nodes defined where nothing has reached; deeper ones are rarer.
            w = state.public.fills[k, index, j] + 1e-3 * _RARER_PER_NODE**j
            weight += w
            level += w / weight * (state.curve[k, index, j] - level)
            variance += w / weight * (state.variance[k, index, j] - variance)
            state.curve[k, index, j] = level
            state.variance[k, index, j] = variance


@compiled
def _filter_own(state: Rec, params: Rec, index: int) -> None:
    """Move the curve by what own fills lose more (or less) than public orders, `excess`."""
    sigma = markout_sigma_ref(state)
    for j in range(N_NODES):
        excess = excess_variance = 0.0
        for k in range(N_HORIZONS):
            root = prior_loss_bps(params, sigma, HORIZONS[k])
            excess_variance += ((params.own_spread if k == 0 else params.step) * root) ** 2
            level = state.curve[k, index, j] + excess
            variance = state.variance[k, index, j] + excess_variance
            fills = state.own.fills[k, index, j]
            if fills > 0.0:
                seen = state.own.loss[k, index, j] / fills + _trend_bps(state, params, index, HORIZONS[k])
                noise = _mean_variance(state, params, fills, sigma, HORIZONS[k])
                gain = excess_variance / (variance + noise)
                excess += gain * (seen - level)
                excess_variance *= 1.0 - gain
                level, variance = kalman_update(level, variance, seen, noise)
            state.curve[k, index, j] = level
            state.variance[k, index, j] = variance


@compiled
def _learn_elasticity(state: Rec, params: Rec) -> float:
    """Posterior of the share of an excess of volatility that losses follow, in 0…1, from a prior of
    1 ± `elasticity_spread`: the regression of loss − L on e·L (`fill_track`), noise as of one fill."""
    sigma, h = markout_sigma_ref(state), HORIZONS[FOLLOWED]
    noise = sigma * sigma * h * (1.0 + h / params.clustering_s)
    prior = 1.0 / params.elasticity_spread**2
    track = state.public
    return clip((prior + track.follow_cross / noise) / (prior + track.follow_power / noise), 0.0, 1.0)


@compiled
def volatility_ratio(state: Rec, sigma: float) -> float:
    """What volatility does to losses now: 1 + elasticity·(σ/σ_ref − 1)."""
    return 1.0 + state.elasticity * (sigma / markout_sigma_ref(state) - 1.0)


@compiled
def markout_refresh(state: Rec, params: Rec) -> None:
    """Recompute the posterior curve from the sums; `markout_look` does it every `refresh_s`."""
    state.elasticity = _learn_elasticity(state, params)
    for index in range(2):
        _filter_public(state, params, index)
        _at_least_as_deep(state, index)
        _filter_own(state, params, index)


@compiled
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


@compiled
def _interpolate(surface: NDArray[np.float64], index: int, depth: float, horizon_s: float) -> float:
    k, u = _place(HORIZONS, horizon_s)
    j, v = _place(NODES, depth)
    near = surface[k, index, j] + v * (surface[k, index, j + 1] - surface[k, index, j])
    far = surface[k + 1, index, j] + v * (surface[k + 1, index, j + 1] - surface[k + 1, index, j])
    return near + u * (far - near)


@compiled
def markout_curve_bps(state: Rec, index: int, depth: float, horizon_s: float) -> float:
    """Signed posterior loss of a fill at `depth` bps on side `index`, at σ_ref, bps."""
    return _interpolate(state.curve, index, depth, horizon_s)


@compiled
def markout_deviation_bps(state: Rec, index: int, depth: float, horizon_s: float) -> float:
    """Standard deviation of `markout_curve_bps`."""
    return math.sqrt(_interpolate(state.variance, index, depth, horizon_s))


@compiled
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
    kurtosis, of which 0…5 counts, against that of the orders the curve was learned from. Continuous
    in every argument; at least `floor_bps`.
    """
    tail = tail_factor(params, kurtosis) / markout_tail_ref(state)
    sigma = lasting_ratio(sigma_ratio, horizon_s, params.regime_s)
    index = side_index(side)
    loss = markout_curve_bps(state, index, depth, horizon_s)
    if params.caution > 0.0:
        loss += params.caution * markout_deviation_bps(state, index, depth, horizon_s)
    return max(loss * sigma * tail, params.floor_bps)
