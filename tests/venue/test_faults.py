"""Book, fills, orders and position after every kind of fault, on the local exchange (`exchange_session`).

The full figure over many seeds is measured by ``bars/feed_recovery.py``."""

from __future__ import annotations

import pytest
from tests.venue.exchange_session import FAULTS, run

from undertow.clock import run_virtually
from undertow.venue.staleness import StaleLimits


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("seed", "seconds"), [(1, 2.0), (2, 12.0)])
def test_everything_is_right_within_five_seconds(kind: str, seed: int, seconds: float) -> None:
    outcome = run_virtually(run(seed, kind, 0.0 if kind in ("close", "half open") else seconds))
    assert outcome.wrong == []
    assert outcome.right_after_s is not None
    assert outcome.unseen_s < StaleLimits().silent_s + 1.0, "a side stayed quotable on an old book"
    assert outcome.fills > 0


def test_a_session_is_a_function_of_its_seed() -> None:
    assert run_virtually(run(5, "frames", 3.0)) == run_virtually(run(5, "frames", 3.0))
