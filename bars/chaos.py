"""Order management under faults: random schedules on the local exchange, in process, on virtual time.

Each is a minute of random trading on two coins while everything goes wrong that can
(`tests.trading.orders.chaos_sessions`), then 40 s to two minutes without faults. After it orders, position,
cash, fees and funding must be the exchange's to the last unit, every fill in the journal once, nothing left
behind; before every send the limit must hold, and after every step the kill switch what its rules say and
nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from bars import Figure

TITLE = "Orders under faults"
SCHEDULES = int(os.environ.get("UNDERTOW_CHAOS", "1000"))
FIRST = int(os.environ.get("UNDERTOW_CHAOS_FIRST", "0"))
WORKERS = 2
LARGEST = 20
KINDS = (
    *(f"frame {way} {what}" for way in ("up", "down") for what in ("dropped", "duplicated", "reordered")),
    *("frame up delayed", "frame down delayed", "connect refused"),
    *(f"mishap: {what}" for what in ("half open", "broken", "down", "upgrade", "halt", "interest cap")),
    *(f"mishap: {what}" for what in ("nonces taken", "nonces low", "leap", "silence", "by hand")),
    *(f"request: {what}" for what in ("request lost", "reply lost", "429", "502", "502 after")),
    *("reply lost, order accepted", "modify that would have crossed", "fill during a modify"),
    *(f"clock set {way}, {size}" for way in ("forward", "back") for size in ("under a second", "minutes")),
    *("clock wrong at the start", "killed at any moment", "process died", "memory lost", "taken up again"),
    *("refused: NONCE_DUPLICATE", "refused: NONCE_LOW", "refused: BUDGET", "refused: IP_LIMIT"),
)
"""What every run must have had, beside every refusal the venue has a text for (`chaos_faults.SAID`)."""
REASONS = (
    *(
        "loss",
        "drawdown",
        "stale_feed",
        "reject_storm",
        "budget",
        "price_jump",
        "clock_skew",
        "halt",
        "manual",
    ),
)


Result = tuple[int, str, int, int, Counter[str]]
"""Seed, what was wrong, fills, most lots beyond the limit, faults by kind."""


def _run(seed: int) -> Result:
    from tests.trading.orders.chaos_sessions import chaos

    try:
        session = chaos(seed)
    except BaseException as error:
        return seed, f"{type(error).__name__}: {str(error)[:300]}", 0, 0, Counter()
    return seed, "", len(session.model.fills), session.worst, session.counts


def measure() -> list[Figure]:
    """Run every schedule, two at a time."""
    started = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    seeds = range(FIRST, FIRST + SCHEDULES)
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        results = []
        for result in pool.map(_run, seeds, chunksize=4):
            results.append(result)
            if len(results) % 50 == 0:
                failed = sum(bool(fault) for _, fault, *_ in results)
                print(f"  {len(results)} of {SCHEDULES} schedules, {failed} failed", flush=True)
    return figures(results, seeds, time.perf_counter() - started)


def figures(results: list[Result], seeds: range, seconds: float) -> list[Figure]:
    """What the schedules of `seeds` came to."""
    from tests.trading.orders.chaos_faults import SAID

    failed = [(seed, fault) for seed, fault, *_ in results if fault]
    counts: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for *_, own in results:
        counts.update(own)
        within.update(kind for kind, n in own.items() if n)
    wanted = (*KINDS, *(f"refused: {one.name}" for one in SAID))
    never = [kind for kind in wanted if not counts[kind]]
    unfired = [reason for reason in REASONS if not counts[f"kill: {reason}"]]
    fills, worst = sum(result[2] for result in results), max(result[3] for result in results)
    detail = {
        "fills": fills,
        "seconds": round(seconds),
        "seeds": f"{seeds[0]} to {seeds[-1]}",
        "failures": failed[:20],
        "again": "python -m tests.trading.orders.chaos_sessions SEED",
    }
    coverage = {kind: [n, within[kind]] for kind, n in sorted(counts.items())}
    return [
        Figure("schedules run", len(results), ">= 1000", len(results) >= 1000, detail=detail),
        Figure("schedules failed", len(failed), "0", not failed, seeds=[seed for seed, _ in failed]),
        Figure(
            "most lots beyond the limit (a fill that raced a modify)",
            worst,
            f"<= one order, {LARGEST}",
            worst <= LARGEST,
        ),
        Figure(
            f"kinds of fault, of {len(wanted)}, that never happened",
            len(never),
            "0",
            not never,
            detail={"never": never, "times and schedules by kind": coverage},
        ),
        Figure(
            f"rules of the kill switch, of {len(REASONS)}, that never fired",
            len(unfired),
            "0",
            not unfired,
            detail={"never": unfired},
        ),
    ]
