"""A maker that has watched before it quotes: the past of its market shown to it, nothing sent.

Only what is measured is kept. The maker may not quote meanwhile (its warm-up lasts for ever), so its desk
stays empty; afterwards its book is unknown again, and its tally of empty levels begins anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.events import END, EVENT, GAP, LOCAL, TIMER, empty_snapshots
from undertow.kernel.l2book import new_book
from undertow.kernel.state import PARAMS
from undertow.recording import Recording
from undertow.trading.runner import CoinRunner, cell

NEVER_NS = 2**62


def watch(runner: CoinRunner, market: Recording) -> bool:
    """Show `runner`'s maker all of `market`, with its timers; False for a maker that cannot only watch."""
    if runner.params.dtype != cell(np.zeros(1, PARAMS)[0]).dtype:
        return False
    quoting = runner.params["quoting"]
    warmup_ns = int(quoting["warmup_ns"][0])
    quoting["warmup_ns"] = NEVER_NS
    due_ns = last_ns = 0
    for rows, snapshots in market.chunks():
        seen = rows[rows["flags"] & LOCAL != 0]
        if len(seen) == 0:
            continue
        due_ns = due_ns or int(seen["recv_ns"][0]) + runner.interval_ns
        last_ns = int(seen["recv_ns"][-1])
        timers = _timers(due_ns, last_ns, runner.interval_ns)
        due_ns += len(timers) * runner.interval_ns
        both = np.concatenate([seen, timers])
        runner.see(both[np.argsort(both["recv_ns"], kind="stable")], snapshots)
    quoting["warmup_ns"] = warmup_ns
    runner.books[:] = cell(new_book(window_ticks=runner.window_ticks, erode=runner.snapshot_fed))
    runner.states["tally"] = np.zeros(1, dtype=runner.states.dtype["tally"])
    if last_ns:
        runner.see(_gap(last_ns), empty_snapshots())
    return True


def _timers(first_ns: int, last_ns: int, interval_ns: int) -> NDArray[np.void]:
    times = np.arange(first_ns, last_ns + 1, interval_ns, dtype=np.int64)
    rows = np.zeros(len(times), dtype=EVENT)
    rows["exch_ns"] = rows["recv_ns"] = times
    rows["kind"], rows["flags"] = TIMER, LOCAL
    return rows


def _gap(now_ns: int) -> NDArray[np.void]:
    row = np.zeros(1, dtype=EVENT)
    row["exch_ns"] = row["recv_ns"] = now_ns
    row["kind"], row["flags"], row["val"] = GAP, LOCAL | END, 0.0
    return row
