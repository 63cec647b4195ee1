"""What writing before acting costs: ``python -m benchmarks.journal [--folder DIR] [--json FILE]``.

The full maker on the frames of `benchmarks.frame_to_order`, from bytes of a frame to bytes of a signed
request, without a journal and with one, in turn. The cost of a decision is the transaction that makes its
intents (and what else had gathered) durable, timed inside those runs: it is all that stands between a
decision and its bytes; processor time leaves out what other processes took. Below, the same transactions
under each setting of SQLite's ``synchronous``, which is why NORMAL was chosen, and with a thread that moves
the log into the file meanwhile. `DIR` must lie on the disk in question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame_to_order import START_MS, WARM_S, frames, ours
from undertow.journal.rows import About, CoinRow, Intent, Opening
from undertow.journal.store import NAME, Journal

SECONDS = 600.0
ROUNDS = 3
ABOUT = About(1, "0x" + "00" * 20, "local", "venue", START_MS * 1_000_000, 1e4, "{}", "{}")
COINS = (CoinRow("BTC", 0, Decimal("0.001"), Decimal("0.01")),)


class Timed(Journal):
    """A journal whose transactions are timed: µs of wall and processor time, rows, whether a decision's."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.us: list[tuple[float, float, int, bool]] = []

    def commit(self, *, synced: bool = False) -> None:
        """See `Journal.commit`."""
        if not self.pending:
            return
        decision = "intent" in self._pending
        before, began_ns, cpu_ns = self.rows, time.perf_counter_ns(), time.thread_time_ns()
        super().commit(synced=synced)
        cpu_us = (time.thread_time_ns() - cpu_ns) / 1e3
        wall_us = (time.perf_counter_ns() - began_ns) / 1e3
        self.us.append((wall_us, cpu_us, self.rows - before, decision))


def _journal(folder: Path) -> Timed:
    made = Timed.create(folder / NAME, ABOUT, COINS)
    assert isinstance(made, Timed)
    made.begin(ABOUT.created_ns, resumed=False)
    return made


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    return {f"p{q:g}_us": float(np.percentile(values, q)) for q in (50, 99, 99.9)}


def frame_to_order(folder: Path, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """Frame to order without and with, and the cost of a decision and of an answer."""
    messages = frames(WARM_S + seconds)
    warm = sum(at < (START_MS + WARM_S * 1e3) * 1e6 for at, _ in messages)
    times: dict[str, list[NDArray[np.float64]]] = {"without a journal": [], "with a journal": []}
    kept: list[tuple[float, float, int, bool]] = []
    for k in range(rounds):
        times["without a journal"].append(asyncio.run(ours(messages))[0][warm:])
        with tempfile.TemporaryDirectory(dir=folder) as where:
            journal = _journal(Path(where) / f"{k}")
            times["with a journal"].append(asyncio.run(ours(messages, journal))[0][warm:])
            journal.close()
        kept += journal.us[len(journal.us) // 5 :]
    out = {}
    for name, found in times.items():
        joined = np.concatenate(found)
        joined = joined[~np.isnan(joined)]
        out[f"frame to order, {name}"] = _percentiles(joined) | {"n": len(joined)}
    rows = float(np.mean([n for _, _, n, decision in kept if decision]))
    for what, wanted in (("a decision", True), ("an answer", False)):
        for k, time_of in enumerate(("", ", processor time")):
            values = np.array([entry[k] for entry in kept if entry[3] == wanted])
            out[f"journal before {what}{time_of}"] = _percentiles(values) | {"n": len(values), "rows": rows}
    return out


def _intents(at: int, entries: int) -> list[Intent]:
    return [
        Intent(at, at, 3, "BTC", at + i, 7, f"0x{at + i:032x}", 1, 84_143, 125, 0, False, at, "maker")
        for i in range(entries)
    ]


def settings(folder: Path, entries: int = 4, n: int = 2_000) -> dict[str, dict[str, float]]:
    """The same transaction under OFF, NORMAL, NORMAL with a thread that tidies, and FULL."""
    out = {}
    for name in ("OFF", "NORMAL", "NORMAL, tidied by a thread", "FULL"):
        with tempfile.TemporaryDirectory(dir=folder) as where:
            journal = _journal(Path(where))
            journal.opening([Opening(0, "BTC", 0, 0)], ())
            journal.commit()
            journal._connection.execute(f"PRAGMA synchronous = {name.partition(',')[0]}")
            done = threading.Event()
            thread = threading.Thread(target=_tidying, args=(journal, done))
            if "thread" in name:
                thread.start()
            times = []
            for k in range(n if name != "FULL" else n // 10):
                journal.intents(_intents(k * entries, entries))
                began_ns = time.perf_counter_ns()
                journal.commit()
                times.append((time.perf_counter_ns() - began_ns) / 1e3)
                time.sleep(0.001)
            done.set()
            if thread.ident is not None:
                thread.join()
            journal.close()
            out[f"synchronous = {name}"] = _percentiles(np.array(times)) | {"n": len(times)}
    return out


def _tidying(journal: Journal, done: threading.Event) -> None:
    while not done.wait(0.5):
        journal.tidy()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal", description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where journals are put")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the market, measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each, in turn")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.gettempdir())
    found = frame_to_order(folder, given.seconds, given.rounds) | settings(folder)
    print(f"{'':<42}{'p50 µs':>10}{'p99 µs':>10}{'p99.9 µs':>10}{'n':>10}")
    for name, figures in found.items():
        values = "".join(f"{figures[f'p{q:g}_us']:>10.0f}" for q in (50, 99, 99.9))
        print(f"{name:<42}{values}{figures['n']:>10.0f}")
    print(f"rows in a decision's transaction: {found['journal before a decision']['rows']:.1f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
