"""Joint regression of the coming return on features; what it forecasts, and how long its noise lasts.

    r_h(t) = Σ_j β_j·(x_j(t) − center_j) + e(t)          by least squares, HAC errors (research/hac.py)

*Shrinkage.* Fitted loadings fit the noise of the sample as well. On new data the forecast must be
multiplied by s = 1 − tr(ΣV)/(β̂ᵀΣβ̂) to be unbiased (Copas 1983; V the covariance of β̂), and Var(f) is
s²·β̂ᵀΣβ̂ with it. Loadings are given shrunk; s ≤ 0 means there is nothing to forecast with.

*Persistence.* The forecast over h·g is an observation of μ with noise (docs/model.md §4), so its
autocorrelation is ρ_f(k) = K̂·e^(−θk) + (1 − K̂)·ρ_noise(k) with K̂ = Var(f)/(P_∞h²g²). Solved for
ρ_noise and fitted by c·e^(−k/τ) over 100 s, τ_noise = c·τ + (1 − c)·Δ/2, the integral of the fit: Δ/2
for white noise (what happens between two samples is not known). A fit, because sums over estimated
autocorrelations stray by their own size.

*Own fills* are a regression of the same kind on side and depth (`fit_fills`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.research.hac import cross, least_squares
from undertow.research.series import forward_returns

Floats = NDArray[np.float64]

MOST_KNOWN: Final = 0.9
"""The largest K̂ a forecast may claim (docs/model.md §4)."""


@dataclass(frozen=True)
class JointFit:
    """A joint regression over `horizon_s`; arrays are in the order of `names`."""

    names: tuple[str, ...]
    horizon_s: float
    step_s: float
    loading: Floats  # shrunk, bps per unit
    error: Floats  # HAC standard errors of the loadings before shrinkage
    center: Floats
    covariance: Floats  # of the features
    shrinkage: float  # s
    forecast_variance: float  # Var(f), bps²
    return_variance: float  # bps²
    samples: int

    @property
    def r2(self) -> float:
        """Var(f)/Var(r): what the shrunk forecast explains."""
        return self.forecast_variance / self.return_variance

    def forecast(self, x: Floats) -> Floats:
        """f (n,) for features (n, k)."""
        return np.asarray((x - self.center) @ self.loading)


def step_of(time_s: Floats) -> float:
    """The usual time between samples, s."""
    return float(np.median(np.diff(time_s)))


def hac_lag(horizon_s: float, step_s: float, n: int) -> int:
    """Rows over which scores are correlated: the horizon and half as long again, n^(1/3) at least."""
    return min(max(math.ceil(1.5 * horizon_s / step_s), round(n ** (1 / 3))), max(n - 2, 1))


def fit_joint(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    names: tuple[str, ...],
    *,
    horizon_s: float = 10.0,
    centered: bool = True,
    gap_s: float = 10.0,
) -> JointFit:
    """Regress returns over `horizon_s` on features `x` (n, k) named `names`.

    Rows with a silent feature or an unknown return are left out. `centered` False takes every center
    as 0 (exactly mirrored in a mirrored market). ValueError for fewer than 10·(k + 1) usable rows or a
    feature that never moves.
    """
    if x.shape != (len(time_s), len(names)):
        raise ValueError(f"features of shape {x.shape} for {len(time_s)} times and {len(names)} names")
    r = forward_returns(time_s, mid, 0.0, horizon_s, gap_s=gap_s)
    ok = np.isfinite(r) & np.isfinite(x).all(axis=1)
    n, k = int(ok.sum()), len(names)
    if n < 10 * (k + 1):
        raise ValueError(f"{n} usable rows are too few for {k} features")
    chosen, r = x[ok], r[ok]
    center = chosen.mean(axis=0) if centered else np.zeros(k)
    z, r = chosen - center, r - r.mean()
    still = [name for name, s in zip(names, z.std(axis=0), strict=True) if not s > 0.0]
    if still:
        raise ValueError(f"feature {', '.join(still)} never moves")
    step_s = step_of(time_s)
    beta, spread = least_squares(z, r, hac_lag(horizon_s, step_s, n))
    covariance = cross(z, z) / n
    raw = float(beta @ covariance @ beta)
    s = max(1.0 - float(np.trace(covariance @ spread)) / raw, 0.0) if raw > 0.0 else 0.0
    return JointFit(
        names=names,
        horizon_s=horizon_s,
        step_s=step_s,
        loading=s * beta,
        error=np.sqrt(np.maximum(np.diag(spread), 0.0)),
        center=center,
        covariance=covariance,
        shrinkage=s,
        forecast_variance=s * s * raw,
        return_variance=float(np.var(r)),
        samples=n,
    )


def reach_s(theta: float, horizon_s: float) -> float:
    """h·g: a drift of 1 bps/s moves the mid so many bps within `horizon_s`."""
    return -math.expm1(-theta * horizon_s) / theta


def known_share(forecast_variance: float, stationary: float, theta: float, horizon_s: float) -> float:
    """K̂: the share of the drift's variance that a forecast claims to know; ∞ where there is no drift."""
    if stationary <= 0.0:
        return math.inf
    return forecast_variance / (stationary * reach_s(theta, horizon_s) ** 2)


