"""What writing before acting costs; whether frame to order keeps its bar with it (`benchmarks.journal`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.journal import SECONDS, frame_to_order

from bars import Figure

TITLE = "Journal before action"
BAR_US = 200.0
FRAME_P50_US, FRAME_P99_US = 300.0, 1_500.0


def measure() -> list[Figure]:
    """A decision's transaction; frame to order with and without, in the same run."""
    found = frame_to_order(Path(tempfile.gettempdir()), SECONDS, 3)
    out = []
    for name in ("journal before a decision", "journal before a decision, processor time"):
        p99 = found[name]["p99_us"]
        out.append(Figure(f"{name}: p99, µs", round(p99), f"<= {BAR_US:g}", p99 <= BAR_US, [], found[name]))
    for name in ("frame to order, without a journal", "frame to order, with a journal"):
        p50, p99 = found[name]["p50_us"], found[name]["p99_us"]
        out.append(Figure(f"{name}: p50, µs", round(p50), f"<= {FRAME_P50_US:g}", p50 <= FRAME_P50_US))
        out.append(Figure(f"{name}: p99, µs", round(p99), f"<= {FRAME_P99_US:g}", p99 <= FRAME_P99_US))
    return out
