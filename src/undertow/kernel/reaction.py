"""How long a resting order stays as it was after the market has moved: the maker's reaction time.

An order is priced against the mid the maker last saw, reaches the exchange later and stands there
until its successor does. It cannot be moved while it is in flight, so a maker that moves it as often
as it can sends every (round trip + time between decisions). What meets an order is therefore an
aggressor order that comes, on average,

    reaction = feed delay + order delay + ½·(round trip + time between decisions)

after the mid it was priced against, and a depth that is to be quoted must be measured from that
earlier mid: of orders that reached a depth (fill intensity) and of what the mid did afterwards
(markouts), so that the moves in between are in both. Measured from the mid just before the print, both
would describe a maker without latency, whose orders are never late.

Each part is a mean of half-life `half_life` observations with a prior worth one. Delays that are
negative, or longer than `longest_s`, change nothing. Source: docs/model.md §5 ("the mid before it"),
for a maker who cannot act in no time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import blend, step_weight
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import seconds_between

FEED: Final = 0
ORDER: Final = 1
ROUND_TRIP: Final = 2
DECISION: Final = 3
N_PARTS: Final = 4

REACTION: Final = np.dtype(
    [
        ("delay_s", "<f8", (N_PARTS,)),  # weighted mean of each part
        ("weight", "<f8", (N_PARTS,)),
        ("decided_ns", "<i8"),
        ("lag_ns", "<i8"),  # the reaction time
    ],
    align=True,
)

REACTION_PARAMS: Final = np.dtype(
    [("prior_s", "<f8", (N_PARTS,)), ("alpha", "<f8"), ("longest_s", "<f8"), ("fixed_ns", "<i8")], align=True
)


def reaction_params(
    *,
    prior_feed_s: float = 0.1,
    prior_order_s: float = 0.25,
    prior_round_trip_s: float = 0.5,
    prior_decision_s: float = 0.1,
    half_life: float = 200.0,
    longest_s: float = 10.0,
    fixed_s: float = -1.0,
) -> Rec:
    """Delays expected before any is measured, s; half-life in observations; `fixed_s` ≥ 0 sets the sum."""
    require("reaction", prior_feed_s=prior_feed_s, prior_decision_s=prior_decision_s)
    require("reaction", prior_order_s=prior_order_s, prior_round_trip_s=prior_round_trip_s)
    require("reaction", half_life=half_life, longest_s=longest_s)
    rec = new_record(REACTION_PARAMS)
    rec["prior_s"] = [prior_feed_s, prior_order_s, prior_round_trip_s, prior_decision_s]
    rec["alpha"], rec["longest_s"] = step_weight(half_life), longest_s
    rec["fixed_ns"] = round(fixed_s * 1e9) if fixed_s >= 0.0 else -1
    return rec


def init_reaction(state: Rec, params: Rec) -> None:
    """Every part starts at its prior, worth one observation."""
    state["weight"] = params["alpha"]
    state["delay_s"] = params["alpha"] * params["prior_s"]
    _settle(state, params)


@compiled
def _settle(state: Rec, params: Rec) -> None:
    if params.fixed_ns >= 0:
        state.lag_ns = params.fixed_ns
        return
    total = 0.0
    for k in range(N_PARTS):
        part = state.delay_s[k] / state.weight[k]
        total += part if k <= ORDER else 0.5 * part
    state.lag_ns = int(1e9 * total)


@compiled
def reaction_seen(state: Rec, params: Rec, part: int, earlier_ns: int, later_ns: int) -> None:
    """Learn one delay of `part`: the time from `earlier_ns` to `later_ns`."""
    delay_s = seconds_between(earlier_ns, later_ns)
    if not 0.0 <= delay_s <= params.longest_s:
        return
    state.delay_s[part] = blend(state.delay_s[part], delay_s, params.alpha)
    state.weight[part] = blend(state.weight[part], 1.0, params.alpha)


@compiled
def reaction_cycle(state: Rec, params: Rec, now_ns: int) -> None:
    """A decision is taken now: learn the time since the last, and settle the reaction time."""
    if state.decided_ns > 0:
        reaction_seen(state, params, DECISION, state.decided_ns, now_ns)
    state.decided_ns = now_ns
    _settle(state, params)


@compiled
def reaction_s(state: Rec) -> float:
    """The reaction time, s."""
    return state.lag_ns * 1e-9
