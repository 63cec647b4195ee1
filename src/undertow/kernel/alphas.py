"""Short-lived alphas: signals of their own, each with its own decay, that are not the drift.

    v_a = Σ_j loading_aj·(x_j − center_j)          what the mid is expected to do now, bps/s
    r(q) gains Σ_a v_a·τ_a,  τ_a = 1/(θ_a + ρ)      docs/model.md §2

A feature that explains more of the coming return than *perfect* knowledge of μ could is not measuring
μ (docs/model.md §4): it enters here, not into μ̂. A feature that is silent contributes nothing.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.kernel.features import N_FEATURES
from undertow.kernel.forecast import named
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record

MAX_ALPHAS: Final = N_FEATURES

AlphaList = list[tuple[float, dict[str, float]]] | tuple[tuple[float, dict[str, float]], ...]
"""(decay in 1/s, loadings in bps/s per unit by feature) of each alpha."""

ALPHAS: Final = np.dtype([("rate", "<f8", (MAX_ALPHAS,))], align=True)  # v_a, bps/s

ALPHA_PARAMS: Final = np.dtype(
    [
        ("loading", "<f8", (MAX_ALPHAS, N_FEATURES)),  # bps/s per unit
        ("decay", "<f8", (MAX_ALPHAS,)),  # θ_a, 1/s
        ("center", "<f8", (N_FEATURES,)),
        ("count", "<i8"),
    ],
    align=True,
)


def alpha_params(
    *,
    alphas: AlphaList = (),
    centers: dict[str, float] | None = None,
    without: tuple[str, ...] = (),
) -> Rec:
    """Each alpha is (decay in 1/s, loadings in bps/s per unit by name); `without` switches features off."""
    if len(alphas) > MAX_ALPHAS:
        raise ValueError(f"belief: {len(alphas)} alphas exceed {MAX_ALPHAS}")
    rec = new_record(ALPHA_PARAMS)
    kept = 1.0 - named(dict.fromkeys(without, 1.0), "switch")
    for a, (decay_per_s, loadings) in enumerate(alphas):
        require("belief", alpha_decay_per_s=decay_per_s)
        rec["decay"][a] = decay_per_s
        rec["loading"][a] = named(loadings, "alpha loading") * kept
    rec["center"], rec["count"] = named(centers or {}, "center"), len(alphas)
    return rec


@compiled
def alphas_cycle(state: Rec, params: Rec, value: NDArray[np.float64]) -> None:
    """Read every alpha from the latest feature values (NaN silent)."""
    for a in range(params.count):
        rate = 0.0
        for j in range(N_FEATURES):
            if params.loading[a, j] != 0.0 and not np.isnan(value[j]):
                rate += params.loading[a, j] * (value[j] - params.center[j])
        state.rate[a] = rate


@compiled
def alpha_shift_bps(state: Rec, params: Rec, rho: float) -> float:
    """Σ_a v_a/(θ_a + ρ): what the alphas add to the reservation price, bps. `rho` ≥ 0 in 1/s."""
    shift = 0.0
    for a in range(params.count):
        shift += state.rate[a] / (params.decay[a] + rho)
    return shift


@compiled
def alpha_move_bps(state: Rec, params: Rec, horizon_s: float) -> float:
    """Σ_a v_a·(1 − e^(−θ_a·h))/θ_a: the move the alphas expect within `horizon_s`, bps."""
    move = 0.0
    for a in range(params.count):
        move += state.rate[a] * -math.expm1(-params.decay[a] * horizon_s) / params.decay[a]
    return move
