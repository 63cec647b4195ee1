"""Least squares with standard errors that overlapping returns do not deceive (Newey & West 1987).

    β = (XᵀX)⁻¹Xᵀr,   V = (XᵀX)⁻¹·S·(XᵀX)⁻¹,   S = Γ_0 + Σ_{k≤L} (1 − k/(L+1))·(Γ_k + Γ_kᵀ),
    Γ_k = Σ_t e_t e_{t−k} x_t x_{t−k}ᵀ

Returns over h seconds sampled every second share their residuals for h seconds, and persistent
features share theirs for longer: L covers both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cross(a: Floats, b: Floats) -> Floats:
    """aᵀ·b of (n, k) and (n, m) for n ≫ k, m.

    Without BLAS where it is small: there its threads cost more than they compute.
    """
    if a.shape[1] * b.shape[1] <= 16:
        return np.asarray(np.einsum("ij,ik->jk", a, b))
    return np.asarray(a.T @ b)


def long_run_covariance(scores: Floats, lag: int) -> Floats:
    """S of (n, k) scores: Bartlett-weighted sum of their autocovariances up to `lag` rows."""
    total = cross(scores, scores)
    for k in range(1, min(lag, len(scores) - 1) + 1):
        gamma = cross(scores[k:], scores[:-k])
        total = total + (1.0 - k / (lag + 1.0)) * (gamma + gamma.T)
    return np.asarray(total)


def least_squares(x: Floats, r: Floats, lag: int) -> tuple[Floats, Floats]:
    """(β of shape (k,), its covariance (k, k)); rows of `x` (n, k) and `r` (n,) all finite.

    Collinear columns share a loading (least-norm solution).
    """
    gram = np.linalg.pinv(cross(x, x), rcond=1e-12, hermitian=True)
    beta = gram @ cross(x, r[:, None])[:, 0]
    residual = r - x @ beta
    spread = long_run_covariance(x * residual[:, None], lag)
    return beta, np.asarray(gram @ spread @ gram)


def mean_and_error(values: Floats, lag: int) -> tuple[float, float]:
    """Mean of a series and its Newey–West standard error."""
    centered = values - values.mean()
    spread = float(long_run_covariance(centered[:, None], lag)[0, 0])
    return float(values.mean()), float(np.sqrt(max(spread, 0.0)) / len(values))
