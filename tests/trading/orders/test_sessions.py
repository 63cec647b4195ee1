"""Random sessions under faults: once these stop, all that is known is so. Seeded; a failure replays.

``bars/chaos.py`` runs a thousand and more of them.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.trading.orders.sessions import Session, faults_of
from tests.trading.orders.venue_model import Faults

SHARE = st.floats(0.0, 0.1)


@pytest.mark.parametrize("seed", range(6))
def test_seeded_schedule(seed: int) -> None:
    Session(seed, faults_of(seed), 40.0).run()


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    faults=st.builds(
        Faults,
        lost_request=SHARE,
        lost_reply=SHARE,
        late_request=st.sampled_from([0.0, 0.5, 1.0]),
        refused=SHARE,
        lost_answer=SHARE,
        lost_frame=SHARE,
        repeated_frame=st.floats(0.0, 0.5),
        jitter_s=st.floats(0.0, 2.0),
        keeps_cloid=st.booleans(),
        own_cancels=st.floats(0.0, 0.05),
    ),
)
def test_any_faults(seed: int, faults: Faults) -> None:
    Session(seed, faults, 25.0).run()


def test_a_session_is_a_function_of_its_seed() -> None:
    first, second = (Session(3, faults_of(3), 20.0) for _ in range(2))
    first.run()
    second.run()
    for name, trader in first.traders.items():
        other = second.traders[name]
        assert [row.tobytes() for row in trader.rows] == [row.tobytes() for row in other.rows]
