"""What the client believes after its line to the venue broke, beside what is true of the local exchange.

A session on the local exchange in virtual time, its line broken once at a random point: a close, a
half-open socket, silence, no network, duplicated, reordered and late frames with lost
acknowledgements, or the venue itself down. Judged from the feed's return on: every level of the fused
book against the exchange's book at that block, the kernel's book against the fused one, the fills, the
open orders, and the position by the fills and as told. Sessions: `tests.venue.exchange_session`.
"""

from __future__ import annotations

from tests.venue.exchange_session import FAULTS, Outcome, run

from bars import Figure
from undertow.clock import run_virtually
from undertow.venue.staleness import StaleLimits

TITLE = "Recovery: book, fills, orders and position after the line breaks"
BAR_S = 5.0
SEEDS_PER_FAULT = 100
DURATIONS_S = (2.0, 4.0, 8.0, 20.0)
MARGIN_S = 1.0
"""How much older than the stale rule's limit a book may be when a side is found stale: its own delay."""


def outcomes(kind: str, seeds: range) -> list[Outcome]:
    """One session per seed."""
    once = kind in ("close", "half open")
    return [
        run_virtually(run(seed, kind, 0.0 if once else DURATIONS_S[seed % len(DURATIONS_S)]))
        for seed in seeds
    ]


def measure() -> list[Figure]:
    """Every fault at 100 points each."""
    figures = []
    limit_s = StaleLimits().silent_s + MARGIN_S
    for k, kind in enumerate(FAULTS):
        seeds = range(1000 * k, 1000 * k + SEEDS_PER_FAULT)
        found = outcomes(kind, seeds)
        wrong = [outcome for outcome in found if outcome.wrong]
        slowest = max((o.right_after_s or BAR_S for o in found), default=BAR_S)
        figures.append(
            Figure(
                f"{kind}: sessions not right {BAR_S:g} s after the feed's return",
                len(wrong),
                "0",
                not wrong,
                list(seeds),
                {"wrong": [(o.seed, o.wrong) for o in wrong][:5], "slowest_s": round(slowest, 2)},
            )
        )
        oldest = max(outcome.unseen_s for outcome in found)
        name = f"{kind}: oldest book with a side not yet stale, s"
        figures.append(Figure(name, round(oldest, 2), f"<= {limit_s:g}", oldest <= limit_s))
    return figures