def autocorrelation(time_s: Floats, f: Floats, lags: int, *, gap_s: float = 10.0) -> Floats:
    """(lags + 1,) autocorrelation about zero of a series sampled at a steady step; NaNs are skipped.

    Stretches are cut at gaps longer than `gap_s`.
    """
    known = np.where(np.isfinite(f), f, 0.0)
    there = np.isfinite(f).astype(np.float64)
    group = np.concatenate([[0], np.cumsum(np.diff(time_s) > gap_s)])
    out = np.empty(lags + 1)
    for k in range(lags + 1):
        same = group[k:] == group[: len(group) - k]
        pairs = float((there[k:] * there[: len(f) - k] * same).sum())
        out[k] = float((known[k:] * known[: len(f) - k] * same).sum()) / max(pairs, 1.0)
    return out / out[0] if out[0] > 0.0 else np.eye(1, lags + 1)[0]


def lasting_share(time_s: Floats, f: Floats, *, theta: float) -> float:
    """The most K̂ can be: the part of a forecast's autocorrelation that lasts like the drift's.

    Noise that is not negatively autocorrelated leaves K̂·e^(−θk) ≤ ρ_f(k) at every lag; least squares
    over lags from 1/θ to 2/θ, where shorter noise has died away, gives the bound. In [0, 1].
    """
    step_s = step_of(time_s)
    first = max(round(1.0 / (theta * step_s)), 1)
    lags = min(2 * first, len(f) // 4)
    if lags <= first:
        return 1.0
    shape = np.exp(-theta * step_s * np.arange(first, lags + 1))
    rho = autocorrelation(time_s, f, lags)[first:]
    return float(np.clip((rho @ shape) / (shape @ shape), 0.0, 1.0))


def noise_persistence_s(
    time_s: Floats, f: Floats, *, known: float, theta: float, longest_s: float = 100.0
) -> float:
    """τ_noise of a forecast series `f` (n,) whose share `known` (K̂) is the drift's; at least Δ/2."""
    step_s = step_of(time_s)
    lags = min(max(round(longest_s / step_s), 2), len(f) // 4)
    at = step_s * np.arange(1, lags + 1)
    share = min(known, MOST_KNOWN)
    rho = autocorrelation(time_s, f, lags)[1:]
    noise = (rho - share * np.exp(-theta * at)) / (1.0 - share)
    best, tau = math.inf, 0.5 * step_s
    for time in np.geomspace(0.5 * step_s, longest_s, 120):
        shape = np.exp(-at / time)
        part = float(np.clip((noise @ shape) / (shape @ shape), 0.0, 1.0))
        misfit = float(((noise - part * shape) ** 2).sum())
        if misfit < best:
            best, tau = misfit, part * float(time) + (1.0 - part) * 0.5 * step_s
    return max(tau, 0.5 * step_s)


@dataclass(frozen=True)
class FillFit:
    """Loss after own fills, level + slope·depth in bps over `horizon_s`, and what own skew explains."""

    level_bps: float
    slope: float
    level_error: float
    slope_error: float
    horizon_s: float
    skew_share: float
    fills: int


def fit_fills(
    side: Floats,
    depth_bps: Floats,
    return_bps: Floats,
    skew: Floats | None = None,
    *,
    horizon_s: float = 10.0,
) -> FillFit:
    """Regress −side·return on depth, over own fills in order of time (all (n,); side +1 our bid).

    The return should start after the fill's own impact (a second or two): that is a cost of the fill
    (adverse selection), not a drift. `skew` is how far own quotes leaned up (r − mid, bps) at the fill:
    the share of the fills' side it explains (R² of side on skew) inflates R. A level or slope not two
    standard errors above 0 is given as 0. ValueError below 30 fills.
    """
    ok = np.isfinite(depth_bps) & np.isfinite(return_bps)
    if skew is not None:
        ok &= np.isfinite(skew)
    n = int(ok.sum())
    if n < 30:
        raise ValueError(f"{n} fills are too few to learn from")
    x = np.column_stack([np.ones(n), np.maximum(depth_bps[ok], 0.0)])
    beta, spread = least_squares(x, -side[ok] * return_bps[ok], round(n ** (1 / 3)))
    errors = np.sqrt(np.maximum(np.diag(spread), 0.0))
    share = 0.0
    if skew is not None and np.std(skew[ok]) > 0.0 and np.std(side[ok]) > 0.0:
        share = min(float(np.corrcoef(side[ok], skew[ok])[0, 1]) ** 2, 0.99)
    level, slope = (float(b) if b > 2.0 * e else 0.0 for b, e in zip(beta, errors, strict=True))
    return FillFit(level, slope, float(errors[0]), float(errors[1]), horizon_s, share, n)
