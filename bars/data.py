"""What the data layer costs: the 45 h StandX recording into the store and out again."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bars import Figure, recordings

TITLE = "Data layer: 45 h of books and prints through the store"

_IMPORT = """
import resource, sys, time
from undertow.data.convert import convert
start = time.perf_counter()
convert("standx", [sys.argv[1]], mode="repair").store(sys.argv[2])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
_READ = """
import resource, sys, time
from undertow.data.store import open_recording
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
times, rows = [], 0
for _ in range(3):
    start = time.perf_counter()
    rows = sum(len(c.rows) for c in open_recording(sys.argv[1], "standx", "BTC-USD").chunks())
    times.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(sorted(times)[1], peak - idle, rows)
"""


def _measured(code: str, *arguments: str) -> list[float]:
    """Numbers printed by `code` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return [float(number) for number in done.stdout.split()]


def measure() -> list[Figure]:
    """Seconds and memory of import and of streaming."""
    source = recordings() / "standx_btc"
    with tempfile.TemporaryDirectory() as folder:
        import_s, import_mb = _measured(_IMPORT, str(source), folder)
        read_s, read_mb, rows = _measured(_READ, folder)
        size_mb = sum(p.stat().st_size for p in Path(folder).rglob("*.parquet")) / 1e6
    return [
        Figure("streaming the store, s", round(read_s, 2), "<= 3", read_s <= 3.0, detail={"rows": rows}),
        Figure("memory of streaming above the idle process, MB", round(read_mb), "<= 200", read_mb <= 200),
        Figure("import, s", round(import_s, 1), "<= 30", import_s <= 30.0),
        Figure("peak memory of the import, MB", round(import_mb), "<= 1024", import_mb <= 1024),
        Figure("size on disk, MB", round(size_mb, 1), "<= 55 (the source's)", size_mb <= 55),
    ]
