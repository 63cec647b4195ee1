"""Broken frames: an error frame, a dropped socket or an answer, and nothing left behind."""

from __future__ import annotations

from bars.exchange_face import fuzz


def test_fuzzed_frames_break_nothing() -> None:
    found = fuzz(4_000, seed=7)
    assert found.faults == 0
    assert found.left == 0
    assert found.dropped > 5
