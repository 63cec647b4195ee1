"""The versioned file of what calibration found; the kernel's belief is made from it and nothing else.

JSON, one object; `read` names the field of every fault. Loadings, centers and covariance belong to
each other and to τ_noise, and all to θ and σ_μ: a file is replaced as a whole, weekly, never edited
in part. To turn a feature off use `to_belief_params(…, without=…)`, which gives the regression that
the same data would have given without it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from undertow.kernel.belief import belief_params
from undertow.kernel.drift_adaptation import SIGMA_MU_BOUNDS, THETA_BOUNDS
from undertow.kernel.features import FEATURE_NAMES
from undertow.kernel.fill_belief import fill_belief_params
from undertow.records import Rec

VERSION: Final = 1

Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]


class CalibrationError(ValueError):
    """A calibration file that cannot be used; the text names the file and the field."""


class DriftPart(msgspec.Struct, forbid_unknown_fields=True):
    """θ (1/s) and σ_μ ((bps/s)/√s) in use; what the likelihood said of them."""

    theta_per_s: Annotated[float, Meta(ge=THETA_BOUNDS[0], le=THETA_BOUNDS[1])]
    sigma_mu: Annotated[float, Meta(ge=SIGMA_MU_BOUNDS[0], le=SIGMA_MU_BOUNDS[1])]
    identified: bool
    """False: no drift could be told from none; θ and σ_μ are defaults held below the upper limit."""
    theta_error: float | None = None
    """Standard error of log θ."""
    sigma_mu_error: float | None = None
    sigma_mu_upper: NotNegative | None = None
    """95 % upper limit at θ = .02/s."""
    evidence: float | None = None
    """Twice the log-likelihood over that of no drift."""
    sigma: NotNegative | None = None
    sigma_noise: NotNegative | None = None


class FeatureLoading(msgspec.Struct, forbid_unknown_fields=True):
    """One feature of the joint forecast: bps over the horizon per unit, its center, its HAC error."""

    name: str
    loading: float
    center: float
    error: NotNegative


class ForecastPart(msgspec.Struct, forbid_unknown_fields=True):
    """The joint forecast. `covariance` is that of the features, in the order of `features`."""

    horizon_s: Positive
    features: list[FeatureLoading]
    covariance: list[list[float]]
    forecast_variance: NotNegative
    """Var(f) with every feature speaking, bps²."""
    tau_noise_s: NotNegative
    known: NotNegative
    """K̂."""
    r2: float
    r2_out_of_sample: float | None = None


class AlphaPart(msgspec.Struct, forbid_unknown_fields=True):
    """A short-lived alpha: its decay (1/s) and loadings in bps/s per unit by feature."""

    decay_per_s: Positive
    loadings: dict[str, float]
    centers: dict[str, float] = {}
    reason: str = ""


class FillsPart(msgspec.Struct, forbid_unknown_fields=True):
    """Own fills: loss level (bps over the horizon), slope per bp of depth, clustering, own skew's share."""

    level_bps: float
    slope: float
    horizon_s: Positive = 10.0
    tau_s: NotNegative = 10.0
    skew_share: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0


class FundingPart(msgspec.Struct, forbid_unknown_fields=True):
    """Funding: bps/s per z-score, deviation of the mean rate it foretells (bps/s), how long it lasts (s)."""

    scale: Annotated[float, Meta(ge=0.0, le=0.1)] = 0.02
    deviation: Positive = 0.025
    tau_s: NotNegative = 3600.0


class Provenance(msgspec.Struct, forbid_unknown_fields=True):
    """What the numbers were found in, and by which code."""

    recording: str
    start: str
    end: str
    split: str
    """Which part was used, e.g. ``first half``."""
    commit: str
    created: str
    samples: Annotated[int, Meta(ge=0)] = 0


class Calibration(msgspec.Struct, forbid_unknown_fields=True):
    """Everything the belief needs that is found in data."""

    version: int
    provenance: Provenance
    drift: DriftPart
    forecast: ForecastPart | None = None
    alphas: list[AlphaPart] = []
    fills: FillsPart | None = None
    funding: FundingPart = msgspec.field(default_factory=FundingPart)
    excluded: dict[str, str] = {}
    """Features that may not quote, and why."""


