"""Calibration of the belief from one stretch of data: drift, gate, kinds, joint forecast, alphas.

    gate     which features may quote (research/gate.py), unless a report is given
    quick    those whose signal is over within the horizon are alphas; the mid is taken net of them
    θ, σ_μ   likelihood of the mid (research/ou_likelihood.py); where no drift can be told from none,
             the defaults, σ_μ held below its 95 % upper limit
    kinds    the rest: observation of μ, or an alpha of its own (research/decay.py)
    joint    loadings, Var(f), τ_noise of the observations (research/regression.py); P_∞ is at least what
             the forecast has shown of it, Var(f)/(.9·h²g²), and K̂ at most what lasts like a drift
    alphas   each with its own rate and decay

Arrays: `time_s` (n,), `mid` (n,), `x` (n, N_FEATURES) in the order of `FEATURE_NAMES`, NaN silent.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.account.provenance import commit
from undertow.calibration import (
    VERSION,
    AlphaPart,
    Calibration,
    DriftPart,
    FeatureLoading,
    FillsPart,
    ForecastPart,
    FundingPart,
    Provenance,
)
from undertow.kernel.drift_adaptation import SIGMA_MU_BOUNDS, THETA_BOUNDS
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.research.decay import ALPHA, OBSERVATION, Decay, classify, joint_scales, net_of, quick_signals
from undertow.research.gate import GateReport, GateSettings, run_gate
from undertow.research.ou_likelihood import OuFit, fit_ou_drift
from undertow.research.regression import (
    MOST_KNOWN,
    JointFit,
    fit_joint,
    known_share,
    lasting_share,
    noise_persistence_s,
    reach_s,
)

Floats = NDArray[np.float64]

DEFAULT_THETA: Final = 0.02
DEFAULT_SIGMA_MU: Final = 0.005
FASTEST_DRIFT_PER_S: Final = 0.05
"""A faster θ is the momentum of seconds, which alphas carry, mixed with a drift: P_∞ is kept, θ is held."""
HORIZONS_TRUSTED: Final = 3.0
"""An alpha decays within so many horizons of the regression that has seen it: what it would tell of later is
told by nothing."""
LEAST_LEFT: Final = 0.63
"""The drift is looked for in the mid net of quick signals. Where those leave less than this share of the
volatility, the mid follows something else, whose drift is in the signals and not in what is left."""


def _volatility(time_s: Floats, mid: Floats, step_s: float = 5.0) -> float:
    """Volatility of the mid over steps of about `step_s`, bps/√s."""
    step = max(round(step_s / float(np.median(np.diff(time_s)))), 1)
    dt = np.diff(time_s[::step])
    change = 1e4 * np.diff(np.log(mid[::step]))
    ok = (dt > 0.0) & (dt < 3.0 * step_s)
    return float(np.sqrt(np.sum(change[ok] ** 2) / np.sum(dt[ok]))) if ok.any() else math.nan


def drift_in_use(fit: OuFit, volatility: float = math.nan) -> tuple[float, float]:
    """(θ, σ_μ) to quote with, inside their bounds: the fit's where it is a drift.

    `volatility` of the mid, bps/√s, before quick signals were taken out; NaN: none were.
    """
    theta, sigma_mu = DEFAULT_THETA, min(DEFAULT_SIGMA_MU, fit.sigma_mu_upper)
    if fit.identified and not fit.sigma < LEAST_LEFT * volatility:
        theta = min(fit.theta_per_s, FASTEST_DRIFT_PER_S)
        sigma_mu = fit.sigma_mu * math.sqrt(theta / fit.theta_per_s)  # the same P_∞
    return float(np.clip(theta, *THETA_BOUNDS)), float(np.clip(sigma_mu, *SIGMA_MU_BOUNDS))


def _drift_part(fit: OuFit, theta: float, sigma_mu: float) -> DriftPart:
    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return DriftPart(
        theta_per_s=theta,
        sigma_mu=sigma_mu,
        identified=fit.identified,
        theta_error=known(fit.theta_error),
        sigma_mu_error=known(fit.sigma_mu_error),
        sigma_mu_upper=known(fit.sigma_mu_upper),
        evidence=known(fit.evidence),
        sigma=fit.sigma,
        sigma_noise=fit.sigma_noise,
    )


def fit_forecast(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    names: tuple[str, ...],
    *,
    theta: float,
    sigma_mu: float,
    horizon_s: float = 10.0,
    centered: bool = True,
) -> tuple[ForecastPart | None, float]:
    """(the joint forecast of features `x` (n, k), σ_μ): σ_μ is raised where the forecast knows more of the
    drift than P_∞ holds. None where nothing is left after shrinkage."""
    joint = fit_joint(time_s, mid, x, names, horizon_s=horizon_s, centered=centered)
    if joint.forecast_variance <= 0.0:
        return None, sigma_mu
    f = joint.forecast(x)
    bound = min(lasting_share(time_s, f, theta=theta), MOST_KNOWN)
    shown = joint.forecast_variance / reach_s(theta, horizon_s) ** 2  # K̂·P_∞
    stationary = sigma_mu**2 / (2.0 * theta)
    if shown > MOST_KNOWN * stationary and bound > 0.5:
        stationary = shown / MOST_KNOWN
        sigma_mu = min(math.sqrt(2.0 * theta * stationary), SIGMA_MU_BOUNDS[1])
    known = known_share(joint.forecast_variance, stationary, theta, horizon_s)
    scale = min(1.0, math.sqrt(bound / known))
    if scale <= 0.0:
        return None, sigma_mu
    joint = _scaled(joint, scale)
    known *= scale * scale
    return (
        ForecastPart(
            horizon_s=horizon_s,
            features=[
                FeatureLoading(name, float(b), float(c), float(e))
                for name, b, c, e in zip(names, joint.loading, joint.center, joint.error, strict=True)
            ],
            covariance=joint.covariance.tolist(),
            forecast_variance=joint.forecast_variance,
            tau_noise_s=noise_persistence_s(time_s, f, known=known, theta=theta),
            known=known,
            r2=joint.r2,
        ),
        sigma_mu,
    )


def _scaled(joint: JointFit, scale: float) -> JointFit:
    return dataclasses.replace(
        joint, loading=scale * joint.loading, forecast_variance=scale**2 * joint.forecast_variance
    )


@dataclasses.dataclass(frozen=True)
class _Seen:
    """The arrays under calibration; `mid` net of quick signals once they are known."""

    time_s: Floats
    mid: Floats
    x: Floats
    horizon_s: float
    centered: bool

    def of(self, names: tuple[str, ...]) -> Floats:
        """The columns of the named features, (n, k)."""
        return self.x[:, [FEATURE_NAMES.index(name) for name in names]]

    def without_quick(self, names: tuple[str, ...]) -> tuple[list[Decay], tuple[str, ...], _Seen]:
        """(quick signals, the other names, these arrays with the mid net of the quick)."""
        if not names:
            return [], (), self
        quick = quick_signals(self.time_s, self.mid, self.of(names), names, horizon_s=self.horizon_s)
        fast = tuple(d.name for d in quick)
        net = net_of(self.time_s, self.mid, self.of(fast), quick)
        slow = tuple(name for name in names if name not in fast)
        return quick, slow, dataclasses.replace(self, mid=net)

    def alphas(self, found: list[tuple[Decay, str]], excluded: dict[str, str]) -> list[AlphaPart]:
        """One alpha for each decay whose rate is two errors from 0, and of which as much is left beside the
        others; the rest are noted as excluded."""
        told = []
        for decay, reason in found:
            if abs(decay.rate) < 2.0 * decay.rate_error:
                excluded[decay.name] = f"an alpha ({reason}) of rate {decay.rate:.3g} within two errors"
            else:
                told.append((decay, reason))
        if not told:
            return []
        decays = [decay for decay, _ in told]
        x = self.of(tuple(decay.name for decay in decays))
        scale, error = joint_scales(self.time_s, self.mid, x, decays, horizon_s=self.horizon_s)
        out = []
        for j, (decay, reason) in enumerate(told):
            name, share = decay.name, float(scale[j])
            if share < 2.0 * float(error[j]):
                excluded[name] = f"an alpha ({reason}) of which {share:.2f} ± {error[j]:.2f} is its own"
                continue
            center = float(np.nanmean(x[:, j])) if self.centered else 0.0
            seen = decay.rate * min(share, 1.0) * reach_s(decay.decay_per_s, self.horizon_s)
            theta = max(decay.decay_per_s, 1.0 / (HORIZONS_TRUSTED * self.horizon_s))
            out.append(
                AlphaPart(theta, {name: seen / reach_s(theta, self.horizon_s)}, {name: center}, reason)
            )
        return out

    def forecast(
        self, names: tuple[str, ...], theta: float, sigma_mu: float
    ) -> tuple[ForecastPart | None, float]:
        """`fit_forecast` of the named features."""
        return fit_forecast(
            self.time_s,
            self.mid,
            self.of(names),
            names,
            theta=theta,
            sigma_mu=sigma_mu,
            horizon_s=self.horizon_s,
            centered=self.centered,
        )


def calibrate(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    *,
    recording: str,
    split: str = "all",
    gate: GateReport | None = None,
    settings: GateSettings | None = None,
    drift: OuFit | None = None,
    constant_sigma: bool = False,
    centered: bool = True,
    fills: FillsPart | None = None,
    funding: FundingPart | None = None,
) -> Calibration:
    """Calibrate on the rows given (about one a second). `gate` and `drift` are computed unless given.

    ValueError where arrays do not fit or the mid cannot be fitted (too short, never moving).
    """
    if x.shape != (len(time_s), N_FEATURES):
        raise ValueError(f"features of shape {x.shape} must be ({len(time_s)}, {N_FEATURES})")
    report = gate or run_gate(time_s, mid, x, FEATURE_NAMES, settings=settings)
    horizon_s = report.settings.horizon_s
    excluded = {v.name: v.reason for v in report.verdicts if not v.passed}
    whole = _Seen(time_s, mid, x, horizon_s, centered)
    quick, slow, seen = whole.without_quick(report.features)
    fit = drift or fit_ou_drift(time_s, seen.mid, constant_sigma=constant_sigma)
    theta, sigma_mu = drift_in_use(fit, _volatility(time_s, mid))
    stationary = sigma_mu**2 / (2.0 * theta)
    kinds = []
    if slow:
        kinds = classify(
            time_s, seen.mid, seen.of(slow), slow, theta=theta, stationary=stationary, horizon_s=horizon_s
        )
    over = [(d, f"over within {horizon_s:g} s") for d in quick]
    alphas = whole.alphas(over + [(k.decay, k.reason) for k in kinds if k.kind == ALPHA], excluded)
    observed = tuple(k.name for k in kinds if k.kind == OBSERVATION)
    part = None
    if observed:
        part, sigma_mu = seen.forecast(observed, theta, sigma_mu)
        if part is None:
            excluded |= dict.fromkeys(observed, "nothing is left after shrinkage")
    if part is not None and math.isfinite(report.r2):
        part.r2_out_of_sample = report.r2
    return Calibration(
        version=VERSION,
        provenance=_provenance(time_s, recording, split),
        drift=_drift_part(fit, theta, sigma_mu),
        forecast=part,
        alphas=alphas,
        fills=fills,
        funding=funding or FundingPart(),
        excluded=excluded,
    )


def _provenance(time_s: Floats, recording: str, split: str) -> Provenance:
    return Provenance(
        recording=recording,
        start=_utc(time_s[0]),
        end=_utc(time_s[-1]),
        split=split,
        commit=commit() or "unknown",
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        samples=len(time_s),
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
