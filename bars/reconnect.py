"""The whole session on broken lines: what it believes beside what is true, after every return of the feed.

Everything that `undertow run` assembles (client, feed, makers, order manager, guard, record) on the local
exchange, in one process on virtual time; market data, the account's stream and requests on lines of their
own. A schedule breaks them at random points: closed, half-open or silent sockets, late, doubled and
overtaken frames, no network, the venue down, replies lost and refused; some kill the process and begin
again. Judged 5 s after the feed's return and on: every level of every maker's book, desks, order table,
fills, position, cash and fees, each against the exchange; no growing order rests on a stale side; at the end
no order is left and the record reruns to the same bytes. Schedules: `tests.live.schedules`.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from pathlib import Path

from bars import Figure

TITLE = "A whole session on broken lines"
SCHEDULES = int(os.environ.get("UNDERTOW_RECONNECT", "240"))
BAR_S = 5.0


def _run(seed: int) -> object:
    from tests.live.schedules import run

    with tempfile.TemporaryDirectory() as folder:
        return run(seed, Path(folder))


def measure() -> list[Figure]:
    """Every schedule, spread over the processors."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(2, os.cpu_count() or 1), maxtasksperchild=40) as pool:
        outcomes = pool.map(_run, range(SCHEDULES), chunksize=4)
    wrong = [outcome for outcome in outcomes if outcome.wrong]  # type: ignore[attr-defined]
    times = sorted(outcome.right_after_s for outcome in outcomes)  # type: ignore[attr-defined]
    detail = {
        name: sum(getattr(outcome, name) for outcome in outcomes)
        for name in ("fills", "requests", "pulled", "stale_moments")
    }
    failures = [(o.seed, o.about, o.wrong[:3]) for o in wrong]  # type: ignore[attr-defined]
    return [
        Figure("schedules run", SCHEDULES, ">= 200", SCHEDULES >= 200, detail=detail),
        Figure(
            f"schedules with anything wrong {BAR_S:g} s after the feed's return, or later",
            len(wrong),
            "0",
            not wrong,
            seeds=[seed for seed, _, _ in failures],
            detail={"failures": failures[:20]},
        ),
        Figure(
            "last moment anything was wrong, s after the return (median, most)",
            f"{times[len(times) // 2]:.1f}, {times[-1]:.1f}",
            f"<= {BAR_S:g}",
            times[-1] <= BAR_S + 0.1,
        ),
    ]
