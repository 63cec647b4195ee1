"""A process that dies at any write of its journal goes on without losing, repeating or orphaning anything.

A sample; ``bars/kill9.py`` runs many, and real processes beside them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journal.crashing import crash_session


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_deaths_at_writes(seed: int, tmp_path: Path) -> None:
    session = crash_session(seed, tmp_path)
    assert session.deaths > 0
