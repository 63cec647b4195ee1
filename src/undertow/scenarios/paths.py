"""Brownian paths through known points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def brownian(rng: np.random.Generator, times_s: Floats, sigma: float) -> Floats:
    """A Brownian path of `sigma` (bps/√s) at increasing `times_s`, 0 at the first."""
    steps = sigma * np.sqrt(np.diff(times_s)) * rng.standard_normal(len(times_s) - 1)
    return np.concatenate(([0.0], np.cumsum(steps)))


def pinned(times_s: Floats, free: Floats, nodes_s: Floats, values: Floats) -> Floats:
    """The path `free` bent through `values` at `nodes_s` (increasing, all among `times_s`).

    Between two nodes a Brownian path becomes the Brownian bridge between their values; before the
    first and after the last it goes on as it was.
    """
    at = np.searchsorted(times_s, nodes_s)
    if not np.array_equal(times_s[at], nodes_s):
        raise ValueError("every node must be one of the times")
    bent: Floats = free + np.interp(times_s, nodes_s, values - free[at])
    return bent
