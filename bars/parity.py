"""Recorded sessions shown to their makers again: the same requests, the same state, for every maker.

Each maker on the local exchange, its orders on the exchange or matched on paper, on lines that break, while
another account trades through its quotes; the process is killed without warning, the session taken up again
in its folder (a new leg), and ended in order. Every request and the state record of every leg must come out
byte for byte. Sessions: `tests.live.schedules`.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from pathlib import Path
from typing import Any

from bars import Figure

TITLE = "Parity of recorded sessions"
SEEDS = (401, 402, 403)
ORDERS = ("venue", "paper")


def _run(case: tuple[int, str, str]) -> Any:
    from tests.live.schedules import run_maker

    seed, maker, orders = case
    with tempfile.TemporaryDirectory() as folder:
        return run_maker(seed, Path(folder), maker, orders)  # type: ignore[arg-type]


def measure() -> list[Figure]:
    """Every maker, both ways, spread over the processors."""
    from undertow.makers import MAKERS

    cases = [(seed, maker, orders) for maker in MAKERS for orders in ORDERS for seed in SEEDS]
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(2, os.cpu_count() or 1)) as pool:
        outcomes = pool.map(_run, cases, chunksize=1)
    figures = []
    for maker in MAKERS:
        for orders in ORDERS:
            mine = [o for c, o in zip(cases, outcomes, strict=True) if c[1:] == (maker, orders)]
            wrong = [(o.seed, o.about, o.wrong[:3]) for o in mine if o.wrong]
            requests = sum(o.requests for o in mine)
            figures.append(
                Figure(
                    f"{maker}, {orders}: sessions that did not come out the same",
                    len(wrong),
                    "0",
                    not wrong and requests > 0,
                    list(SEEDS),
                    {"requests": requests, "fills": sum(o.fills for o in mine), "wrong": wrong},
                )
            )
    return figures
