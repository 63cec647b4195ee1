"""The whole session on broken lines: right within five seconds of the feed's return; a sample.

``bars/reconnect.py`` runs hundreds of schedules. Of the seeds here each once found a fault.
"""

from __future__ import annotations

from pathlib import Path

from tests.live.schedules import run


def test_right_again_after_every_return(tmp_path: Path) -> None:
    """Twenty seconds of replies lost and refused: questions about orders in doubt must not wait too long."""
    outcome = run(231, tmp_path)
    assert outcome.wrong == [], outcome.about
    assert outcome.fills > 5
    assert outcome.requests > 100


def test_a_schedule_is_a_function_of_its_seed(tmp_path: Path) -> None:
    """One in which orders whose cancels were lost stand while a side turns stale anew."""
    first, second = run(203, tmp_path / "a"), run(203, tmp_path / "b")
    assert first == second
    assert first.wrong == [], first.about
    assert first.pulled > 0
    assert first.stale_moments > 0
