"""How long a user waits: for help, for the first event of a replay, for the first compilation."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bars import Figure

TITLE = "Start-up"

RUNS = 7
COMMAND = (sys.executable, "-m", "undertow.cli.main")


def _run(*arguments: str, cache: Path | None = None) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run the command; its result and the moment it was started (seconds since the epoch)."""
    environment = dict(os.environ)
    if cache is not None:
        environment["UNDERTOW_CACHE_DIR"] = str(cache)
        environment.pop("NUMBA_CACHE_DIR", None)
    started = time.time()
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment, check=True)
    return done, started


def _help_s() -> list[float]:
    taken = []
    for _ in range(RUNS):
        _, started = _run("--help")
        taken.append(time.time() - started)
    return taken


def _first_event_s(folder: Path, maker: str) -> list[float]:
    """From the start of the process until the replay has gone through its first rows."""
    taken = []
    for _ in range(RUNS + 1):
        short = ("--maker", maker, "--duration", "60", "--range", "off")
        done, started = _run("replay", *short, "--json", "--output", str(folder))
        taken.append(json.loads(done.stdout)["first_event_unix_s"] - started)
    return taken[1:]  # the first may have compiled


def _cold(folder: Path) -> tuple[float, str]:
    """First start of a fresh installation: seconds to the first event, and what the user was told."""
    short = ("--duration", "60", "--range", "off", "--json", "--output", str(folder))
    done, started = _run("replay", *short, cache=folder / "cache")
    return json.loads(done.stdout)["first_event_unix_s"] - started, done.stderr


def measure() -> list[Figure]:
    """Medians of several starts, each a process of its own; disk caches warm, as on a second start."""
    with tempfile.TemporaryDirectory() as folder:
        helped, first = _help_s(), _first_event_s(Path(folder), "undertow")
        cold_s, told = _cold(Path(folder))
    announced = "compiling" in told and "compiled in" in told
    load = round(os.getloadavg()[0], 1)
    help_s, first_s = statistics.median(helped), statistics.median(first)
    return [
        Figure(
            "--help, s (median)",
            round(help_s, 3),
            "< 0.4",
            help_s < 0.4,
            detail={"runs_s": [round(x, 3) for x in helped], "load": load},
        ),
        Figure(
            "second start of a replay to its first event, s (median)",
            round(first_s, 2),
            "< 2",
            first_s < 2.0,
            detail={"runs_s": [round(x, 2) for x in first], "load": load},
        ),
        Figure(
            "first start, everything compiled, s",
            round(cold_s, 1),
            "announced by a line before and a line with the seconds after",
            announced,
            detail={"told": [line.split(" (kept")[0] for line in told.splitlines()[:3]], "load": load},
        ),
    ]
