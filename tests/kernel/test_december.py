"""The recorded fall of 23 December: what bipower filters out, σ_effective shows at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from bars.dec23 import at, readings, series


@pytest.fixture(scope="module")
def folder(recordings: Path) -> Path:
    if not (recordings / "crash_2025-12-23").is_dir():
        pytest.skip("the recording of 23 December 2025 is not here")
    return recordings


def test_sigma_effective_sees_the_first_step_and_bipower_does_not(folder: Path) -> None:
    found = readings(*series(folder))
    before, first, second, later = (at(found, s) for s in (0.0, 1.5, 3.0, 13.0))
    assert min(r.momentum_2s for r in found if 0.0 <= r.time_s <= 4.0) == pytest.approx(-4.4, abs=0.05)
    assert first.clean <= before.clean  # a single jump: bipower has not moved
    assert first.effective > 4.0 * before.effective
    assert second.effective > 3.0 * second.clean
    assert later.effective < 0.5 * second.effective
    assert first.jump_share == 0.9


def test_the_documents_thresholds_were_not_reached(folder: Path) -> None:
    """−20 bps in half a second scores 1: the whole fall, had it come at once, scores .22."""
    found = readings(*series(folder))
    assert max(-r.momentum_2s for r in found if 0.0 <= r.time_s <= 4.0) / 20.0 < 0.25