def _faults(calibration: Calibration) -> list[str]:
    """What types cannot say: versions, names, shapes, finite numbers, a covariance that is one."""
    faults = []
    if calibration.version != VERSION:
        faults.append(f"version = {calibration.version} is not {VERSION}, the one this program reads")
    for path, value in _numbers(msgspec.to_builtins(calibration), "$"):
        if not math.isfinite(value):
            faults.append(f"{path} = {value} must be finite")
    named = [(f"$.alphas[{i}].loadings", list(a.loadings)) for i, a in enumerate(calibration.alphas)]
    if calibration.forecast is not None:
        names = [f.name for f in calibration.forecast.features]
        named.append(("$.forecast.features", names))
        if len(set(names)) < len(names):
            faults.append("$.forecast.features names a feature twice")
        faults += _covariance_faults(calibration.forecast)
    for path, names in named:
        unknown = [name for name in names if name not in FEATURE_NAMES]
        if unknown:
            faults.append(f"{path} names unknown feature {', '.join(unknown)}")
    return faults


def _covariance_faults(part: ForecastPart) -> list[str]:
    k = len(part.features)
    path = "$.forecast.covariance"
    if len(part.covariance) != k or any(len(row) != k for row in part.covariance):
        return [f"{path} must have {k} rows of {k} numbers, one for each of $.forecast.features"]
    if k == 0 or not all(math.isfinite(v) for row in part.covariance for v in row):
        return []
    c = np.array(part.covariance)
    if not np.allclose(c, c.T, rtol=1e-6, atol=1e-12):
        return [f"{path} must be symmetric"]
    if (np.diag(c) <= 0.0).any() or np.linalg.eigvalsh(c)[0] < -1e-9 * np.trace(c):
        return [f"{path} must be positive"]
    return []


def _numbers(value: Any, path: str) -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [n for key, v in value.items() for n in _numbers(v, f"{path}.{key}")]
    if isinstance(value, list):
        return [n for i, v in enumerate(value) for n in _numbers(v, f"{path}[{i}]")]
    return [(path, value)] if isinstance(value, float) else []


def read(path: Path | str) -> Calibration:
    """Read and check a file; raises `CalibrationError` naming the file and the field."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror or error}") from None
    try:
        calibration = msgspec.json.decode(raw, type=Calibration)
    except msgspec.MsgspecError as error:
        raise CalibrationError(f"{path}: {error}") from None
    faults = _faults(calibration)
    if faults:
        raise CalibrationError("\n".join(f"{path}: {fault}" for fault in faults))
    return calibration


def write(calibration: Calibration, path: Path | str) -> None:
    """Write a file that `read` accepts; raises `CalibrationError` if it would not."""
    faults = _faults(calibration)
    if faults:
        raise CalibrationError("\n".join(f"{path}: {fault}" for fault in faults))
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")


def to_belief_params(calibration: Calibration, *, without: tuple[str, ...] = (), **changes: Any) -> Rec:
    """The `BELIEF_PARAMS` record of a calibration; `without` turns features off, `changes` are further
    arguments of `belief_params` (``frozen=True``, ``legacy=True``, ``funding_scale=0.0``, …)."""
    given: dict[str, Any] = {
        "theta_per_s": calibration.drift.theta_per_s,
        "sigma_mu": calibration.drift.sigma_mu,
        "alphas": [(a.decay_per_s, a.loadings) for a in calibration.alphas],
        "funding_scale": calibration.funding.scale,
        "funding_deviation": calibration.funding.deviation,
        "funding_tau_s": calibration.funding.tau_s,
        "without": without,
    }
    centers = {name: value for a in calibration.alphas for name, value in a.centers.items()}
    part = calibration.forecast
    if part is not None and part.features:
        given["loadings"] = {f.name: f.loading for f in part.features}
        given["covariance"] = np.array(part.covariance)
        given["horizon_s"], given["tau_noise_s"] = part.horizon_s, part.tau_noise_s
        centers |= {f.name: f.center for f in part.features}
        if given["loadings"].get("funding", 0.0) != 0.0:
            given["funding_scale"] = 0.0  # its own regression speaks for it
    given["centers"] = centers
    if calibration.fills is not None:
        given["fills"] = fill_belief_params(**msgspec.structs.asdict(calibration.fills))
    return belief_params(**(given | changes))
