"""The belief: everything observed of the drift, in one posterior; and the alphas beside it.

Per cycle, in this order (docs/model.md §4):

    price     z = Δp/Δt, R from σ_total                                     kernel/drift.py
    forecast  one (z, R) of all features that speak, R × repetition         kernel/forecast.py
    funding   z = −zscore·scale,  R = σ_f²/min(|zscore|, 1) × max(1, 2τ_f/Δt)
    alphas    read, not observed: they enter the reservation price          kernel/alphas.py

and own fills as they come (kernel/fill_belief.py). Δt is the time since the last observation of the
same kind; τ is the *noise's* time: noise that persists is the same noise again. Noise e^(−t/τ) of
variance R passes a filter of rate λ = θ + P/W as would white noise of intensity W = 2Rτ/(1 + λτ); solved
for W, an observation every Δt counts with

    R × max(1, (2 − P/R)·τ / (Δt·(1 + θτ)))

which is the plain 2τ/Δt where the filter is slow against the noise (θτ → 0, P ≪ R) and less where it is
not: the 90 % interval then covers 90 % instead of up to 94 %, with smaller errors (bars/filter_honesty).
Funding and fills keep the plain rule, whose caution they deserve. θ and σ_μ in use are the state's
(`live`), which kernel/drift_adaptation.py moves after each window and `frozen` holds. With `legacy` all
observations also go to the estimator that was replaced (kernel/legacy_drift.py), and its mean is the
belief. Nothing here depends on own inventory.

σ_f is a rate, bps/s: the residual deviation of the mean rate over the hour that funding foretells,
σ/√3600 s (1.5 bps/√s: .025). The feature `funding` is −zscore and NaN before its
estimator speaks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.alphas import ALPHA_PARAMS, ALPHAS, AlphaList, alpha_params, alphas_cycle
from undertow.kernel.drift import (
    DRIFT,
    DRIFT_PARAMS,
    drift_gap,
    drift_look,
    drift_params,
    init_drift,
    observation_of_forecast,
    update,
)
from undertow.kernel.drift_adaptation import (
    DRIFT_ADAPTATION,
    DRIFT_ADAPTATION_PARAMS,
    adaptation_observe,
    adaptation_window,
    drift_adaptation_params,
    init_drift_adaptation,
)
from undertow.kernel.features import FEATURE_NAMES
from undertow.kernel.fill_belief import (
    FILL_BELIEF,
    FILL_BELIEF_PARAMS,
    fill_belief_params,
    observation_of_fill,
)
from undertow.kernel.forecast import FORECAST, FORECAST_PARAMS, forecast_cycle, forecast_params, init_forecast
from undertow.kernel.legacy_drift import (
    LEGACY_DRIFT,
    LEGACY_DRIFT_PARAMS,
    init_legacy_drift,
    legacy_cycle,
    legacy_drift_params,
    legacy_signal,
)
from undertow.kernel.ranges import require, require_not_negative
from undertow.records import Rec, new_record
from undertow.units import seconds_between

FUNDING_FEATURE: Final = FEATURE_NAMES.index("funding")

BELIEF: Final = np.dtype(
    [
        ("drift", DRIFT),
        ("live", DRIFT_PARAMS),  # θ, P_∞ and what follows from them, as adapted
        ("adaptation", DRIFT_ADAPTATION),
        ("forecast", FORECAST),
        ("alphas", ALPHAS),
        ("fills", FILL_BELIEF),
        ("legacy", LEGACY_DRIFT),
        ("forecast_ns", "<i8"),  # last observation of each kind
        ("funding_ns", "<i8"),
        ("forecast_seen", "u1"),
        ("funding_seen", "u1"),
    ],
    align=True,
)

BELIEF_PARAMS: Final = np.dtype(
    [
        ("drift", DRIFT_PARAMS),
        ("adaptation", DRIFT_ADAPTATION_PARAMS),
        ("forecast", FORECAST_PARAMS),
        ("alphas", ALPHA_PARAMS),
        ("fills", FILL_BELIEF_PARAMS),
        ("legacy", LEGACY_DRIFT_PARAMS),
        ("tau_noise_s", "<f8"),
        ("funding_scale", "<f8"),
        ("funding_deviation", "<f8"),
        ("funding_tau_s", "<f8"),
        ("initial", "<f8"),  # P₀ and the floor of P as multiples of P_∞
        ("floor", "<f8"),
        ("use_legacy", "u1"),
    ],
    align=True,
)


def belief_params(
    *,
    theta_per_s: float = 0.02,
    sigma_mu: float = 0.005,
    initial: float = 2.0,
    floor: float = 0.08,
    loadings: dict[str, float] | None = None,
    covariance: NDArray[np.float64] | None = None,
    centers: dict[str, float] | None = None,
    horizon_s: float = 10.0,
    tau_noise_s: float = 0.5,
    alphas: AlphaList = (),
    pace_cycles: tuple[int, int, int] = (1, 2, 5),
    without: tuple[str, ...] = (),
    funding_scale: float = 0.02,
    funding_deviation: float = 0.025,
    funding_tau_s: float = 3600.0,
    fills: Rec | None = None,
    drift: Rec | None = None,
    frozen: bool = False,
    adaptation: Rec | None = None,
    legacy: bool = False,
) -> Rec:
    """θ (1/s), σ_μ ((bps/s)/√s), P₀ and floor (× P_∞); the joint forecast (kernel/forecast.py) and τ_noise;
    alphas (kernel/alphas.py); features `without`; funding scale (bps/s per z, 0 off), σ_f (bps/s), its τ;
    `fill_belief_params`; `drift_params` for sampling (its θ and σ_μ are replaced); the switches.

    `adaptation` replaces the default `drift_adaptation_params`; `frozen` holds θ and σ_μ. ValueError for
    funding with both a loading and a scale: it would be observed twice.
    """
    require_not_negative("belief", tau_noise_s=tau_noise_s, funding_scale=funding_scale)
    require_not_negative("belief", funding_tau_s=funding_tau_s, floor=floor)
    require("belief", funding_deviation=funding_deviation, initial=initial)
    if funding_scale > 0.0 and (loadings or {}).get("funding", 0.0) != 0.0:
        raise ValueError("belief: funding has a loading and a funding_scale; set one of them to 0")
    rec = new_record(BELIEF_PARAMS)
    own = drift_params(theta_per_s=theta_per_s, sigma_mu=sigma_mu, initial=initial, floor=floor)
    if drift is not None:
        for name in ("min_dt_ns", "gap_s", "memory_half_life_s", "max_correction", "prior_observations"):
            own[name] = drift[name]
    rec["drift"] = own
    if adaptation is None:
        adaptation = drift_adaptation_params(theta_per_s=theta_per_s, sigma_mu=sigma_mu)
    rec["adaptation"] = adaptation
    rec["adaptation"]["frozen"] |= np.uint8(frozen)
    rec["forecast"] = forecast_params(
        loadings=loadings,
        centers=centers,
        covariance=covariance,
        horizon_s=horizon_s,
        pace_cycles=pace_cycles,
        without=without,
    )
    rec["alphas"] = alpha_params(alphas=alphas, centers=centers, without=without)
    rec["fills"] = fill_belief_params() if fills is None else fills
    rec["legacy"] = legacy_drift_params(prior_variance=float(own["initial_variance"]))
    rec["tau_noise_s"], rec["funding_scale"] = tau_noise_s, funding_scale
    rec["funding_deviation"], rec["funding_tau_s"] = funding_deviation, funding_tau_s
    rec["initial"], rec["floor"], rec["use_legacy"] = initial, floor, legacy
    return rec


def init_belief(state: Rec, params: Rec) -> None:
    """μ = 0, P = P₀, every feature silent, θ and σ_μ as calibrated."""
    state["live"] = params["drift"]
    init_drift(state["drift"], params["drift"])
    init_drift_adaptation(state["adaptation"], params["adaptation"])
    init_forecast(state["forecast"], params["forecast"])
    init_legacy_drift(state["legacy"], params["legacy"])


@compiled
def _observe(state: Rec, z: float, noise: float) -> None:
    """Give an observation (bps/s, its variance) to the posterior and to the estimator it replaced."""
    update(state.drift, state.live, z, noise)
    legacy_signal(state.legacy, z, noise)


@compiled
def _adapt(state: Rec, params: Rec, now_ns: int) -> None:
    """After a window: the live θ and P_∞ follow."""
    if not adaptation_window(state.adaptation, params.adaptation, now_ns):
        return
    live, theta = state.live, state.adaptation.theta
    live.theta = theta
    live.stationary_variance = state.adaptation.sigma_mu**2 / (2.0 * theta)
    live.initial_variance = params.initial * live.stationary_variance
    live.floor_variance = params.floor * live.stationary_variance


@compiled
def repetition(variance: float, noise: float, theta: float, tau_s: float, elapsed_s: float) -> float:
    """By how much R grows because an observation's noise is still that of the one before, ≥ 1.

    P `variance` before it, R `noise`, both (bps/s)². See the module's text.
    """
    return max(1.0, (2.0 - variance / noise) * tau_s / (elapsed_s * (1.0 + theta * tau_s)))


@compiled
def _observe_forecast(state: Rec, params: Rec, now_ns: int) -> None:
    """The joint forecast of this cycle, one observation."""
    f, forecast_variance = state.forecast.forecast_bps, state.forecast.forecast_variance
    if np.isnan(f) or not forecast_variance > 0.0:
        return
    z, noise = observation_of_forecast(state.live, f, forecast_variance, params.forecast.horizon_s, 0.0)
    if state.forecast_seen:
        elapsed_s = seconds_between(state.forecast_ns, now_ns)
        if elapsed_s <= 0.0:
            return
        noise *= repetition(state.drift.variance, noise, state.live.theta, params.tau_noise_s, elapsed_s)
    state.forecast_seen, state.forecast_ns = 1, now_ns
    _observe(state, z, noise)


@compiled
def observation_of_funding(params: Rec, minus_zscore: float, persistence: float) -> tuple[float, float]:
    """(z, R) of funding whose z-score is −`minus_zscore`; R = ∞ (nothing learned) at a z-score of 0."""
    size = min(abs(minus_zscore), 1.0)
    if size == 0.0:
        return 0.0, np.inf
    noise = params.funding_deviation**2 / size * max(1.0, 2.0 * persistence)
    return minus_zscore * params.funding_scale, noise


@compiled
def _observe_funding(state: Rec, params: Rec, now_ns: int) -> None:
    """Funding, when its estimator speaks and its scale is not 0."""
    minus_zscore = state.forecast.value[FUNDING_FEATURE]
    if params.funding_scale == 0.0 or np.isnan(minus_zscore):
        return
    persistence = 0.0
    if state.funding_seen:
        elapsed_s = seconds_between(state.funding_ns, now_ns)
        if elapsed_s <= 0.0:
            return
        persistence = params.funding_tau_s / elapsed_s
    state.funding_seen, state.funding_ns = 1, now_ns
    z, noise = observation_of_funding(params, minus_zscore, persistence)
    _observe(state, z, noise)


@compiled(trunk=True)
def belief_cycle(
    state: Rec, params: Rec, now_ns: int, mid: float, sigma: float, features: NDArray[np.float64]
) -> int:
    """Once per quote cycle: observe all there is. Returns 1 if the price was observed.

    `sigma` is σ_total in bps/√s, `features` the N_FEATURES latest values (NaN silent). A time before
    the last changes nothing; a mid or σ not positive and finite is not observed.
    """
    if state.drift.started and now_ns < state.drift.now_ns:
        return 0
    legacy_cycle(state.legacy, params.legacy)
    observed = drift_look(state.drift, state.live, now_ns, mid, sigma)
    if observed:
        drift = state.drift
        legacy_signal(state.legacy, drift.observed, drift.observed_noise)
        adaptation_observe(
            state.adaptation,
            params.adaptation,
            now_ns,
            drift.observed_s,
            drift.observed,
            drift.innovation_variance,
        )
    _adapt(state, params, now_ns)
    forecast_cycle(state.forecast, params.forecast, features)
    _observe_forecast(state, params, now_ns)
    _observe_funding(state, params, now_ns)
    alphas_cycle(state.alphas, params.alphas, state.forecast.value)
    return observed


@compiled
def belief_fill(state: Rec, params: Rec, side: int, depth: float, now_ns: int) -> None:
    """An own fill on `side` (+1 our bid) at `depth` bps from the mid before it."""
    z, noise = observation_of_fill(state.fills, params.fills, state.live, side, depth, now_ns)
    _observe(state, z, noise)


@compiled
def belief_gap(state: Rec) -> None:
    """The feed reports a gap: no price difference reaches across it."""
    drift_gap(state.drift)


@compiled
def believed_drift(state: Rec, params: Rec) -> tuple[float, float]:
    """(μ̂, its variance) in bps/s and (bps/s)²: the posterior, or with `legacy` the old estimator's."""
    if params.use_legacy:
        return state.legacy.mu, 1.0 / state.legacy.precision
    return state.drift.mu, state.drift.variance
