"""The drift estimator the project's documents replaced, kept as a switch and as a thing to compare with.

A conjugate normal mean, one batch of signals per quote cycle, forgotten by a tenth per cycle:

    cycle    m ← kept·m,  precision ← 1/V₀                            (kept = .9; V₀ the prior variance)
    signal   m ← (precision·m + z/R)/(precision + 1/R),  precision ← precision + 1/R

The documents name the conjugate normal, the batch and the .9; that the decayed mean is the next
batch's prior mean and V₀ its variance is this file's reading. What was wrong with it stays wrong: it
forgets per *cycle*, whatever time a cycle takes, and its variance does not remember the cycle before.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record

LEGACY_DRIFT: Final = np.dtype([("mu", "<f8"), ("precision", "<f8")], align=True)  # bps/s, its −2

LEGACY_DRIFT_PARAMS: Final = np.dtype([("kept", "<f8"), ("prior_precision", "<f8")], align=True)


def legacy_drift_params(*, kept: float = 0.9, prior_variance: float = 0.00125) -> Rec:
    """What a cycle keeps of the mean (0–1], and V₀ in (bps/s)²."""
    require("legacy drift", high=1.0, kept=kept)
    require("legacy drift", prior_variance=prior_variance)
    rec = new_record(LEGACY_DRIFT_PARAMS)
    rec["kept"], rec["prior_precision"] = kept, 1.0 / prior_variance
    return rec


def init_legacy_drift(state: Rec, params: Rec) -> None:
    """m = 0, precision 1/V₀."""
    state["precision"] = params["prior_precision"]


@compiled
def legacy_cycle(state: Rec, params: Rec) -> None:
    """A new cycle begins: forget a tenth, open a new batch."""
    state.mu *= params.kept
    state.precision = params.prior_precision


@compiled
def legacy_signal(state: Rec, z: float, noise: float) -> None:
    """A signal of this cycle, bps/s, with variance `noise`; not finite or `noise` ≤ 0: no update."""
    if not (abs(z) < np.inf and 0.0 < noise < np.inf):
        return
    precision = state.precision + 1.0 / noise
    state.mu += (z - state.mu) / (noise * precision)
    state.precision = precision
