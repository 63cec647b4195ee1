"""Order management under faults: random schedules on the local exchange, in process, on virtual time.

Each is a minute of random trading on two coins while frames are lost, repeated, delayed and reordered,
requests and replies lost, refused and answered 502, sockets broken or half-open, requests exhausted, and the
process killed and begun again with or without its memory; then a minute without faults. After it orders,
position and fees must be the exchange's to the last unit, every fill told exactly once, nothing left behind.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter

from bars import Figure

TITLE = "Orders under faults"
SCHEDULES = int(os.environ.get("UNDERTOW_CHAOS", "1000"))
SECONDS = 60.0


def _run(seed: int) -> tuple[int, str, int, int, Counter[str]]:
    from tests.trading.orders.exchange_sessions import ExchangeSession
    from tests.trading.orders.venue_model import Faults

    session = ExchangeSession(seed, Faults(), SECONDS, restarts=seed % 2 == 1)
    fault = ""
    try:
        session.run()
    except Exception as error:
        fault = f"{type(error).__name__}: {str(error)[:300]}"
    counts: Counter[str] = Counter({str(kind): n for kind, n in session.notices.items()})
    return seed, fault, len(session.model.fills), session.worst, counts


def measure() -> list[Figure]:
    """Run every schedule, spread over the processors."""
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count()) as pool:
        results = pool.map(_run, range(SCHEDULES), chunksize=4)
    failed = [(seed, fault) for seed, fault, *_ in results if fault]
    notices: Counter[str] = Counter()
    for result in results:
        notices.update(result[4])
    fills, worst = sum(result[2] for result in results), max(result[3] for result in results)
    detail = {
        "fills": fills,
        "seconds": round(time.perf_counter() - started),
        "notices": dict(notices),
        "failures": failed[:20],
    }
    return [
        Figure("schedules run", SCHEDULES, ">= 1000", SCHEDULES >= 1000, detail=detail),
        Figure("schedules failed", len(failed), "0", not failed, seeds=[seed for seed, _ in failed]),
        Figure(
            "most lots beyond the limit (a fill that raced a modify)", worst, "<= one order, 20", worst <= 20
        ),
        Figure("positions found unexplained", notices["position"], "0", notices["position"] == 0),
    ]
