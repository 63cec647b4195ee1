"""What one exponential a side leaves of Λ: own fills per forecast fill, by depth.

Orders are met by two crowds: many that take the touch and no more, and a few that go through the book. One
κ lies between them: it forecasts too few fills at the touch and far out, too many in the middle. So it is
held against own fills, where orders stood,

    Λ(δ) = A·e^(−κδ)·ρ(δ),   ρ_j = (a₀·ρ̄_j + n_j)/(a₀ + P_j) at depth node j,   straight between nodes

n_j being the fills and P_j = Σ A·e^(−κδ)·seconds those forecast without ρ, both shared out between the two
nearest nodes (the conjugate posterior mean of a Poisson rate over its forecast). ρ̄_j, worth a₀ fills, is the
same of the nodes around j together, from a prior of 1. The touch, half the market's spread, has a node of its
own wherever it is: Λ is flat inside it and falls by a step behind it. Nodes are close because within the
span of one the near end, where more is forecast, outweighs the far end.
Both sides together: what differs between them is in A and κ (`kernel.own_intensity`). Where no order has
stood ρ is 1. Kept as ρ − 1, so that zeros mean no correction. Source: docs/model.md §5 (Λ is measured).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled

LEVEL_NODES_BPS: Final = (
    *(0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 0.85, 1.05, 1.3, 1.55, 1.85, 2.2, 2.6, 3.1),
    *(3.7, 4.4, 5.2, 6.2, 7.4, 8.9, 10.6, 12.6, 15.0, 18.0, 21.5, 26.0, 31.0, 37.0),
)
"""The first stands for the touch."""
N_LEVEL_NODES: Final = len(LEVEL_NODES_BPS)
_NODES: Final = np.array(LEVEL_NODES_BPS)

REACH: Final = 2
"""Nodes on either side that say what a node is like until it has fills of its own."""

Floats = NDArray[np.float64]


@compiled
def _place(depth: float, touch: float) -> tuple[int, float]:
    """The node below `depth` (the last but one at most) and the share of the next; flat beyond the ends."""
    if depth <= touch:
        return 0, 0.0
    if depth <= _NODES[1]:
        return 1, 0.0
    j = 1
    while j + 2 < N_LEVEL_NODES and depth >= _NODES[j + 1]:
        j += 1
    return j, min((depth - _NODES[j]) / (_NODES[j + 1] - _NODES[j]), 1.0)


@compiled
def add_at(nodes: Floats, depth: float, touch: float, weight: float) -> None:
    """Share `weight` out between the nodes nearest `depth` (bps)."""
    j, share = _place(depth, touch)
    nodes[j] += (1.0 - share) * weight
    nodes[j + 1] += share * weight


@compiled
def excess_at(excess: Floats, depth: float, touch: float) -> float:
    """ρ − 1 at `depth` bps."""
    j, share = _place(depth, touch)
    return excess[j] + share * (excess[j + 1] - excess[j])


@compiled
def _ratio(prior: float, level: float, fills: float, predicted: float) -> float:
    """Posterior mean of ρ, `level` a priori, worth `prior` fills."""
    return (prior * level + fills) / (prior + predicted)


@compiled
def refresh_excess(excess: Floats, fills: Floats, predicted: Floats, prior: float, worth: float) -> None:
    """ρ − 1 of every node from its fills and those forecast; `prior` is a₀, `worth` that of a fill, 0…1."""
    for j in range(N_LEVEL_NODES):
        n, p = fills[j], predicted[j]
        if j > 0:
            for i in range(max(j - REACH, 1), min(j + REACH, N_LEVEL_NODES - 1) + 1):
                if i != j:
                    n += fills[i]
                    p += predicted[i]
        around = _ratio(prior, 1.0, worth * n, worth * p)
        excess[j] = _ratio(prior, around, worth * fills[j], worth * predicted[j]) - 1.0
