"""How κ and σ move together: exponentially weighted covariance of their logs, bias-corrected.

With x = ln κ, y = ln σ looked at every `sample_s` or later, weights halving in `half_life_s`,

    W ← φW + 1,  W₂ ← φ²W₂ + 1,   m ← m + (x − m)/W
    M_xy ← φM_xy + (1 − 1/W)(x − m_x)(y − m_y)                    (West 1979, with forgetting; m before)
    cov = M_xy/(W − W₂/W),   correlation = M_xy/√(M_xx·M_yy)

which is unbiased from the second look on for independent looks. Logs: both are scales, and the
correlation then knows no units. Estimates of κ remember minutes, so the number of independent
looks is W²/W₂ × sample/persistence; Fisher's interval is by that number. Looks that are not
positive and finite, too early or older than the last one change nothing.

Source: docs/model.md §5; West, Comm. ACM 22 (1979) 532–535; Fisher, Metron 1 (1921) 3–32.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import decay
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

COVARIANCE: Final = np.dtype(
    [
        ("weight", "<f8"),
        ("weight_squared", "<f8"),
        ("level_kappa", "<f8"),  # of ln κ (1/bp)
        ("level_sigma", "<f8"),  # of ln σ (bps/√s)
        ("square_kappa", "<f8"),
        ("square_sigma", "<f8"),
        ("product", "<f8"),
        ("last_ns", "<i8"),
        ("looks", "<i8"),
    ],
    align=True,
)

COVARIANCE_PARAMS: Final = np.dtype(
    [("half_life_s", "<f8"), ("sample_ns", "<i8"), ("independent", "<f8")], align=True
)


def covariance_params(
    *, half_life_s: float = 3600.0, sample_s: float = 10.0, persistence_s: float = 300.0
) -> Rec:
    """Half-life, seconds between looks, and how long an estimate of κ remembers itself."""
    require("covariance", half_life_s=half_life_s, sample_s=sample_s, persistence_s=persistence_s)
    rec = new_record(COVARIANCE_PARAMS)
    rec["half_life_s"], rec["sample_ns"] = half_life_s, s_to_ns(sample_s)
    rec["independent"] = min(sample_s / persistence_s, 1.0)
    return rec


@compiled
def covariance_look(state: Rec, params: Rec, now_ns: int, kappa: float, sigma: float) -> None:
    """Look at κ (1/bp) and σ (bps/√s) as they are believed now."""
    if not (0.0 < kappa < np.inf and 0.0 < sigma < np.inf):
        return
    if state.looks > 0 and now_ns - state.last_ns < params.sample_ns:
        return
    kept = decay(seconds_between(state.last_ns, now_ns), params.half_life_s) if state.looks > 0 else 0.0
    state.last_ns = now_ns
    state.looks += 1
    state.weight = kept * state.weight + 1.0
    state.weight_squared = kept * kept * state.weight_squared + 1.0
    gain = 1.0 / state.weight
    off_kappa = math.log(kappa) - state.level_kappa
    off_sigma = math.log(sigma) - state.level_sigma
    share = 1.0 - gain
    state.square_kappa = kept * state.square_kappa + share * off_kappa * off_kappa
    state.square_sigma = kept * state.square_sigma + share * off_sigma * off_sigma
    state.product = kept * state.product + share * off_kappa * off_sigma
    state.level_kappa += gain * off_kappa
    state.level_sigma += gain * off_sigma


@compiled
def _freedom(state: Rec) -> float:
    """W − W₂/W: what the weighted squares are divided by; 0 with fewer than two looks."""
    return state.weight - state.weight_squared / state.weight if state.looks > 1 else 0.0


@compiled
def log_covariance(state: Rec) -> tuple[float, float, float]:
    """(var ln κ, var ln σ, cov), bias-corrected; NaN with fewer than two looks."""
    freedom = _freedom(state)
    if not freedom > 0.0:
        return np.nan, np.nan, np.nan
    return state.square_kappa / freedom, state.square_sigma / freedom, state.product / freedom


@compiled
def kappa_sigma_correlation(state: Rec) -> float:
    """Correlation of ln κ and ln σ, within ±1; NaN while one of them has not moved."""
    scale = math.sqrt(state.square_kappa * state.square_sigma)
    if not scale > 0.0:
        return np.nan
    return min(max(state.product / scale, -1.0), 1.0)


@compiled
def correlation_interval(state: Rec, params: Rec) -> tuple[float, float]:
    """95 % interval of the correlation by Fisher's z; (−1, 1) with fewer than four independent looks."""
    rho = kappa_sigma_correlation(state)
    looks = params.independent * state.weight * state.weight / max(state.weight_squared, 1e-300)
    if np.isnan(rho) or looks <= 4.0:
        return -1.0, 1.0
    centre = math.atanh(min(max(rho, -0.999999), 0.999999))
    reach = 1.959963984540054 / math.sqrt(looks - 3.0)
    return math.tanh(centre - reach), math.tanh(centre + reach)
