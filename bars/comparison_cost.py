"""What a comparison of makers costs: processor time per maker and session, threads against processes."""

from __future__ import annotations

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

from bars import Figure
from undertow import makers
from undertow.research.running import Cell, run_seeds
from undertow.research.variants import Variant

TITLE = "Comparison of makers"

SEEDS = list(range(1, 21))
CELL = Cell(market="hl-btc", duration_s=1_800.0)
VARIANTS = [Variant(name, name) for name in makers.MAKERS]
SESSIONS = 100 * 10 * 5
"""Paired seeds × markets × makers of the full comparison, which must fit into 40 minutes on two cores."""


def _share(seeds: list[int]) -> int:
    run_seeds([CELL], seeds, VARIANTS, workers=1)
    return len(seeds)


def measure() -> list[Figure]:
    """Run every maker on `SEEDS`; the machine code is loaded beforehand."""
    run_seeds([CELL], SEEDS[:1], VARIANTS)
    cpu, wall = time.process_time(), time.monotonic()
    run_seeds([CELL], SEEDS, VARIANTS, workers=2)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    each = cpu / (len(SEEDS) * len(VARIANTS))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_share, [SEEDS[0::2], SEEDS[1::2]]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processes = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    minutes = each * SESSIONS / 2.0 / 60.0
    return [
        Figure(
            "processor seconds per maker and half-hour session, generation included",
            round(each, 4),
            "≤ 0.9",
            each <= 0.9,
            SEEDS,
            {"makers": [v.label for v in VARIANTS], "wall_s_two_threads": round(wall, 2)},
        ),
        Figure(
            "100 seeds × 10 markets × 5 makers on two cores, minutes (from processor time)",
            round(minutes, 1),
            "≤ 40",
            minutes <= 40.0,
        ),
        Figure(
            "threads over processes, processor time",
            round(cpu / processes, 3),
            "≤ 1: threads are what it uses",
            cpu <= processes,
            SEEDS,
            {
                "threads_s": round(cpu, 2),
                "processes_s": round(processes, 2),
            },
        ),
    ]
