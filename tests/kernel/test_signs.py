"""A sample of `bars.signs`: signs at the ticks of the actions that reach the venue."""

from __future__ import annotations

import pytest
from bars import signs

DESKS = [signs.Desk(*pair) for pair in signs.INSTRUMENTS]


@pytest.mark.parametrize("law", signs.laws(), ids=lambda law: law.name)
def test_no_sign_is_reversed_and_none_is_lost_before_rounding(law: signs.Law) -> None:
    rng = signs.np.random.default_rng(7)
    for i in range(300):
        signs.check(law, DESKS[i % len(DESKS)], rng)
    assert law.cases > 250
    assert law.not_strict == 0
    assert law.compared > 150
    assert law.reversed == 0, law.examples
    assert law.best_jumped <= 1


def test_the_check_can_fail() -> None:
    """A law with the wrong sign is violated nearly always."""
    law = signs.Law("rising market: lower bid and ask", lambda desk, rng: _rise(desk), "both lower")
    rng = signs.np.random.default_rng(7)
    for i in range(50):
        signs.check(law, DESKS[i % len(DESKS)], rng)
    assert law.not_strict == law.cases
    assert law.reversed > 0.5 * law.cases


def _rise(desk: signs.Desk) -> bool:
    desk.x.drift += 0.3
    return True


def test_markets_differ_enough_for_the_signs_to_mean_something() -> None:
    rng = signs.np.random.default_rng(3)
    clamped = both = 0
    for i in range(200):
        desk = DESKS[i % len(DESKS)]
        desk.randomise(rng)
        quote = desk.quote()
        clamped += quote.clamped
        both += bool(quote.bids and quote.asks)
    assert 10 < clamped < 120
    assert both > 100
