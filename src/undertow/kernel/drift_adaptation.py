"""θ and σ_μ of the drift, learned online from what the mid does: slowly, and within bounds.

A bank of 7 × 5 price-only drift filters runs beside the one that quotes, σ_μ at 1.6^(−3…3) and θ at
2^(−2…2) times the calibrated values. At every price observation z over Δt, with V = P + R the
innovation variance of the quoting filter,

    predict μ_k, P_k;   ν_k = z − μ_k,   S_k ← S_k·2^(−Δt/memory) − ½·min(ν_k²/V, 16);   gain P_k/V

so S_k is the windowed Gaussian log-likelihood with the *size* of innovations taken out: all filters
are given the same V, and R's faults (docs/model.md §4: R is corrected by the mean normalised
innovation squared) cannot pose as drift. What is left are the autocovariances of the innovations.
With a log-normal prior about the calibrated values (a factor `prior_spread` is one deviation),

    weight_k ∝ prior_k·e^(S_k);   at the end of every window (60 s)
    log θ, log σ_μ ← towards the calibrated values plus what the evidence has moved their means under
                     the weights, at most `max_step` a window

A drift of θ = .02, σ_μ = .01 in σ = 1.4 bps/√s shows 1.4·10⁻⁴ nats a second about log σ_μ: the price
alone needs a day to tell a factor of 1.3, weeks for the smaller drifts. Hence the long memory, and
hence the prior. Evidence counts price observations only. Source: docs/model.md §4 ("Online").
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.drift import ou_predict
from undertow.kernel.ewma import clip, decay
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import s_to_ns

N_SIGMA: Final = 7
N_THETA: Final = 5
SIGMA_RATIO: Final = 1.6
THETA_RATIO: Final = 2.0
THETA_BOUNDS: Final = (0.005, 1.0)  # 1/s, docs/model.md §9
SIGMA_MU_BOUNDS: Final = (0.0005, 0.1)  # (bps/s)/√s

DRIFT_ADAPTATION: Final = np.dtype(
    [
        ("mu", "<f8", (N_THETA, N_SIGMA)),  # of each filter of the bank
        ("variance", "<f8", (N_THETA, N_SIGMA)),
        ("score", "<f8", (N_THETA, N_SIGMA)),  # S_k, nats
        ("theta", "<f8"),  # as quoted with, 1/s
        ("sigma_mu", "<f8"),
        ("seen_ns", "<i8"),
        ("window_end_ns", "<i8"),
        ("windows", "<i8"),
        ("started", "u1"),
        ("timed", "u1"),
    ],
    align=True,
)

DRIFT_ADAPTATION_PARAMS: Final = np.dtype(
    [
        ("theta", "<f8", (N_THETA,)),
        ("sigma_mu", "<f8", (N_SIGMA,)),
        ("log_prior", "<f8", (N_THETA, N_SIGMA)),
        ("prior_log_theta", "<f8"),  # means under the prior alone
        ("prior_log_sigma", "<f8"),
        ("start_theta", "<f8"),
        ("start_sigma_mu", "<f8"),
        ("memory_s", "<f8"),
        ("window_ns", "<i8"),
        ("max_step", "<f8"),
        ("frozen", "u1"),
    ],
    align=True,
)


def drift_adaptation_params(
    *,
    theta_per_s: float = 0.02,
    sigma_mu: float = 0.005,
    memory_half_life_s: float = 172_800.0,
    window_s: float = 60.0,
    max_step: float = 0.01,
    prior_spread: float = 2.0,
    frozen: bool = False,
) -> Rec:
    """Start (θ in 1/s, σ_μ in (bps/s)/√s, inside their bounds), memory of the evidence, window, the most
    log θ and log σ_μ move per window, one prior deviation as a factor (> 1), the switch."""
    require("drift adaptation", THETA_BOUNDS[0] * (1 - 1e-9), THETA_BOUNDS[1], theta_per_s=theta_per_s)
    require("drift adaptation", SIGMA_MU_BOUNDS[0] * (1 - 1e-9), SIGMA_MU_BOUNDS[1], sigma_mu=sigma_mu)
    require("drift adaptation", memory_half_life_s=memory_half_life_s, window_s=window_s)
    require("drift adaptation", high=0.5, max_step=max_step)
    require("drift adaptation", low=1.0, high=100.0, prior_spread=prior_spread)
    rec = new_record(DRIFT_ADAPTATION_PARAMS)
    of_theta = np.log(THETA_RATIO) * (np.arange(N_THETA) - N_THETA // 2)
    of_sigma = np.log(SIGMA_RATIO) * (np.arange(N_SIGMA) - N_SIGMA // 2)
    rec["theta"] = np.clip(theta_per_s * np.exp(of_theta), *THETA_BOUNDS)
    rec["sigma_mu"] = np.clip(sigma_mu * np.exp(of_sigma), *SIGMA_MU_BOUNDS)
    rec["log_prior"] = -0.5 * (of_theta[:, None] ** 2 + of_sigma[None, :] ** 2) / math.log(prior_spread) ** 2
    prior = np.exp(rec["log_prior"]) / np.exp(rec["log_prior"]).sum()
    rec["prior_log_theta"] = float(prior.sum(axis=1) @ np.log(rec["theta"]))
    rec["prior_log_sigma"] = float(prior.sum(axis=0) @ np.log(rec["sigma_mu"]))
    rec["start_theta"], rec["start_sigma_mu"] = theta_per_s, sigma_mu
    rec["memory_s"], rec["window_ns"] = memory_half_life_s, s_to_ns(window_s)
    rec["max_step"], rec["frozen"] = max_step, frozen
    return rec


def init_drift_adaptation(state: Rec, params: Rec) -> None:
    """The calibrated values; every filter of the bank at its stationary state."""
    state["variance"] = params["sigma_mu"][None, :] ** 2 / (2.0 * params["theta"][:, None])
    state["theta"], state["sigma_mu"] = params["start_theta"], params["start_sigma_mu"]


@compiled
def adaptation_observe(state: Rec, params: Rec, now_ns: int, dt_s: float, z: float, variance: float) -> None:
    """A price observation: z (bps/s) over `dt_s`, its innovation variance V in the quoting filter.

    Not finite, `dt_s` or V ≤ 0, or not later than the last: no update. The first starts the bank's
    clock `dt_s` before it.
    """
    if params.frozen or not (abs(z) < np.inf and 0.0 < variance < np.inf and 0.0 < dt_s < np.inf):
        return
    if not state.started:
        state.started = 1
        state.seen_ns = now_ns - np.int64(dt_s * 1e9)
    elapsed_s = (now_ns - state.seen_ns) * 1e-9
    if elapsed_s <= 0.0:
        return
    state.seen_ns = now_ns
    kept = decay(dt_s, params.memory_s)
    for i in range(N_THETA):
        theta = params.theta[i]
        for k in range(N_SIGMA):
            stationary = params.sigma_mu[k] ** 2 / (2.0 * theta)
            mu, p = ou_predict(state.mu[i, k], state.variance[i, k], theta, stationary, elapsed_s)
            off = z - mu
            state.score[i, k] = kept * state.score[i, k] - 0.5 * min(off * off / variance, 16.0)
            gain = min(p / variance, 0.9)
            state.mu[i, k] = mu + gain * off
            state.variance[i, k] = (1.0 - gain) * p


@compiled
def _believed(state: Rec, params: Rec) -> tuple[float, float]:
    """Means of log θ and log σ_μ under the weights."""
    best = -np.inf
    for i in range(N_THETA):
        for k in range(N_SIGMA):
            best = max(best, params.log_prior[i, k] + state.score[i, k])
    total = log_theta = log_sigma = 0.0
    for i in range(N_THETA):
        for k in range(N_SIGMA):
            weight = math.exp(params.log_prior[i, k] + state.score[i, k] - best)
            total += weight
            log_theta += weight * math.log(params.theta[i])
            log_sigma += weight * math.log(params.sigma_mu[k])
    return log_theta / total, log_sigma / total


@compiled
def adaptation_window(state: Rec, params: Rec, now_ns: int) -> bool:
    """At the end of a window move θ and σ_μ a step; whether they may have moved."""
    if params.frozen or (state.timed and now_ns < state.window_end_ns):
        return False
    state.window_end_ns = now_ns + params.window_ns
    if not state.timed:
        state.timed = 1
        return False
    log_theta, log_sigma = _believed(state, params)
    log_theta += math.log(params.start_theta) - params.prior_log_theta
    log_sigma += math.log(params.start_sigma_mu) - params.prior_log_sigma
    step = params.max_step
    to_theta = clip(log_theta - math.log(state.theta), -step, step)
    to_sigma = clip(log_sigma - math.log(state.sigma_mu), -step, step)
    state.theta = clip(state.theta * math.exp(to_theta), THETA_BOUNDS[0], THETA_BOUNDS[1])
    state.sigma_mu = clip(state.sigma_mu * math.exp(to_sigma), SIGMA_MU_BOUNDS[0], SIGMA_MU_BOUNDS[1])
    state.windows += 1
    return True
