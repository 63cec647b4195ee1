"""What one exponential a side leaves of Λ: own fills per forecast fill, by depth.

Orders are met by two crowds, many that take the touch and no more, and a few that go through the book. One
κ lies between them: it forecasts too few fills at the touch and far out, too many in the middle. So it is
held against own fills, where orders stood,

    Λ(δ) = A·e^(−κδ)·ρ(δ),   ρ_j = (a₀·ρ̄_j + n_j)/(a₀ + P_j) at depth node j,   straight between nodes

n_j being the fills at the node and P_j = Σ_sides A·e^(−κδ_j)·(seconds of exposure there) those that A and κ
*as they are now* would have forecast, both shared out between the two nearest nodes: a posterior mean of a
Poisson rate (Gamma prior ρ̄_j worth a₀ fills), so that where there are many fills Λ is fills per second,
whatever κ does. ρ̄_j is the same of the nodes around j together, from a prior of 1. Orders at the touch, half
the market's spread, wherever it is, and orders behind it have a ρ each: Λ falls by a step behind the touch.
Both sides together: what differs between them is in A and κ (`kernel.own_intensity`). Where no order has
stood ρ is 1. Kept as ρ − 1, so that zeros mean no correction. Source: docs/model.md §5 (Λ is measured).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled

NODES_BPS: Final = (
    *(0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 0.85, 1.05, 1.3, 1.55, 1.85, 2.2, 2.6, 3.1),
    *(3.7, 4.4, 5.2, 6.2, 7.4, 8.9, 10.6, 12.6, 15.0, 18.0, 21.5, 26.0, 31.0, 37.0),
)
N_NODES: Final = len(NODES_BPS)
NODES: Final = np.array(NODES_BPS)
REACH: Final = 2
"""Nodes on either side that say what a node is like until it has fills of its own."""
AT_TOUCH: Final = 0
BEHIND: Final = 1

Floats = NDArray[np.float64]


@compiled
def place_of(depth: float, touch: float) -> int:
    """Whether an order at `depth` is `AT_TOUCH` (half the market's spread, `touch`) or `BEHIND` it."""
    return AT_TOUCH if depth <= touch else BEHIND


@compiled
def _node(depth: float) -> tuple[int, float]:
    """The node below `depth` (the last but one at most) and the share of the next; flat beyond the ends."""
    if depth <= NODES[0]:
        return 0, 0.0
    j = 0
    while j + 2 < N_NODES and depth >= NODES[j + 1]:
        j += 1
    return j, min((depth - NODES[j]) / (NODES[j + 1] - NODES[j]), 1.0)


@compiled
def add_at(nodes: Floats, depth: float, touch: float, weight: float) -> None:
    """Share `weight` out between the nodes nearest `depth` (bps); `nodes` (2, `N_NODES`)."""
    place = place_of(depth, touch)
    j, share = _node(depth)
    nodes[place, j] += (1.0 - share) * weight
    nodes[place, j + 1] += share * weight


@compiled
def excess_at(excess: Floats, depth: float, touch: float) -> float:
    """ρ − 1 at `depth` bps; `excess` (2, `N_NODES`)."""
    place = place_of(depth, touch)
    j, share = _node(depth)
    return excess[place, j] + share * (excess[place, j + 1] - excess[place, j])


@compiled
def _ratio(prior: float, level: float, fills: float, predicted: float) -> float:
    """Posterior mean of ρ, `level` a priori, worth `prior` fills."""
    return (prior * level + fills) / (prior + predicted)


@compiled
def refresh_excess(excess: Floats, fills: Floats, predicted: Floats, prior: float, worth: float) -> None:
    """ρ − 1 of every node from its fills and those forecast; `prior` is a₀, `worth` that of a fill, 0…1."""
    for place in range(2):
        for j in range(N_NODES):
            n = p = 0.0
            for i in range(max(j - REACH, 0), min(j + REACH, N_NODES - 1) + 1):
                n += fills[place, i]
                p += predicted[place, i]
            around = _ratio(prior, 1.0, worth * n, worth * p)
            own = _ratio(prior, around, worth * fills[place, j], worth * predicted[place, j])
            excess[place, j] = own - 1.0
