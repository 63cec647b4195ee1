"""A sample of `bars.wire_fuzz`: bent messages give sound frames or `WireError`."""

from __future__ import annotations

import pytest
from bars import wire_fuzz

from undertow.venue.wire import market
from undertow.venue.wire.frames import BboFrame


def test_bent_messages() -> None:
    found = wire_fuzz.run(8_000, seed=5)
    assert found.messages == 8_000
    assert found.untyped == []
    assert found.unsound == []
    assert found.refused > 2_000
    assert found.unknown > 50
    assert sum(found.frames.values()) > 1_000
    assert len(found.frames) == 23, "every kind of frame survives some bending"


@pytest.mark.parametrize("px", [float("nan"), float("inf"), 1e30])
def test_the_check_can_fail(px: float) -> None:
    frame = BboFrame(market.Bbo("BTC", 1, (market.Level(px, 1.0, 1), None)))
    assert wire_fuzz.unsound(frame) is not None
    assert wire_fuzz.unsound(BboFrame(market.Bbo("BTC", 2**63, (None, None)))) is not None
