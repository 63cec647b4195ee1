"""A trading process killed for good goes on from its journal; ``bars/kill9.py`` does it a hundred times."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.journal.killing import kill_many


def test_killed_and_resumed(tmp_path: Path) -> None:
    found = asyncio.run(kill_many(3, tmp_path / "sessions", seed=1, trade_s=1.0))
    assert found.verdict is not None
    assert found.verdict.same, found.verdict.differences
    assert not found.faults
    assert found.kills == 3
    assert found.intents > 0
