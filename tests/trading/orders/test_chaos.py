"""A few chaos schedules (`bars.chaos` runs a thousand), and that their judge sees what is wrong."""

from __future__ import annotations

import pytest
from tests.trading.orders.chaos_sessions import chaos

from undertow.clock import WallClock
from undertow.risk.switch import KillSwitch
from undertow.trading.orders.ledger import Ledger


@pytest.mark.parametrize("seed", [9, 10])
def test_everything_is_right_once_faults_stop(seed: int) -> None:
    session = chaos(seed)
    assert session.model.fills
    assert sum(session.counts.values()) > 100


@pytest.mark.parametrize("seed", [461, 477])
def test_a_stream_that_breaks_while_a_process_takes_up_again_does_not_stop_it(seed: int) -> None:
    """Questions about orders in doubt rest while the stream is down: they must go on when it is back."""
    assert chaos(seed).counts["taken up again"]


def test_a_clock_with_steps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that stands still or leaps makes feeds look fresh or old."""
    monkeypatch.setattr(WallClock, "now_ns", lambda self: self._wall_ns())
    with pytest.raises(AssertionError, match="kill switch after"):
        chaos(18)  # set forward by minutes


def test_a_switch_that_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KillSwitch, "latch", lambda *_: None)
    with pytest.raises(AssertionError, match="it should hold"):
        chaos(18)


def test_a_fill_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Ledger.book
    monkeypatch.setattr(Ledger, "book", lambda self, fill: fill.tid % 7 != 3 and book(self, fill))
    with pytest.raises(AssertionError):
        chaos(10)
