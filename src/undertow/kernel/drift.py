"""The drift: a Kalman filter on an Ornstein–Uhlenbeck state, fed by the price.

    dμ = −θμ dt + σ_μ dB,   P_∞ = σ_μ²/2θ,   start μ = 0, P = P₀·P_∞                (bps/s, (bps/s)²)
    predict  μ ← μe^(−θΔt),  P ← Pe^(−2θΔt) + P_∞(1 − e^(−2θΔt))
    update   K = P/(P + R),  μ ← μ + K(z − μ),  P ← max((1 − K)P, floor·P_∞)
    price    z = Δp/Δt,  R = s·(σ_total²Δt + 2σ_noise²)/Δt²

Δp is the mid's log return in bps since the last observation, taken at the first look at least
`min_dt_s` later. σ_noise² is the bounce of the mid, estimated as minus the autocovariance of
successive Δp (Roll 1984), never negative and at most half their variance. s is the EWMA of
(innovation² − P)/R with R uncorrected: it makes the mean normalised innovation squared 1, and a
wrong σ is corrected in R and nowhere else. Until its memory has filled, s and the autocovariances are
plain means, in which the start s = 1 counts as `prior_observations`. Looks more than `gap_s` apart:
predict over the gap, observe nothing, start the next difference anew.

`update` takes any other observation (z, R) of μ; `observation_of_forecast` makes one of a forecast
of the return. Nothing here depends on own inventory. Source: docs/model.md §4.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, clip, irregular_weight
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

DRIFT: Final = np.dtype(
    [
        ("mu", "<f8"),  # bps/s
        ("variance", "<f8"),  # P, (bps/s)²
        ("now_ns", "<i8"),  # time of μ and P
        ("anchor_mid", "<f8"),  # start of the running price difference
        ("anchor_ns", "<i8"),
        ("previous_bps", "<f8"),  # last Δp, NaN after a gap
        ("square", "<f8"),  # EWMA of Δp², bps²
        ("product", "<f8"),  # EWMA of Δp·Δp₋₁, bps²
        ("noise_ratio", "<f8"),  # EWMA of (innovation² − P)/R: the noise there is over the noise assumed
        ("observed", "<f8"),  # z of the last price observation, bps/s
        ("observed_noise", "<f8"),  # its R, corrected
        ("innovation", "<f8"),  # z − μ before it
        ("innovation_variance", "<f8"),  # P + R before it: innovation²/this is to average 1
        ("observed_s", "<f8"),  # the Δt it was taken over
        ("observations", "<i8"),
        ("started", "u1"),
        ("anchored", "u1"),
    ],
    align=True,
)

DRIFT_PARAMS: Final = np.dtype(
    [
        ("theta", "<f8"),
        ("stationary_variance", "<f8"),  # P_∞
        ("initial_variance", "<f8"),
        ("floor_variance", "<f8"),
        ("min_dt_ns", "<i8"),
        ("gap_s", "<f8"),
        ("memory_half_life_s", "<f8"),
        ("max_correction", "<f8"),
        ("prior_observations", "<f8"),
    ],
    align=True,
)


def drift_params(
    *,
    theta_per_s: float = 0.02,
    sigma_mu: float = 0.005,
    initial: float = 2.0,
    floor: float = 0.08,
    min_dt_s: float = 1.0,
    gap_s: float = 10.0,
    memory_half_life_s: float = 300.0,
    max_correction: float = 4.0,
    prior_observations: float = 20.0,
) -> Rec:
    """θ (1/s), σ_μ ((bps/s)/√s), P₀ and floor as multiples of P_∞, sampling, bound of s and how many
    observations its start at 1 is worth."""
    require("drift", theta_per_s=theta_per_s, sigma_mu=sigma_mu, initial=initial, min_dt_s=min_dt_s)
    require("drift", gap_s=gap_s, memory_half_life_s=memory_half_life_s)
    require("drift", low=1.0, max_correction=max_correction)
    require_not_negative("drift", floor=floor, prior_observations=prior_observations)
    rec = new_record(DRIFT_PARAMS)
    stationary = sigma_mu**2 / (2.0 * theta_per_s)
    rec["theta"], rec["stationary_variance"] = theta_per_s, stationary
    rec["initial_variance"], rec["floor_variance"] = initial * stationary, floor * stationary
    rec["min_dt_ns"], rec["gap_s"] = s_to_ns(min_dt_s), gap_s
    rec["memory_half_life_s"], rec["max_correction"] = memory_half_life_s, max_correction
    rec["prior_observations"] = prior_observations
    return rec


def init_drift(state: Rec, params: Rec) -> None:
    """μ = 0, P = P₀, no correction of R."""
    state["variance"] = params["initial_variance"]
    state["previous_bps"] = np.nan
    state["noise_ratio"] = 1.0


@compiled
def ou_predict(
    mu: float, variance: float, theta: float, stationary: float, elapsed_s: float
) -> tuple[float, float]:
    """Exact transition of an Ornstein–Uhlenbeck state over `elapsed_s`."""
    kept = math.exp(-theta * elapsed_s)
    return mu * kept, stationary + (variance - stationary) * kept * kept


@compiled
def kalman_update(mu: float, variance: float, z: float, noise: float) -> tuple[float, float]:
    """Posterior mean and variance after an observation `z` with variance `noise` (R > 0)."""
    gain = variance / (variance + noise)
    return mu + gain * (z - mu), (1.0 - gain) * variance


@compiled
def predict(state: Rec, params: Rec, now_ns: int) -> float:
    """Bring μ and P to `now_ns`; returns the seconds passed (0 if time ran backwards)."""
    if not state.started:
        state.started = 1
        state.now_ns = now_ns
        return 0.0
    elapsed_s = seconds_between(state.now_ns, now_ns)
    if elapsed_s <= 0.0:
        return 0.0
    state.mu, state.variance = ou_predict(
        state.mu, state.variance, params.theta, params.stationary_variance, elapsed_s
    )
    state.now_ns = now_ns
    return elapsed_s


@compiled
def update(state: Rec, params: Rec, z: float, noise: float) -> None:
    """Observe μ (bps/s) with variance `noise`; not finite or `noise` ≤ 0: no update."""
    if not (abs(z) < np.inf and 0.0 < noise < np.inf):
        return
    state.mu, variance = kalman_update(state.mu, state.variance, z, noise)
    state.variance = max(variance, params.floor_variance)


@compiled
def noise_variance(state: Rec) -> float:
    """σ_noise² of the mid, bps²: minus the autocovariance of its differences, within bounds."""
    return clip(-state.product, 0.0, 0.5 * state.square)


@compiled
def noise_correction(state: Rec, params: Rec) -> float:
    """s: the factor on R that makes innovations as large as expected."""
    return clip(state.noise_ratio, 1.0 / params.max_correction, params.max_correction)


@compiled
def drift_look(state: Rec, params: Rec, now_ns: int, mid: float, sigma: float) -> int:
    """Look at the mid: predict to now and, when due, observe the price. Returns 1 if it observed.

    `sigma` is σ_total in bps/√s. A mid or σ that is not positive and finite only predicts.
    """
    if state.started and now_ns < state.now_ns:
        return 0
    elapsed_s = predict(state, params, now_ns)
    if not (0.0 < mid < np.inf and 0.0 < sigma < np.inf):
        return 0
    if not state.anchored or elapsed_s > params.gap_s:
        state.anchored = 1
        state.anchor_mid = mid
        state.anchor_ns = now_ns
        state.previous_bps = np.nan
        return 0
    if now_ns - state.anchor_ns < params.min_dt_ns:
        return 0
    dt_s = seconds_between(state.anchor_ns, now_ns)
    change_bps = 1e4 * math.log(mid / state.anchor_mid)
    state.anchor_mid = mid
    state.anchor_ns = now_ns
    raw = (sigma * sigma * dt_s + 2.0 * noise_variance(state)) / (dt_s * dt_s)
    innovation = change_bps / dt_s - state.mu
    ratio = (innovation * innovation - state.variance) / raw
    state.observed, state.observed_s = change_bps / dt_s, dt_s
    state.observed_noise = raw * noise_correction(state, params)
    state.innovation = innovation
    state.innovation_variance = state.variance + state.observed_noise
    update(state, params, state.observed, state.observed_noise)
    known = state.observations + params.prior_observations
    weight = max(irregular_weight(0.0, dt_s, params.memory_half_life_s), 1.0 / (known + 1.0))
    state.noise_ratio = blend(state.noise_ratio, ratio, weight)
    state.square = blend(state.square, change_bps * change_bps, weight)
    if not np.isnan(state.previous_bps):
        state.product = blend(state.product, change_bps * state.previous_bps, weight)
    state.previous_bps = change_bps
    state.observations += 1
    return 1


@compiled
def drift_gap(state: Rec) -> None:
    """The feed reports a gap: the next look starts a new difference."""
    state.anchored = 0


@compiled
def drift_confidence(state: Rec, params: Rec) -> float:
    """1 − P/P₀: 0 at the start, higher the better μ is known."""
    return 1.0 - state.variance / params.initial_variance


@compiled
def expected_move_bps(mu: float, theta: float, horizon_s: float) -> float:
    """μ·(1 − e^(−θh))/θ: the move the drift is expected to make in `horizon_s`."""
    return mu * -math.expm1(-theta * horizon_s) / theta


@compiled
def observation_of_forecast(
    params: Rec, forecast_bps: float, forecast_variance: float, horizon_s: float, persistence: float
) -> tuple[float, float]:
    """(z, R) of a forecast of the return over `horizon_s`, for `update` (docs/model.md §4).

    `forecast_variance` is Var(f) in bps²; `persistence` is τ_noise/Δt, how many updates the
    forecast's noise outlives (R × max(1, 2·persistence)). K̂ is held at .9 at most.
    """
    reach_s = -math.expm1(-params.theta * horizon_s) / params.theta  # g·h
    known = min(forecast_variance / (params.stationary_variance * reach_s * reach_s), 0.9)
    z = forecast_bps / (reach_s * known)
    noise = params.stationary_variance * (1.0 - known) / known
    return z, noise * max(1.0, 2.0 * persistence)
