"""How long a user waits: for help, for the first event of a replay, for the first compilation."""

from __future__ import annotations

import json
import math
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
    """First replay of a fresh installation: seconds to the first event, and what the user was told."""
    short = ("--duration", "60", "--range", "off", "--json", "--output", str(folder))
    done, started = _run("replay", *short, cache=folder / "replay")
    return json.loads(done.stdout)["first_event_unix_s"] - started, done.stderr


def _cold_quote_s(folder: Path) -> float:
    """First `undertow run` of a fresh installation: seconds until it says that it quotes."""
    environment = dict(os.environ, UNDERTOW_CACHE_DIR=str(folder / "run"))
    environment.pop("NUMBA_CACHE_DIR", None)
    short = ("run", "--plain", "--duration", "20", "--folder", str(folder / "sessions"))
    started = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, *short], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout is not None
    taken = math.nan
    for line in process.stdout:
        if "first quote" in line and math.isnan(taken):
            taken = time.monotonic() - started
    process.wait()
    return taken


def _trunks_read_twice(folder: Path) -> list[str]:
    """Trunks kept for other types than those their callers ask for: compiled in vain."""
    kept: dict[str, int] = {}
    for path in folder.rglob("lowered-*.nbc"):
        name = path.name.rsplit(".", 2)[0]
        kept[name] = kept.get(name, 0) + 1
    return sorted(name for name, n in kept.items() if n > 1)


def measure() -> list[Figure]:
    """Medians of several starts, each a process of its own; disk caches warm, as on a second start."""
    with tempfile.TemporaryDirectory() as folder:
        helped, first = _help_s(), _first_event_s(Path(folder), "undertow")
        cold_s, told = _cold(Path(folder))
        quote_s = _cold_quote_s(Path(folder))
        in_vain = _trunks_read_twice(Path(folder))
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
            "first start of a replay, everything compiled, s",
            round(cold_s, 1),
            "<= 75, announced by a line before and a line with the seconds after",
            announced and cold_s <= 75.0,
            detail={
                "told": [line.split(" (kept")[0] for line in told.splitlines()[:1]],
                "compiled in vain": in_vain,
                "cores": os.cpu_count(),
                "load": load,
            },
        ),
        Figure(
            "first start of undertow run to its first quote, s",
            round(quote_s, 1),
            "<= 85: with the installation, two minutes",
            quote_s <= 85.0,
            detail={"cores": os.cpu_count(), "load": load},
        ),
    ]
