"""Quotes that run over a resting order: how often a stretch of them counts, and how deep."""

from __future__ import annotations

import numpy as np

from undertow.kernel.crossing import CROSSING, crossing_look, crossing_order, take_crossing
from undertow.records import Rec, new_record

S = 1_000_000_000
LAG = S


def _events(reach: list[float], state: Rec | None = None) -> list[float]:
    """Depths of the events of a reach seen every quarter of a second."""
    state = new_record(CROSSING) if state is None else state
    out = []
    for i, x in enumerate(reach):
        crossing_look(state, 0, x, 100.0, (8 + i) * S // 4, (8 + i) * S // 4, LAG)
        if state.ended[0]:
            out.append(float(state.deepest_bps[0]))
            take_crossing(state, 0)
    return out


def test_a_stretch_is_one_event_as_deep_as_its_deepest_moment() -> None:
    assert _events([-1.0, 0.5, 2.0, 1.0, -0.2, -1.0]) == [2.0]
    assert _events([-1.0, -0.1, 0.0]) == []
    assert _events([1.0, np.nan, 3.0, -1.0]) == [3.0]


def test_one_that_lasts_meets_an_order_every_reaction_time() -> None:
    events = _events([1.0] * 40 + [-1.0])
    assert 6 <= len(events) <= 9  # ten seconds, an order a second and a look
    assert set(events) == {1.0}


def test_what_a_print_reached_is_no_event_of_its_own() -> None:
    state = new_record(CROSSING)
    crossing_order(state, 0, 2.5, 2 * S, LAG)
    assert _events([1.0, 2.0, -1.0], state) == []
    assert _events([3.0, -1.0], state) == [3.0]
