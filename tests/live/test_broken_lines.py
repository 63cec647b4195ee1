"""The whole session on broken lines: right within five seconds of the feed's return; a sample.

``bars/reconnect.py`` runs hundreds of schedules.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live.schedules import run


@pytest.mark.parametrize("seed", [3, 5, 7, 9, 11, 13])
def test_right_again_after_every_return(seed: int, tmp_path: Path) -> None:
    outcome = run(seed, tmp_path)
    assert outcome.wrong == [], outcome.about
    assert outcome.fills > 5
    assert outcome.requests > 100


def test_a_schedule_is_a_function_of_its_seed(tmp_path: Path) -> None:
    first, second = run(10, tmp_path / "a"), run(10, tmp_path / "b")
    assert first == second
