"""Shared fixtures: where the real recordings are, when this machine has them.

Property tests have no deadline: their first example may compile what it calls.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("compiling", deadline=None)
settings.load_profile("compiling")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings; tests that want it skip where it is missing."""
    path = Path(os.environ.get("UNDERTOW_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no recordings at {path} (set UNDERTOW_DATA to their folder)")
    return path
