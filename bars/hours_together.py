"""Hours on every preset with all that watches a session on: journal, exchange, report, metrics stay one.

A whole session as ``undertow run`` makes it, on a local exchange in this process and on virtual time, with
recorder, journal, log, screen and metrics endpoint, over several funding settlements; at its end each account
of it is held against the others (`tests.live.hours`).
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.live.hours import Course, lived, with_everything_on
from tests.trading.driving import config as quick_config

from bars import Figure
from undertow.config import Config
from undertow.exchange.spec import MarketSpec

TITLE = "Hours with everything on: journal, exchange, report and metrics"
HOURS = float(os.environ.get("UNDERTOW_HOURS", "3"))
SESSIONS = (
    (MarketSpec("hl-btc", "BTC"), "symmetric", 61),
    (MarketSpec("hip3-hype", "hyna:HYPE", growth_mode=True, reference="HYPE"), "undertow", 62),
    (MarketSpec("binance-btc-volatile", "BTC"), "undertow", 63),
)
"""Market, maker, seed."""
LEAST_FILLS = 30
"""Of a session: with fewer there is little to disagree about."""


def _session(market: MarketSpec, maker: str, seed: int, hours: float) -> tuple[Course, float]:
    config = with_everything_on(quick_config() if maker == "symmetric" else Config())
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        course = lived(market, maker, hours, seed, Path(folder), config)
    return course, time.perf_counter() - began


def measure(hours: float = HOURS) -> list[Figure]:
    """One session on each preset."""
    figures = []
    for market, maker, seed in SESSIONS:
        course, took_s = _session(market, maker, seed, hours)
        worst = max(course.exactly.values())
        detail = asdict(course) | {"times_faster": round(hours * 3600.0 / took_s, 1)}
        named = f"{market.source}, {maker}, {hours:g} h"
        figures += [
            Figure(
                f"{named}: differences between journal, exchange, report and metrics",
                len(course.differences),
                "0",
                not course.differences,
                [seed],
                detail,
            ),
            Figure(f"{named}: largest difference of money, USD", worst, "< 0.005", worst < 0.005, [seed]),
            Figure(f"{named}: fills", course.fills, f">= {LEAST_FILLS}", course.fills >= LEAST_FILLS, [seed]),
        ]
        print(f"  {named}: {course.fills} fills, {len(course.differences)} differences", flush=True)
    return figures
