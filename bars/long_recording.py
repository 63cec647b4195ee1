"""The 45 h recording: Parquet to report in time and memory, and cost linear in rows.

Every figure is of a process of its own, compiled code warm, as a user runs it: the undertow maker,
2 × 6 levels, a decision every 100 ms (1.6 million of them).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bars import Figure, recordings

TITLE = "The long recording"

VENUE, COIN = "standx", "BTC-USD"
COMMAND = (sys.executable, "-m", "undertow.cli.main")
GIB = 2**30


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    told: dict[str, Any]


def cost(*command: str) -> Cost:
    """Run `command` to its end; wall and CPU seconds, peak resident memory, its JSON output."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
        output.seek(0)
        told = json.loads(output.read() or "{}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, told)


def _replay(store: Path, folder: Path, extent: str) -> Cost:
    where = ("--store", str(store), "--venue", VENUE, "--coin", COIN)
    return cost(*COMMAND, "replay", *where, "--range", extent, "--json", "--output", str(folder))


def measure() -> list[Figure]:
    """Import the recording into a store, then replay it: once, with the range, and 1×, 2×, 4× as long."""
    source = recordings() / "standx_btc"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "store"
        stored = cost(
            *COMMAND, "data", "import", "standx", str(source), "--repair", "--store", str(store), "--json"
        )
        cost(*COMMAND, "replay", "--duration", "30", "--range", "off", "--json", "--output", name)  # compiles
        base, corners = _replay(store, folder, "off"), _replay(store, folder, "corners")
        files = _from_files(source, folder)
        tiled = {
            n: cost(sys.executable, "-m", "bars.long_recording", str(store), str(n), name) for n in (1, 2, 4)
        }
    load = round(os.getloadavg()[0], 1)
    session = base.told["session"]
    size = {"rows": session["rows"], "cycles": session["cycles"], "load": load}
    worst = max(base.peak_bytes, corners.peak_bytes) / GIB
    ratio = tiled[4].told["cpu_s"] / tiled[1].told["cpu_s"]
    spent = {f"{n}x": {k: c.told[k] for k in ("rows", "cpu_s", "seconds")} for n, c in tiled.items()}
    peaks = {f"{n}x": round(c.peak_bytes / GIB, 2) for n, c in tiled.items()}
    return [
        _seconds("store to report, one run, s", base, size),
        _seconds("store to report with its range (3 runs), s", corners, size),
        _seconds("StandX's own Parquet files to report, one run, s", files, {"load": load}),
        Figure("peak memory, GiB", round(worst, 2), "<= 1", worst <= 1.0, detail=peaks),
        Figure(
            "processor time of 4× the rows over that of 1×",
            round(ratio, 2),
            "<= 4.4",
            ratio <= 4.4,
            detail={**spent, "load": load},
        ),
        Figure(
            "import into the store, s (once)",
            round(stored.seconds, 1),
            "told, not a bar",
            True,
            detail={"peak_gib": round(stored.peak_bytes / GIB, 2), "cpu_s": round(stored.cpu_s, 1)},
        ),
    ]


def _from_files(source: Path, folder: Path) -> Cost:
    given = ("--kind", "standx", "--repair", "--range", "off", "--json", "--output", str(folder))
    return cost(*COMMAND, "replay", str(source), *given)


def _seconds(name: str, spent: Cost, detail: dict[str, Any]) -> Figure:
    more = {"cpu_s": round(spent.cpu_s, 1), "peak_gib": round(spent.peak_bytes / GIB, 2)}
    return Figure(name, round(spent.seconds, 1), "<= 30", spent.seconds <= 30.0, detail={**detail, **more})


# ---- a process of its own: the recording n times end to end, through the Python API ---------------


class Tiled:
    """A recording repeated `times`, each copy a second after the one before."""

    def __init__(self, recording: Any, times: int) -> None:
        self.recording, self.times = recording, times
        self.name = f"{recording.name}x{times}"
        self.instrument, self.snapshot_fed = recording.instrument, recording.snapshot_fed

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time."""
        first, last = self.recording.span_ns
        return first, last + (self.times - 1) * self._step

    @property
    def n_rows(self) -> int:
        """Rows of all copies."""
        return int(self.times * self.recording.n_rows)

    @property
    def _step(self) -> int:
        first, last = self.recording.span_ns
        return int(last - first + 1_000_000_000)

    def chunks(self) -> Iterator[Any]:
        """Every copy's chunks, times shifted."""
        for k in range(self.times):
            for chunk in self.recording.chunks():
                rows = chunk.rows.copy()
                rows["exch_ns"] += k * self._step
                rows["recv_ns"] += k * self._step
                yield chunk._replace(rows=rows)


def _session(store: str, times: str, folder: str) -> None:
    from undertow import api

    recording = Tiled(api.open_recording(store, VENUE, COIN), int(times))
    started, spent = time.perf_counter(), time.process_time()
    session = api.run(recording, extent="off")
    session.report(Path(folder) / "tiled.html")
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - spent
    rows = session.summary["session"]["rows"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = {"rows": rows, "cpu_s": cpu_s, "seconds": seconds, "peak_gib": peak / GIB}
    print(json.dumps({name: round(value, 2) for name, value in told.items()}))


if __name__ == "__main__":
    _session(*sys.argv[1:4])
