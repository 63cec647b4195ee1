"""A sample of sessions on the local exchange itself; ``bars/chaos.py`` runs a thousand and more."""

from __future__ import annotations

import pytest
from tests.trading.orders.exchange_sessions import ExchangeSession
from tests.trading.orders.venue_model import Faults


@pytest.mark.parametrize("seed", [0, 4])
def test_seeded_schedule(seed: int) -> None:
    ExchangeSession(seed, Faults(), 30.0, restarts=seed > 2).run()


def test_a_session_is_a_function_of_its_seed() -> None:
    heard = []
    for _ in range(2):
        session = ExchangeSession(7, Faults(), 12.0, restarts=True)
        session.run()
        heard.append([row.tobytes() for name in session.traders for row in session.traders[name].rows])
    assert heard[0] == heard[1]
    assert heard[0]
