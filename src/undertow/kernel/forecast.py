"""One forecast of the return from all features that speak: their joint regression, read at each cycle.

    f = Σ_S w_j·(x_j − center_j),   w = β_S + Σ_SS⁻¹·Σ_SM·β_M,   Var(f) = wᵀ·Σ_SS·w       (bps, bps²)

β are the loadings of the joint regression (bps of return over h seconds per unit), Σ the covariance of
the features, S those that have a loading and speak, M those that have one and are silent or switched
off. w is the regression *without* M that the same data would have given: what is silent is expected
from what speaks, nothing else is made up, and Var(f) is that of the forecast actually made. With M
empty, w = β. It is solved again only when S changes.

Tiers: feature j is taken over at cycles divisible by the pace of its tier (hot 1, warm 2, cold 5);
in between the latest value stands. NaN and ±∞ are silence. Source: docs/model.md §§4–5.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES, TIER_OF
from undertow.records import Rec, new_record

FORECAST: Final = np.dtype(
    [
        ("value", "<f8", (N_FEATURES,)),  # latest value taken over, NaN while silent
        ("weight", "<f8", (N_FEATURES,)),  # w, bps per unit; 0 outside S
        ("forecast_variance", "<f8"),  # Var(f), bps²
        ("forecast_bps", "<f8"),  # f, NaN while no feature with a loading speaks
        ("cycles", "<i8"),
        ("speaks", "u1", (N_FEATURES,)),  # S, as of `weight`
        ("work", "<f8", (N_FEATURES, N_FEATURES + 1)),  # scratch of the solver
    ],
    align=True,
)

FORECAST_PARAMS: Final = np.dtype(
    [
        ("loading", "<f8", (N_FEATURES,)),  # β, bps over the horizon per unit
        ("center", "<f8", (N_FEATURES,)),
        ("covariance", "<f8", (N_FEATURES, N_FEATURES)),
        ("horizon_s", "<f8"),
        ("pace", "<i8", (N_FEATURES,)),  # cycles between two looks
        ("on", "u1", (N_FEATURES,)),
    ],
    align=True,
)

Floats = NDArray[np.float64]


def named(values: dict[str, float], what: str) -> Floats:
    """An array over all features from values by name; an unknown name or a value not finite: ValueError."""
    unknown = sorted(set(values) - set(FEATURE_NAMES))
    if unknown:
        raise ValueError(f"belief: {what} of unknown feature {', '.join(unknown)}")
    out = np.array([values.get(name, 0.0) for name in FEATURE_NAMES], dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"belief: {what} {values} must be finite")
    return out


def _covariance(names: list[str], covariance: Floats | None) -> Floats:
    """The covariance of the named features spread over all; checked."""
    full = np.zeros((N_FEATURES, N_FEATURES))
    if not names:
        return full
    if covariance is None:
        raise ValueError(f"belief: the loadings of {', '.join(names)} need a covariance")
    given = np.asarray(covariance, dtype=np.float64)
    if given.shape != (len(names), len(names)):
        raise ValueError(f"belief: covariance of shape {given.shape} for {len(names)} loadings")
    if not np.isfinite(given).all() or not np.allclose(given, given.T, rtol=1e-6, atol=1e-12):
        raise ValueError("belief: covariance must be finite and symmetric")
    if (np.diag(given) <= 0.0).any() or np.linalg.eigvalsh(given)[0] < -1e-9 * np.trace(given):
        raise ValueError("belief: covariance must be positive")
    at = [FEATURE_NAMES.index(name) for name in names]
    full[np.ix_(at, at)] = given
    return full


def forecast_params(
    *,
    loadings: dict[str, float] | None = None,
    centers: dict[str, float] | None = None,
    covariance: Floats | None = None,
    horizon_s: float = 10.0,
    pace_cycles: tuple[int, int, int] = (1, 2, 5),
    without: tuple[str, ...] = (),
) -> Rec:
    """Loadings (bps per unit over `horizon_s`) and centers by name; `covariance` (k, k) of the features
    with a loading, in the order of `loadings`; cycles between looks of hot, warm and cold features;
    `without`: features switched off, as if they were always silent."""
    loadings = loadings or {}
    if not (math.isfinite(horizon_s) and horizon_s > 0.0):
        raise ValueError(f"belief: horizon_s = {horizon_s} must be above 0")
    if len(pace_cycles) != 3 or any(n < 1 for n in pace_cycles):
        raise ValueError(f"belief: pace_cycles = {pace_cycles} must be three whole numbers from 1")
    rec = new_record(FORECAST_PARAMS)
    rec["loading"], rec["center"] = named(loadings, "loading"), named(centers or {}, "center")
    rec["covariance"] = _covariance(list(loadings), covariance)
    rec["horizon_s"] = horizon_s
    rec["pace"] = np.array(pace_cycles)[TIER_OF]
    rec["on"] = named(dict.fromkeys(without, 1.0), "switch") == 0.0
    return rec


def init_forecast(state: Rec, params: Rec) -> None:
    """Every feature silent."""
    state["value"], state["forecast_bps"] = np.nan, np.nan


@compiled
def solve_in_place(a: NDArray[np.float64], n: int) -> bool:
    """Solve A·x = b for symmetric positive A: `a` holds A in [:n, :n] and b in [:n, n]; x replaces b.

    Cholesky; False (and `a` spoiled) where A is not positive to 1e-10 of its diagonal.
    """
    for j in range(n):
        scale = a[j, j]
        for k in range(j):
            a[j, j] -= a[j, k] * a[j, k]
        if not a[j, j] > 1e-10 * scale:
            return False
        a[j, j] = math.sqrt(a[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
    for i in range(n):
        for k in range(i):
            a[i, n] -= a[i, k] * a[k, n]
        a[i, n] /= a[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            a[i, n] -= a[k, i] * a[k, n]
        a[i, n] /= a[i, i]
    return True


@compiled
def _expect_silent(state: Rec, params: Rec) -> None:
    """Add Σ_SS⁻¹·Σ_SM·β_M to the weights of S; features too collinear to tell keep their loadings."""
    n = 0
    for i in range(N_FEATURES):
        if not state.speaks[i]:
            continue
        m = 0
        for j in range(N_FEATURES):
            if state.speaks[j]:
                state.work[n, m] = params.covariance[i, j]
                m += 1
        right = 0.0
        for j in range(N_FEATURES):
            if not state.speaks[j]:
                right += params.covariance[i, j] * params.loading[j]
        state.work[n, m] = right
        n += 1
    if n == 0 or not solve_in_place(state.work, n):
        return
    k = 0
    for i in range(N_FEATURES):
        if state.speaks[i]:
            state.weight[i] += state.work[k, n]
            k += 1


@compiled
def _reweigh(state: Rec, params: Rec) -> None:
    """Weights and Var(f) for the features that speak now."""
    silent = False
    for i in range(N_FEATURES):
        state.weight[i] = params.loading[i] if state.speaks[i] else 0.0
        silent = silent or (params.loading[i] != 0.0 and not state.speaks[i])
    if silent:
        _expect_silent(state, params)
    total = 0.0
    for i in range(N_FEATURES):
        if state.weight[i] != 0.0:
            for j in range(N_FEATURES):
                total += state.weight[i] * params.covariance[i, j] * state.weight[j]
    state.forecast_variance = total


@compiled
def forecast_cycle(state: Rec, params: Rec, features: NDArray[np.float64]) -> None:
    """Take over the features (N_FEATURES values, NaN silent) that are due, and forecast."""
    changed = False
    for j in range(N_FEATURES):
        if state.cycles % params.pace[j] == 0:
            value = features[j]
            state.value[j] = value if params.on[j] and abs(value) < np.inf else np.nan
        speaks = params.loading[j] != 0.0 and not np.isnan(state.value[j])
        if speaks != (state.speaks[j] == 1):
            state.speaks[j] = 1 if speaks else 0
            changed = True
    state.cycles += 1
    if changed:
        _reweigh(state, params)
    total, spoken = 0.0, False
    for j in range(N_FEATURES):
        if state.speaks[j]:
            total += state.weight[j] * (state.value[j] - params.center[j])
            spoken = True
    state.forecast_bps = total if spoken else np.nan
